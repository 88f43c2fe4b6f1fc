"""Sums by month beside those by day, and of each kind of account beside those of each account: so that a year is a few rows."""

from django.db import migrations, models

BEFORE = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);\n"
AFTER = "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path';\n"

DROP = """
SET CONSTRAINTS ALL IMMEDIATE;
DROP VIEW ledger_figure;
DROP FUNCTION ledger_sums;
ALTER TABLE ledger_rollup DISABLE TRIGGER ledger_rollup_no_truncate;
TRUNCATE ledger_rollup;
ALTER TABLE ledger_rollup ENABLE TRIGGER ledger_rollup_no_truncate;
"""

_COLUMNS = "span, day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures"

FIGURES = f"""
-- What some transfers add to the figures: a row for each day and for each month, each sort and what it sums.
CREATE FUNCTION ledger_sums(p_transfers bigint[]) RETURNS TABLE (
    span text, day date, sort text, currency varchar, account_kind varchar, account_id bigint, line varchar, subject varchar,
    memo text, amount numeric, transfers bigint, captures bigint
) LANGUAGE sql STABLE AS $$
    WITH days AS MATERIALIZED (
        SELECT g.day,
               CASE WHEN g.of_all_kinds > 0 THEN 'subject' WHEN g.of_all_lines > 0 THEN 'account'
                    WHEN g.of_all_accounts > 0 THEN 'kind' ELSE 'line' END AS sort,
               g.currency, COALESCE(g.kind, '') AS kind, g.account_id, COALESCE(g.line, '') AS line,
               COALESCE(g.subject, '') AS subject, g.memo, g.amount, g.transfers, g.captures
          FROM (SELECT e.day, e.currency, e.kind, e.account_id, e.line, e.subject, max(e.memo) AS memo, sum(e.amount) AS amount,
                       count(DISTINCT e.id) AS transfers, count(DISTINCT e.id) FILTER (WHERE e.captures) AS captures,
                       grouping(e.kind) AS of_all_kinds, grouping(e.line) AS of_all_lines,
                       grouping(e.account_id) AS of_all_accounts
                  FROM (SELECT t.id, (t.created_at AT TIME ZONE 'UTC')::date AS day, t.kind = 'capture' AS captures, a.currency,
                               a.kind, CASE WHEN a.kind NOT IN ('wallet', 'promotion') THEN a.id END AS account_id,
                               e.line, e.subject, e.memo, e.amount
                          FROM unnest(p_transfers) AS given(id)
                          JOIN ledger_transfer t ON t.id = given.id
                          JOIN ledger_entry e ON e.transfer_id = t.id
                          JOIN ledger_account a ON a.id = e.account_id) e
                 GROUP BY GROUPING SETS ((e.day, e.currency, e.kind, e.account_id, e.line, e.subject),
                                         (e.day, e.currency, e.kind, e.account_id), (e.day, e.currency, e.kind, e.line),
                                         (e.day, e.currency, e.subject))) g
         WHERE g.of_all_kinds = 0 OR g.subject <> '')
    SELECT 'day', day, sort, currency, kind, account_id, line, subject, memo, amount, transfers, captures FROM days
     UNION ALL
    -- A transfer is of one day, so counts of days add up.
    SELECT 'month', date_trunc('month', day)::date, sort, currency, kind, account_id, line, subject, max(memo), sum(amount),
           sum(transfers)::bigint, sum(captures)::bigint
      FROM days GROUP BY 2, sort, currency, kind, account_id, line, subject
$$;

CREATE VIEW ledger_figure AS
    SELECT {_COLUMNS} FROM ledger_rollup
    UNION ALL
    SELECT {_COLUMNS} FROM ledger_sums(ledger_unsealed());

ALTER TABLE ledger_rollup DISABLE TRIGGER ledger_rollup_by_trigger;
INSERT INTO ledger_rollup ({_COLUMNS})
SELECT {_COLUMNS} FROM ledger_sums(ARRAY(SELECT transfer_id FROM ledger_leaf));
ALTER TABLE ledger_rollup ENABLE TRIGGER ledger_rollup_by_trigger;

CREATE OR REPLACE FUNCTION ledger_roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_rollup AS known ({_COLUMNS})
    SELECT {_COLUMNS} FROM ledger_sums(ARRAY(SELECT transfer_id FROM sealed))
    ON CONFLICT (span, day, sort, currency, account_kind, account_id, line, subject) DO UPDATE
       SET amount = known.amount + excluded.amount, transfers = known.transfers + excluded.transfers,
           captures = known.captures + excluded.captures,
           memo = CASE WHEN excluded.memo = '' THEN known.memo ELSE excluded.memo END;
    RETURN NULL;
END $$;

-- What each kind of account comes to on a day's first moment.
CREATE OR REPLACE FUNCTION ledger_balances(p_day date) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT COALESCE(jsonb_object_agg(s.name, s.total), '{{}}')
      FROM (SELECT account_kind || ' ' || currency AS name, sum(amount) AS total
              FROM ledger_figure WHERE span = 'day' AND sort = 'kind' AND day < p_day GROUP BY 1) s
$$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_payer_balances'),
    ]

    operations = [
        migrations.RunSQL(BEFORE + DROP + AFTER),
        migrations.RemoveConstraint(
            model_name='rollup',
            name='ledger_rollup_once',
        ),
        migrations.RemoveIndex(
            model_name='rollup',
            name='ledger_rollup_account',
        ),
        migrations.RemoveIndex(
            model_name='rollup',
            name='ledger_rollup_kind',
        ),
        migrations.AddField(
            model_name='rollup',
            name='span',
            field=models.CharField(choices=[('day', 'A day'), ('month', 'A month')], db_default='day', default='day', max_length=5),
        ),
        migrations.AlterField(
            model_name='rollup',
            name='day',
            field=models.DateField(help_text='In UTC; of a month, its first.'),
        ),
        migrations.AlterField(
            model_name='rollup',
            name='sort',
            field=models.CharField(choices=[('kind', 'One line of all accounts of a kind'), ('line', 'One line and subject of one account'), ('account', 'All lines of one account'), ('subject', 'All accounts of one subject')], max_length=7),
        ),
        migrations.AddIndex(
            model_name='rollup',
            index=models.Index(fields=['account', 'sort', 'span', 'day'], include=('amount',), name='ledger_rollup_account'),
        ),
        migrations.AddIndex(
            model_name='rollup',
            index=models.Index(fields=['sort', 'span', 'account_kind', 'day'], include=('amount',), name='ledger_rollup_kind'),
        ),
        migrations.AddConstraint(
            model_name='rollup',
            constraint=models.UniqueConstraint(fields=('span', 'day', 'sort', 'currency', 'account_kind', 'account', 'line', 'subject'), name='ledger_rollup_once', nulls_distinct=False),
        ),
        migrations.RunSQL(BEFORE + FIGURES + AFTER),
    ]
