-- What each kind of account comes to on a day's first moment.
CREATE OR REPLACE FUNCTION ledger_balances(p_day date) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT COALESCE(jsonb_object_agg(s.name, s.total), '{}')
      FROM (SELECT account_kind || ' ' || currency AS name, sum(amount) AS total
              FROM ledger_figure WHERE span = 'day' AND sort = 'kind' AND day < p_day GROUP BY 1) s
$$;
