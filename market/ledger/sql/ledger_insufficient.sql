-- Refuse, and say how much there is.
CREATE OR REPLACE FUNCTION ledger_insufficient(available numeric, needed numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Too little money: % available, % needed', available, needed
        USING ERRCODE = 'LG001',
              DETAIL = jsonb_build_object('available', available, 'needed', needed)::text;
END $$;
