"""Triggers: nothing written is changed, entries sum to zero, balances follow the entries and holds.

They hold against every role that does not own the tables, whatever statement it sends. Errors carry an
SQLSTATE of the class LG, which market.ledger.errors turns into exceptions.
"""

from django.db import migrations

APPEND_ONLY = ("transfer", "entry", "hold", "holdresolution")

REFUSALS = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'LG012', HINT = 'Correct a transfer by reversing it.';
END $$;

-- Rows that triggers keep: a change that does not come from inside one is refused.
CREATE FUNCTION ledger_refuse_change_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() <= 1 THEN
        RAISE EXCEPTION '% on % refused: it follows the entries and holds', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'LG012';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE FUNCTION ledger_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.posted <> 0 OR NEW.held <> 0 THEN
            RAISE EXCEPTION 'An account starts empty' USING ERRCODE = 'LG012';
        END IF;
    ELSIF pg_trigger_depth() <= 1 THEN
        RAISE EXCEPTION 'UPDATE on ledger_account refused: balances follow the entries and holds'
            USING ERRCODE = 'LG012';
    ELSIF (NEW.id, NEW.owner_id, NEW.kind, NEW.currency, NEW.created_at)
          IS DISTINCT FROM (OLD.id, OLD.owner_id, OLD.kind, OLD.currency, OLD.created_at) THEN
        RAISE EXCEPTION 'An account keeps its owner, kind and currency' USING ERRCODE = 'LG012';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_account();
CREATE TRIGGER ledger_account_append_only BEFORE DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_pendinghold_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_pendinghold
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
CREATE TRIGGER ledger_pendinghold_no_truncate BEFORE TRUNCATE ON ledger_pendinghold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
""" + "".join(
    f"CREATE TRIGGER ledger_{table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();\n"
    for table in APPEND_ONLY
)

ENTRIES = """
-- The entries of a transfer come complete, in one statement: so none can be added to it later.
CREATE FUNCTION ledger_entries_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT t.id, t.entry_count, w.n INTO wrong
      FROM (SELECT transfer_id, count(*) AS n, max(position) AS last,
                   min(created_at) AS earliest, max(created_at) AS latest
              FROM written GROUP BY transfer_id) w
      JOIN ledger_transfer t ON t.id = w.transfer_id
     WHERE (w.n, w.last, w.earliest, w.latest)
           IS DISTINCT FROM (t.entry_count, t.entry_count, t.created_at, t.created_at)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Transfer % has % entries, not these %', wrong.id, wrong.entry_count, wrong.n
            USING ERRCODE = 'LG011';
    END IF;

    SELECT w.account_id, w.transfer_id, a.id, a.currency AS has, t.currency AS wants INTO wrong
      FROM written w
      JOIN ledger_transfer t ON t.id = w.transfer_id
      LEFT JOIN ledger_account a ON a.id = w.account_id
     WHERE a.currency IS DISTINCT FROM t.currency
     LIMIT 1;
    IF FOUND THEN
        IF wrong.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', wrong.account_id USING ERRCODE = 'LG013';
        END IF;
        RAISE EXCEPTION 'Account % keeps %, the transfer is in %', wrong.account_id, wrong.has, wrong.wants
            USING ERRCODE = 'LG009';
    END IF;

    UPDATE ledger_account a
       SET posted = a.posted + s.amount
      FROM (SELECT account_id, sum(amount)::bigint AS amount FROM written GROUP BY account_id) s
     WHERE a.id = s.account_id AND a.kind IN ('wallet', 'promotion') AND s.amount <> 0;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_written AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_written();

-- At the end of the transaction: the transfer balances, and is what it says it is.
CREATE FUNCTION ledger_check_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found_count bigint;
    total numeric;
    credits numeric;
BEGIN
    SELECT count(*), COALESCE(sum(amount), 0), COALESCE(sum(amount) FILTER (WHERE amount > 0), 0)
      INTO found_count, total, credits
      FROM ledger_entry WHERE transfer_id = NEW.id;
    IF found_count <> NEW.entry_count OR total <> 0 OR credits <> NEW.amount THEN
        RAISE EXCEPTION 'Transfer % does not balance: % of % entries, sum %, credits % of %',
            NEW.id, found_count, NEW.entry_count, total, credits, NEW.amount
            USING ERRCODE = 'LG011';
    END IF;
    IF NEW.kind = 'capture'
       AND NOT EXISTS (SELECT FROM ledger_holdresolution WHERE transfer_id = NEW.id) THEN
        RAISE EXCEPTION 'Capture % belongs to no hold', NEW.id USING ERRCODE = 'LG011';
    END IF;
    IF NEW.reverses_id IS NOT NULL AND (
        EXISTS (SELECT FROM ledger_transfer WHERE id = NEW.reverses_id AND reverses_id IS NOT NULL)
        OR EXISTS (
            SELECT FROM (SELECT position, account_id, amount FROM ledger_entry WHERE transfer_id = NEW.id) ours
              FULL JOIN (SELECT position, account_id, amount FROM ledger_entry
                          WHERE transfer_id = NEW.reverses_id) theirs USING (position, account_id)
             WHERE ours.amount IS DISTINCT FROM -theirs.amount)
    ) THEN
        RAISE EXCEPTION 'Transfer % is not the reversal of %', NEW.id, NEW.reverses_id
            USING ERRCODE = 'LG011';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_transfer_balances AFTER INSERT ON ledger_transfer
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_check_transfer();
"""

HOLDS = """
-- Authorisation: one conditional statement on the payer's row.
CREATE FUNCTION ledger_hold_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
    payer ledger_account;
    total numeric;
BEGIN
    SELECT s.account, s.amount, s.line, a.id, a.currency INTO wrong
      FROM jsonb_to_recordset(NEW.shares) AS s(account bigint, amount bigint, line text)
      LEFT JOIN ledger_account a ON a.id = s.account
     WHERE a.id IS NULL OR a.currency <> NEW.currency OR a.id = NEW.payer_id
        OR s.amount IS NULL OR s.amount < 0 OR COALESCE(s.line, '') = ''
     LIMIT 1;
    IF FOUND THEN
        IF wrong.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', wrong.account USING ERRCODE = 'LG013';
        ELSIF wrong.currency <> NEW.currency THEN
            RAISE EXCEPTION 'Account % keeps %, the hold is in %', wrong.account, wrong.currency, NEW.currency
                USING ERRCODE = 'LG009';
        END IF;
        RAISE EXCEPTION 'A share needs a line, an amount of zero or more, and a receiver other than the payer'
            USING ERRCODE = 'LG015';
    END IF;
    SELECT sum(amount) INTO total FROM jsonb_to_recordset(NEW.shares) AS s(amount bigint);
    IF total IS DISTINCT FROM NEW.amount THEN
        RAISE EXCEPTION 'The shares sum to %, the hold is over %', total, NEW.amount USING ERRCODE = 'LG015';
    END IF;

    UPDATE ledger_account
       SET held = held + NEW.amount
     WHERE id = NEW.payer_id AND currency = NEW.currency AND kind IN ('wallet', 'promotion')
       AND posted - held >= NEW.amount;
    IF NOT FOUND THEN
        SELECT * INTO payer FROM ledger_account WHERE id = NEW.payer_id;
        IF payer.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', NEW.payer_id USING ERRCODE = 'LG013';
        ELSIF payer.kind NOT IN ('wallet', 'promotion') THEN
            RAISE EXCEPTION 'Account % is not one that pays for queries', payer.id USING ERRCODE = 'LG014';
        ELSIF payer.currency <> NEW.currency THEN
            RAISE EXCEPTION 'Account % keeps %, the hold is in %', payer.id, payer.currency, NEW.currency
                USING ERRCODE = 'LG009';
        END IF;
        PERFORM ledger_insufficient(payer.posted - payer.held, NEW.amount);
    END IF;
    INSERT INTO ledger_pendinghold (hold_id, expires_at) VALUES (NEW.id, NEW.expires_at);
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_insufficient(available numeric, needed numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Too little money: % available, % needed', available, needed
        USING ERRCODE = 'LG001',
              DETAIL = jsonb_build_object('available', available, 'needed', needed)::text;
END $$;

CREATE TRIGGER ledger_hold_made AFTER INSERT ON ledger_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_made();

CREATE FUNCTION ledger_hold_resolved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    resolved ledger_hold;
BEGIN
    DELETE FROM ledger_pendinghold WHERE hold_id = NEW.hold_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Hold % is not pending', NEW.hold_id USING ERRCODE = 'LG011';
    END IF;
    SELECT * INTO resolved FROM ledger_hold WHERE id = NEW.hold_id;
    IF NEW.outcome = 'posted' AND NOT EXISTS (
        SELECT FROM ledger_transfer t
         WHERE t.id = NEW.transfer_id AND t.kind = 'capture'
           AND (t.amount, t.currency, t.reference) = (resolved.amount, resolved.currency, resolved.reference)
    ) THEN
        RAISE EXCEPTION 'Transfer % does not capture hold %', NEW.transfer_id, NEW.hold_id
            USING ERRCODE = 'LG011';
    END IF;
    UPDATE ledger_account SET held = held - resolved.amount WHERE id = resolved.payer_id;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_holdresolution_resolves AFTER INSERT ON ledger_holdresolution
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_resolved();
"""

UNDO = """
DROP TRIGGER ledger_holdresolution_resolves ON ledger_holdresolution;
DROP TRIGGER ledger_hold_made ON ledger_hold;
DROP TRIGGER ledger_transfer_balances ON ledger_transfer;
DROP TRIGGER ledger_entry_written ON ledger_entry;
DROP TRIGGER ledger_pendinghold_no_truncate ON ledger_pendinghold;
DROP TRIGGER ledger_pendinghold_by_trigger ON ledger_pendinghold;
DROP TRIGGER ledger_account_append_only ON ledger_account;
DROP TRIGGER ledger_account_guard ON ledger_account;
""" + "".join(f"DROP TRIGGER ledger_{table}_append_only ON ledger_{table};\n" for table in APPEND_ONLY) + """
DROP FUNCTION ledger_hold_resolved, ledger_hold_made, ledger_insufficient, ledger_check_transfer,
    ledger_entries_written, ledger_guard_account, ledger_refuse_change_by_hand, ledger_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_tables")]

    operations = [migrations.RunSQL(REFUSALS + ENTRIES + HOLDS, UNDO)]
