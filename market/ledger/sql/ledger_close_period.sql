-- Close all that came before a moment: no transfer of that time can be added.
CREATE OR REPLACE FUNCTION ledger_close_period(p_until timestamptz, p_actor bigint) RETURNS ledger_closedperiod
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    last timestamptz;
    made ledger_closedperiod;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    -- Waits for transfers under way to be committed, and lets none begin until this one is. Each looks for closed
    -- periods at its own end.
    LOCK TABLE ledger_transfer IN SHARE MODE;
    SELECT max(until) INTO last FROM ledger_closedperiod;
    IF p_until <= last THEN
        RAISE EXCEPTION 'Everything before % is closed already', last USING ERRCODE = 'LG017';
    ELSIF p_until > statement_timestamp() THEN
        RAISE EXCEPTION 'The period until % is not over', p_until USING ERRCODE = 'LG018';
    END IF;
    INSERT INTO ledger_closedperiod (until, transfers, balances, closed_by_id, created_at)
    VALUES (p_until, (SELECT count(*) FROM ledger_transfer WHERE created_at < p_until),
            ledger_balances((p_until AT TIME ZONE 'UTC')::date), p_actor, clock_timestamp())
    RETURNING * INTO made;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_close_period FROM PUBLIC;
