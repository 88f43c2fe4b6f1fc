-- Set money of a payer aside, with the shares that a capture pays out.
CREATE OR REPLACE FUNCTION ledger_hold(
    p_key text, p_payer bigint, p_amount bigint, p_shares jsonb, p_reference text, p_expires_at timestamptz
) RETURNS ledger_hold
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    -- Not the expiry: a repeated request would come with a later one.
    request text := ledger_request('hold', p_payer::text, p_amount::text, p_shares::text, p_reference);
    made ledger_hold;
BEGIN
    SELECT * INTO made FROM ledger_hold WHERE key = p_key;
    IF made.id IS NULL THEN
        INSERT INTO ledger_hold (key, request_hash, payer_id, currency, amount, shares, reference, expires_at,
                                 created_at)
        SELECT p_key, request, p_payer, currency, p_amount, p_shares, p_reference, p_expires_at,
               statement_timestamp()
          FROM ledger_account WHERE id = p_payer
        ON CONFLICT (key) DO NOTHING
        RETURNING * INTO made;
        IF made.id IS NOT NULL THEN
            RETURN made;
        END IF;
        SELECT * INTO made FROM ledger_hold WHERE key = p_key;
        IF made.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', p_payer USING ERRCODE = 'LG013';
        END IF;
    END IF;
    IF made.request_hash <> request THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_hold FROM PUBLIC;
