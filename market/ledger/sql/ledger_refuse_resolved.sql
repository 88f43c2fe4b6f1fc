-- Say how a hold was resolved, or that there is none.
CREATE OR REPLACE FUNCTION ledger_refuse_resolved(p_hold bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    resolution ledger_holdresolution;
BEGIN
    SELECT * INTO resolution FROM ledger_holdresolution WHERE hold_id = p_hold;
    IF resolution.outcome = 'posted' THEN
        RAISE EXCEPTION 'Hold % is already posted', p_hold USING ERRCODE = 'LG003';
    ELSIF resolution.outcome = 'voided' THEN
        RAISE EXCEPTION 'Hold % is already voided', p_hold USING ERRCODE = 'LG004', DETAIL = resolution.reason;
    END IF;
    RAISE EXCEPTION 'There is no hold %', p_hold USING ERRCODE = 'LG005';
END $$;
