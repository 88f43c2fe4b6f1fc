-- Take what was held: the transfer, the hold's resolution and the entries are written together. The resolution takes what was
-- held from both sums of the payer's balance, so the first entry has nothing left to move: the payer's row is written once.
CREATE OR REPLACE FUNCTION ledger_capture(p_hold bigint, p_key text) RETURNS ledger_transfer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    request text := ledger_request('capture', p_hold::text);
    held ledger_hold;
    done ledger_transfer;
BEGIN
    SELECT * INTO held FROM ledger_hold WHERE id = p_hold;
    IF held.id IS NULL THEN
        PERFORM ledger_done(p_key, request);  -- which refuses a key of something else
        PERFORM ledger_refuse_resolved(p_hold);
    END IF;
    -- Of two captures with one key, the second waits here for the first; of two with different keys, at the resolution.
    INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo, created_at)
    VALUES (p_key, request, 'capture', held.currency, held.amount,
            1 + jsonb_array_length(jsonb_path_query_array(held.shares, '$[*] ? (@.amount > 0)')), held.reference, '',
            statement_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING * INTO done;
    IF done.id IS NULL THEN
        RETURN ledger_done(p_key, request);
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'posted', done.id, p_key, '', done.created_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolution(p_hold, p_key);
    END IF;
    INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
    SELECT done.id, 1, held.payer_id, -held.amount, 'charge', '', '', done.created_at
    UNION ALL
    SELECT done.id, 1 + row_number() OVER (ORDER BY s.n), (s.share->>'account')::bigint,
           (s.share->>'amount')::bigint, s.share->>'line', COALESCE(s.share->>'subject', ''),
           COALESCE(s.share->>'memo', ''), done.created_at
      FROM jsonb_array_elements(held.shares) WITH ORDINALITY AS s(share, n)
     WHERE (s.share->>'amount')::bigint > 0;
    RETURN done;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_capture FROM PUBLIC;
