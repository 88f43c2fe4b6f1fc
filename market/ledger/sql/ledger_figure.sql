-- Sums by day and by month: of what is sealed from the kept rows, of the rest as it is now.
CREATE OR REPLACE VIEW ledger_figure AS
    SELECT span, day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures
      FROM ledger_rollup
    UNION ALL
    SELECT span, day, sort, currency, account_kind, account_id, line, subject, memo, amount, transfers, captures
      FROM ledger_sums(ledger_unsealed());
