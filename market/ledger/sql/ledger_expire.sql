-- Void the hold if it is pending and past its time.
CREATE OR REPLACE FUNCTION ledger_expire(p_hold bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM FROM ledger_pendinghold WHERE hold_id = p_hold AND expires_at <= statement_timestamp();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, 'expire:' || p_hold, 'expired', statement_timestamp())
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_expire FROM PUBLIC;
