-- Write a transfer, unless there is one with the key or of the same reversal.
CREATE OR REPLACE FUNCTION ledger_write_transfer(
    p_key text, p_request text, p_kind text, p_currency text, p_amount bigint, p_entries bigint,
    p_reference text, p_memo text, p_reverses bigint, p_actor bigint
) RETURNS ledger_transfer LANGUAGE sql AS $$
    INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo,
                                 reverses_id, actor_id, created_at)
    VALUES (p_key, p_request, p_kind, p_currency, p_amount, p_entries, p_reference, p_memo,
            p_reverses, p_actor, statement_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING *
$$;
