-- A capture, a void and an expiry each begin by writing the hold's one resolution: whoever comes second waits there, then finds
-- it written. The pending row goes after that, always in this order, so that no two of them can wait for each other.
CREATE OR REPLACE FUNCTION ledger_refuse_resolution(p_hold bigint, p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ledger_holdresolution WHERE hold_id = p_hold;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
    PERFORM ledger_refuse_resolved(p_hold);
END $$;
