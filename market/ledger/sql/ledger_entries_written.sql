-- The entries of a transfer come complete, in one statement: so none can be added to it later. They move the payers' balances.
-- The one query on the rows just written is planned anew each time, so it is a plain one; the others are planned once a session.
-- Conditions that hold a query are nested, since PL/pgSQL begins to execute the whole of a condition, however it ends.
CREATE OR REPLACE FUNCTION ledger_entries_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    known record;
    payer record;
BEGIN
    FOR moved IN
        SELECT transfer_id, count(*) AS n, max(position) AS last, min(created_at) AS earliest, max(created_at) AS latest,
               array_agg(account_id) AS accounts, array_agg(amount) AS amounts, array_agg(position) AS positions
          FROM written GROUP BY transfer_id
    LOOP
        -- What a capture charges left the payer's balance with its resolution.
        SELECT t.id, t.entry_count, t.created_at, t.kind = 'capture' AS captures, accounts.fitting, accounts.keep_a_balance
          INTO known
          FROM ledger_transfer t,
               LATERAL (SELECT count(*) AS fitting,
                               bool_or(a.kind IN ('wallet', 'promotion') AND (given.position > 1 OR t.kind <> 'capture'))
                                   AS keep_a_balance
                          FROM unnest(moved.accounts, moved.positions) AS given(id, position)
                          JOIN ledger_account a ON a.id = given.id AND a.currency = t.currency) accounts
         WHERE t.id = moved.transfer_id;
        IF (moved.n, moved.last, moved.earliest, moved.latest, moved.n)
           IS DISTINCT FROM (known.entry_count, known.entry_count, known.created_at, known.created_at, known.fitting) THEN
            PERFORM ledger_refuse_entries(moved.transfer_id, known.id, known.entry_count, moved.n, moved.accounts);
        END IF;
        IF known.keep_a_balance THEN
            FOR payer IN
                SELECT given.account AS id, sum(given.amount)::bigint AS amount
                  FROM unnest(moved.accounts, moved.amounts, moved.positions) AS given(account, amount, position)
                 WHERE given.position > 1 OR NOT known.captures
                 GROUP BY given.account
                 ORDER BY given.account
            LOOP
                UPDATE ledger_payerbalance SET posted = posted + payer.amount WHERE account_id = payer.id;
            END LOOP;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_entry_written AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_written();
