-- Correct a transfer by one with the opposite entries.
CREATE OR REPLACE FUNCTION ledger_reverse(p_transfer bigint, p_key text, p_reason text, p_actor bigint)
RETURNS ledger_transfer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    request text := ledger_request('reverse', p_transfer::text);
    original ledger_transfer;
    done ledger_transfer := ledger_done(p_key, request);
    short record;
BEGIN
    IF done.id IS NOT NULL THEN
        RETURN done;
    END IF;
    SELECT * INTO original FROM ledger_transfer WHERE id = p_transfer;
    IF original.id IS NULL THEN
        RAISE EXCEPTION 'There is no transfer %', p_transfer USING ERRCODE = 'LG006';
    ELSIF original.reverses_id IS NOT NULL THEN
        RAISE EXCEPTION 'Transfer % is itself a reversal', p_transfer USING ERRCODE = 'LG008';
    END IF;
    done := ledger_write_transfer(p_key, request, 'reversal', original.currency, original.amount,
                                  original.entry_count, original.reference, p_reason, original.id, p_actor);
    IF done.id IS NULL THEN
        done := ledger_done(p_key, request);
        IF done.id IS NULL THEN
            RAISE EXCEPTION 'Transfer % is already reversed', p_transfer USING ERRCODE = 'LG007';
        END IF;
        RETURN done;
    END IF;

    -- A payer cannot give back what is spent or held; an artist's earnings may go below zero and be earned back.
    PERFORM FROM ledger_payerbalance
      WHERE account_id IN (SELECT account_id FROM ledger_entry WHERE transfer_id = p_transfer)
      ORDER BY account_id FOR NO KEY UPDATE;
    SELECT b.posted - b.held AS available, e.amount AS needed INTO short
      FROM ledger_payerbalance b
      JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entry
             WHERE transfer_id = p_transfer GROUP BY account_id) e ON e.account_id = b.account_id
     WHERE e.amount > b.posted - b.held
     LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_insufficient(short.available, short.needed);
    END IF;
    INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
    SELECT done.id, position, account_id, -amount, line, subject, memo, done.created_at
      FROM ledger_entry WHERE transfer_id = p_transfer;
    RETURN done;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_reverse FROM PUBLIC;
