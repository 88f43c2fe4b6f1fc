-- A payer's balance is a row of its own, with one check: PostgreSQL reads all checks of a table anew for every update, and
-- those of accounts are about columns that never change.
CREATE OR REPLACE FUNCTION ledger_account_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IN ('wallet', 'promotion') THEN
        INSERT INTO ledger_payerbalance (account_id) VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_account_opened AFTER INSERT ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_opened();
