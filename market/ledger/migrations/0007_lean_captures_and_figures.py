"""Captures with less to do, sums by day that follow the seals, and periods that are closed.

What a capture no longer does: look up each entry's transfer once more (the trigger on entries does it once for all of them), and
write the payer's row twice (what was held and what is charged leave it together).
"""

from django.db import migrations

BEFORE = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);\n"
AFTER = "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path';\n"

ENTRIES = """
-- The one query on the rows just written is planned anew each time, so it is a plain one; the others are planned once a session.
-- Conditions that hold a query are nested, since PL/pgSQL begins to execute the whole of a condition, however it ends.
CREATE OR REPLACE FUNCTION ledger_entries_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    known record;
    payer record;
    freed bigint;
BEGIN
    FOR moved IN
        SELECT transfer_id, count(*) AS n, max(position) AS last, min(created_at) AS earliest, max(created_at) AS latest,
               array_agg(account_id) AS accounts, array_agg(amount) AS amounts,
               min(account_id) FILTER (WHERE position = 1) AS charged
          FROM written GROUP BY transfer_id
    LOOP
        SELECT t.id, t.entry_count, t.created_at, t.kind,
               (SELECT count(*) FROM unnest(moved.accounts) AS given(id)
                  JOIN ledger_account a ON a.id = given.id AND a.currency = t.currency) AS fitting
          INTO known FROM ledger_transfer t WHERE t.id = moved.transfer_id;
        IF (moved.n, moved.last, moved.earliest, moved.latest, moved.n)
           IS DISTINCT FROM (known.entry_count, known.entry_count, known.created_at, known.created_at, known.fitting) THEN
            PERFORM ledger_refuse_entries(moved.transfer_id, known.id, known.entry_count, moved.n, moved.accounts);
        END IF;
        FOR payer IN
            SELECT given.account AS id, sum(given.amount)::bigint AS amount
              FROM unnest(moved.accounts, moved.amounts) AS given(account, amount)
              JOIN ledger_account a ON a.id = given.account AND a.kind IN ('wallet', 'promotion')
             GROUP BY given.account
             ORDER BY given.account
        LOOP
            -- What a capture charges was held for it until now.
            freed := 0;
            IF known.kind = 'capture' AND payer.id = moved.charged THEN
                SELECT COALESCE(sum(h.amount), 0) INTO freed
                  FROM ledger_holdresolution r JOIN ledger_hold h ON h.id = r.hold_id
                 WHERE r.transfer_id = moved.transfer_id AND h.payer_id = payer.id;
            END IF;
            UPDATE ledger_account SET posted = posted + payer.amount, held = held - freed WHERE id = payer.id;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_refuse_entries(
    p_transfer bigint, p_found bigint, p_expected bigint, p_entries bigint, p_accounts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    IF p_found IS NULL THEN
        RAISE EXCEPTION 'There is no transfer %', p_transfer USING ERRCODE = 'LG011';
    END IF;
    SELECT given.id AS asked, a.id, a.currency AS has, t.currency AS wants INTO wrong
      FROM unnest(p_accounts) AS given(id)
      JOIN ledger_transfer t ON t.id = p_transfer
      LEFT JOIN ledger_account a ON a.id = given.id
     WHERE a.currency IS DISTINCT FROM t.currency
     LIMIT 1;
    IF FOUND AND wrong.id IS NULL THEN
        RAISE EXCEPTION 'There is no account %', wrong.asked USING ERRCODE = 'LG013';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'Account % keeps %, the transfer is in %', wrong.asked, wrong.has, wrong.wants
            USING ERRCODE = 'LG009';
    END IF;
    RAISE EXCEPTION 'Transfer % has % entries, not these %', p_transfer, p_expected, p_entries USING ERRCODE = 'LG011';
END $$;

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
"""

PLANS = "".join(
    f"ALTER FUNCTION {name} SET plan_cache_mode = force_generic_plan;\n"
    for name in ("ledger_capture", "ledger_hold", "ledger_post", "ledger_reverse")
)

RESOLUTIONS = """
CREATE OR REPLACE FUNCTION ledger_hold_resolved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    resolved ledger_hold;
BEGIN
    SELECT * INTO resolved FROM ledger_hold WHERE id = NEW.hold_id;
    DELETE FROM ledger_pendinghold WHERE hold_id = NEW.hold_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Hold % is not pending', NEW.hold_id USING ERRCODE = 'LG011';
    END IF;
    IF NEW.outcome = 'voided' THEN
        UPDATE ledger_account SET held = held - resolved.amount WHERE id = resolved.payer_id;
    ELSIF NOT EXISTS (
        SELECT FROM ledger_transfer t
         WHERE t.id = NEW.transfer_id AND t.kind = 'capture'
           AND (t.amount, t.currency, t.reference) = (resolved.amount, resolved.currency, resolved.reference)
    ) OR EXISTS (SELECT FROM ledger_entry WHERE transfer_id = NEW.transfer_id) THEN
        -- Its entries come after the resolution: they free the hold as they charge the payer.
        RAISE EXCEPTION 'Transfer % does not capture hold %', NEW.transfer_id, NEW.hold_id
            USING ERRCODE = 'LG011';
    END IF;
    RETURN NULL;
END $$;
"""

FIGURES = """
-- What some transfers add to the figures: a row for each day, sort and what it sums.
CREATE FUNCTION ledger_sums(p_transfers bigint[]) RETURNS TABLE (
    day date, sort text, currency varchar, account_kind varchar, account_id bigint, line varchar, subject varchar,
    memo text, amount numeric, transfers bigint, captures bigint
) LANGUAGE sql STABLE AS $$
    SELECT g.day, CASE WHEN g.of_all_accounts > 0 THEN 'subject' WHEN g.of_all_lines > 0 THEN 'account' ELSE 'line' END,
           g.currency, COALESCE(g.kind, ''), g.account_id, COALESCE(g.line, ''), COALESCE(g.subject, ''), g.memo, g.amount,
           g.transfers, g.captures
      FROM (SELECT e.day, e.currency, e.kind, e.account_id, e.line, e.subject, max(e.memo) AS memo, sum(e.amount) AS amount,
                   count(DISTINCT e.id) AS transfers, count(DISTINCT e.id) FILTER (WHERE e.captures) AS captures,
                   grouping(e.kind) AS of_all_accounts, grouping(e.line) AS of_all_lines
              FROM (SELECT t.id, (t.created_at AT TIME ZONE 'UTC')::date AS day, t.kind = 'capture' AS captures, a.currency,
                           a.kind, CASE WHEN a.kind NOT IN ('wallet', 'promotion') THEN a.id END AS account_id,
                           e.line, e.subject, e.memo, e.amount
                      FROM unnest(p_transfers) AS given(id)
                      JOIN ledger_transfer t ON t.id = given.id
                      JOIN ledger_entry e ON e.transfer_id = t.id
                      JOIN ledger_account a ON a.id = e.account_id) e
             GROUP BY GROUPING SETS ((e.day, e.currency, e.kind, e.account_id, e.line, e.subject),
                                     (e.day, e.currency, e.kind, e.account_id), (e.day, e.currency, e.subject))) g
     WHERE g.of_all_accounts = 0 OR g.subject <> ''
$$;

-- The committed transfers without a leaf: the search begins where the sealer's does.
CREATE FUNCTION ledger_unsealed() RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT COALESCE(array_agg(t.id), '{}')
      FROM ledger_transfer t
     WHERE t.transaction >= COALESCE((
            SELECT h.horizon
              FROM (SELECT * FROM ledger_treehead ORDER BY size DESC LIMIT 1) h, pg_control_system() c
             WHERE abs(h.cluster) = c.system_identifier
               AND h.horizon <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint), 0)
       AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.transfer_id = t.id)
$$;

CREATE VIEW ledger_figure AS
    SELECT day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures FROM ledger_rollup
    UNION ALL
    SELECT day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures
      FROM ledger_sums(ledger_unsealed());

INSERT INTO ledger_rollup (day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures)
SELECT day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures
  FROM ledger_sums(ARRAY(SELECT transfer_id FROM ledger_leaf));

CREATE FUNCTION ledger_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_rollup AS known
        (day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures)
    SELECT day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures
      FROM ledger_sums(ARRAY(SELECT transfer_id FROM sealed))
    ON CONFLICT (day, sort, currency, account_kind, account_id, line, subject) DO UPDATE
       SET amount = known.amount + excluded.amount, transfers = known.transfers + excluded.transfers,
           captures = known.captures + excluded.captures,
           memo = CASE WHEN excluded.memo = '' THEN known.memo ELSE excluded.memo END;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_leaf_rolled_up AFTER INSERT ON ledger_leaf
    REFERENCING NEW TABLE AS sealed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_roll_up();
CREATE TRIGGER ledger_rollup_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_rollup
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
CREATE TRIGGER ledger_rollup_no_truncate BEFORE TRUNCATE ON ledger_rollup
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

PERIODS = """
ALTER TABLE ledger_closedperiod ADD CONSTRAINT ledger_closedperiod_of_whole_days
    CHECK (until = date_trunc('day', until, 'UTC'));

-- What each kind of account comes to on a day's first moment.
CREATE FUNCTION ledger_balances(p_day date) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT COALESCE(jsonb_object_agg(s.name, s.total), '{}')
      FROM (SELECT account_kind || ' ' || currency AS name, sum(amount) AS total
              FROM ledger_figure WHERE sort = 'account' AND day < p_day GROUP BY 1) s
$$;

CREATE FUNCTION ledger_close_period(p_until timestamptz, p_actor bigint) RETURNS ledger_closedperiod
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    last timestamptz;
    made ledger_closedperiod;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    -- Waits for transfers under way to be committed, and lets none begin until this one is. Each looks for closed
    -- periods at its own end.
    LOCK TABLE ledger_transfer IN SHARE MODE;
    SELECT max(until) INTO last FROM ledger_closedperiod;
    IF p_until <= last THEN
        RAISE EXCEPTION 'Everything before % is closed already', last USING ERRCODE = 'LG017';
    ELSIF p_until > statement_timestamp() THEN
        RAISE EXCEPTION 'The period until % is not over', p_until USING ERRCODE = 'LG018';
    END IF;
    INSERT INTO ledger_closedperiod (until, transfers, balances, closed_by_id, created_at)
    VALUES (p_until, (SELECT count(*) FROM ledger_transfer WHERE created_at < p_until),
            ledger_balances((p_until AT TIME ZONE 'UTC')::date), p_actor, clock_timestamp())
    RETURNING * INTO made;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_close_period FROM PUBLIC;

CREATE TRIGGER ledger_closedperiod_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_closedperiod
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_figures_and_periods")]

    operations = [migrations.RunSQL(BEFORE + ENTRIES + PLANS + RESOLUTIONS + FIGURES + PERIODS + AFTER)]
