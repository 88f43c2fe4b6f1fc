-- Free what was held.
CREATE OR REPLACE FUNCTION ledger_void(p_hold bigint, p_key text, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM FROM ledger_hold WHERE id = p_hold;
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolved(p_hold);
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, p_key, p_reason, statement_timestamp())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM ledger_holdresolution WHERE key = p_key AND hold_id = p_hold AND outcome = 'voided';
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolution(p_hold, p_key);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_void FROM PUBLIC;
