-- The sums follow the seals: what is sealed is added to them.
CREATE OR REPLACE FUNCTION ledger_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_rollup AS known (span, day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures)
    SELECT span, day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures FROM ledger_sums(ARRAY(SELECT transfer_id FROM sealed))
    ON CONFLICT (span, day, sort, currency, account_kind, account_id, line, subject) DO UPDATE
       SET amount = known.amount + excluded.amount, transfers = known.transfers + excluded.transfers,
           captures = known.captures + excluded.captures,
           memo = CASE WHEN excluded.memo = '' THEN known.memo ELSE excluded.memo END;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_leaf_rolled_up AFTER INSERT ON ledger_leaf
    REFERENCING NEW TABLE AS sealed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_roll_up();
