-- What some transfers add to the figures: a row for each day and for each month, each sort and what it sums. The types are those of
-- ledger_rollup's columns: else what is asked of the view would be looked for only after reading all of it.
CREATE OR REPLACE FUNCTION ledger_sums(p_transfers bigint[]) RETURNS TABLE (
    span varchar, day date, sort varchar, currency varchar, account_kind varchar, account_id bigint, line varchar,
    subject varchar, memo varchar, amount numeric, transfers bigint, captures bigint
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
