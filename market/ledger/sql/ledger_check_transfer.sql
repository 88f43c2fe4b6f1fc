-- At the end of the transaction: the transfer balances, and is what it says it is.
CREATE OR REPLACE FUNCTION ledger_check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_count bigint;
    total numeric;
    credits numeric;
    charged_account bigint;
    charged bigint;
    closed timestamptz;
BEGIN
    SELECT count(*), COALESCE(sum(amount), 0), COALESCE(sum(amount) FILTER (WHERE amount > 0), 0),
           max(account_id) FILTER (WHERE position = 1), max(-amount) FILTER (WHERE position = 1)
      INTO found_count, total, credits, charged_account, charged
      FROM ledger_entry WHERE transfer_id = NEW.id;
    IF found_count <> NEW.entry_count OR total <> 0 OR credits <> NEW.amount THEN
        RAISE EXCEPTION 'Transfer % does not balance: % of % entries, sum %, credits % of %',
            NEW.id, found_count, NEW.entry_count, total, credits, NEW.amount
            USING ERRCODE = 'LG011';
    END IF;
    IF NEW.kind = 'capture' THEN
        PERFORM FROM ledger_holdresolution r JOIN ledger_hold h ON h.id = r.hold_id
          WHERE r.transfer_id = NEW.id AND (h.payer_id, h.amount) = (charged_account, charged);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'Capture % belongs to no hold, or charges another than its payer', NEW.id
                USING ERRCODE = 'LG011';
        END IF;
    ELSIF NEW.reverses_id IS NOT NULL THEN
        IF EXISTS (SELECT FROM ledger_transfer WHERE id = NEW.reverses_id AND reverses_id IS NOT NULL)
            OR EXISTS (
                SELECT FROM (SELECT position, account_id, amount FROM ledger_entry WHERE transfer_id = NEW.id) ours
                  FULL JOIN (SELECT position, account_id, amount FROM ledger_entry
                              WHERE transfer_id = NEW.reverses_id) theirs USING (position, account_id)
                 WHERE ours.amount IS DISTINCT FROM -theirs.amount)
        THEN
            RAISE EXCEPTION 'Transfer % is not the reversal of %', NEW.id, NEW.reverses_id
                USING ERRCODE = 'LG011';
        END IF;
    END IF;
    SELECT until INTO closed FROM ledger_closedperiod ORDER BY until DESC LIMIT 1;
    IF NEW.created_at < closed THEN
        RAISE EXCEPTION 'The period of % is closed', NEW.created_at
            USING ERRCODE = 'LG016', HINT = 'Has the clock of the database gone back?';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS ledger_transfer_balances ON ledger_transfer;
CREATE CONSTRAINT TRIGGER ledger_transfer_balances AFTER INSERT ON ledger_transfer
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_check_transfer();
