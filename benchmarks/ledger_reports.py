"""Fill a migrated market with a year of requests, seal them, and time its reports, statements and verification.

`benchmarks.ledger` runs it in a process of its own, connected as the tables' owner; it prints JSON. It writes the requests past the
triggers, as a superuser can: a million captures one by one would take longer than all that is measured here. `verify_ledger`
then says whether the triggers would have let them through.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

USERS, ARTISTS, PLUGINS, OWNERS = 5000, 500, 2000, 5
REPEATS = 5

# Few artists are used by many: of the plug-ins, the n-th is used about in proportion to n to the power of -2/3.
_PEOPLE = f"""
INSERT INTO accounts_user (password, email, display_name, handle, about, country, roles, is_active, joined_at)
SELECT '', 'person' || n || '@example.org', 'Person ' || n, 'person-' || n, '', (ARRAY['DE', 'FR', 'PL', ''])[1 + n % 4],
       CASE WHEN n <= {ARTISTS + OWNERS} THEN '{{user,artist,model_owner}}' WHEN n = {ARTISTS + OWNERS + 1} THEN '{{user,admin}}'
            ELSE '{{user}}' END::varchar[], true, now()
  FROM generate_series(1, {ARTISTS + OWNERS + 1 + USERS}) AS n;
CREATE TABLE bench_people AS
SELECT row_number() OVER (ORDER BY id) AS n, id FROM accounts_user WHERE email LIKE 'person%@example.org';
CREATE TABLE bench_accounts AS
SELECT p.n, a.id FROM bench_people p,
       LATERAL ledger_open_account(p.id, CASE WHEN p.n <= {ARTISTS + OWNERS} THEN 'earnings' ELSE 'wallet' END, 'EUR') a
 WHERE p.n <> {ARTISTS + OWNERS + 1};
"""

_QUERIES = f"""
CREATE TABLE bench_queries AS
SELECT p.n, %(start)s::timestamptz + p.n * (%(span)s::interval / %(count)s) AS at, gen_random_uuid() AS id,
       (SELECT id FROM ledger_open_account(NULL, 'platform_revenue', 'EUR')) AS revenue,
       w.id AS wallet, u.id AS person, p.plugin, a.id AS artist, o.id AS owner
  FROM (SELECT n, {ARTISTS + OWNERS + 2} + n::bigint * 7919 %% {USERS} AS payer,
               1 + floor({PLUGINS} * power(random(), 3))::bigint AS plugin
          FROM generate_series(1, %(count)s) AS n) p
  JOIN bench_accounts w ON w.n = p.payer
  JOIN bench_people u ON u.n = p.payer
  JOIN bench_accounts a ON a.n = 1 + p.plugin %% {ARTISTS}
  JOIN bench_accounts o ON o.n = {ARTISTS} + 1 + p.n %% {OWNERS};
INSERT INTO ledger_account (owner_id, kind, currency) VALUES (NULL, 'gateway_clearing', 'EUR');
INSERT INTO ledger_hold (id, key, request_hash, payer_id, currency, amount, shares, reference, expires_at, created_at)
SELECT n, 'hold-' || n, '', wallet, 'EUR', 150000, jsonb_build_array(
           jsonb_build_object('account', owner, 'amount', 45000, 'line', 'base_fee', 'subject', 'base-release:' || 1 + n %% 5, 'memo', 'Base'),
           jsonb_build_object('account', revenue, 'amount', 5000, 'line', 'commission', 'subject', 'base-release:' || 1 + n %% 5, 'memo', 'Base'),
           jsonb_build_object('account', artist, 'amount', 90000, 'line', 'plugin_fee', 'subject', 'plugin-version:' || plugin, 'memo', 'Style ' || plugin),
           jsonb_build_object('account', revenue, 'amount', 10000, 'line', 'commission', 'subject', 'plugin-version:' || plugin, 'memo', 'Style ' || plugin)),
       'generation:' || id, at + interval '1 day', at
  FROM bench_queries;
INSERT INTO ledger_transfer (id, key, request_hash, kind, currency, amount, entry_count, reference, memo, transaction, created_at)
SELECT n, 'capture-' || n, '', 'capture', 'EUR', 150000, 5, 'generation:' || id, '', n, at FROM bench_queries;
INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
SELECT n, 'posted', n, 'capture-' || n, '', at FROM bench_queries;
INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
SELECT n, e.*, at
  FROM bench_queries, LATERAL (VALUES
       (1, wallet, -150000, 'charge', '', ''),
       (2, owner, 45000, 'base_fee', 'base-release:' || 1 + n %% 5, 'Base'),
       (3, revenue, 5000, 'commission', 'base-release:' || 1 + n %% 5, 'Base'),
       (4, artist, 90000, 'plugin_fee', 'plugin-version:' || plugin, 'Style ' || plugin),
       (5, revenue, 10000, 'commission', 'plugin-version:' || plugin, 'Style ' || plugin)) e
 ORDER BY n;
INSERT INTO ledger_transfer (id, key, request_hash, kind, currency, amount, entry_count, reference, memo, transaction, created_at)
SELECT %(count)s + n, 'top-up-' || n, '', 'top_up', 'EUR', (10 ^ 12)::bigint, 2, '', '', %(count)s, %(start)s
  FROM bench_accounts WHERE n > {ARTISTS + OWNERS + 1};
INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
SELECT %(count)s + b.n, e.*, 'top_up', 'gateway:test', '', %(start)s
  FROM bench_accounts b, LATERAL (VALUES
       (1, (SELECT id FROM ledger_account WHERE kind = 'gateway_clearing'), -(10 ^ 12)::bigint),
       (2, b.id, (10 ^ 12)::bigint)) e
 WHERE b.n > {ARTISTS + OWNERS + 1};
INSERT INTO ledger_payerbalance (account_id, posted)
SELECT a.id, COALESCE(sum(e.amount), 0) FROM ledger_account a LEFT JOIN ledger_entry e ON e.account_id = a.id
 WHERE a.kind = 'wallet' GROUP BY a.id;
INSERT INTO jobs_job (id, kind, owner_id, state, parameters, progress, preview, result, error, priority, batch_key, work_units,
                      attempt, max_attempts, fencing_token, worker, created_at, started_at, finished_at)
SELECT id, 'generation', person, 'succeeded', '{{}}', '{{}}', '', '{{}}', '', 0, '', 1, 1, 3, 1, '', at - interval '9 s',
       at - interval '1 s' * (8 * random()), at
  FROM bench_queries;
SELECT setval(pg_get_serial_sequence('ledger_transfer', 'id'), 2 * %(count)s), setval(pg_get_serial_sequence('ledger_hold', 'id'), %(count)s);
"""

# The sealer looks at no future transaction, so as many have to have happened.
_TRANSACTIONS = """
CREATE PROCEDURE bench_transactions(p_count bigint) LANGUAGE plpgsql AS $$
BEGIN
    WHILE pg_current_xact_id()::text::bigint <= p_count LOOP COMMIT; END LOOP;
END $$;
"""


def fill(count: int, now: datetime) -> None:
    """Write so many captured requests of the last year, up to yesterday."""
    span = timedelta(days=365)
    with connection.cursor() as cursor:
        cursor.execute(_TRANSACTIONS)
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("CALL bench_transactions(%s)", [count])
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_PEOPLE)
        # One statement each: a server-side cursor takes no more with parameters.
        said: dict[str, Any] = {"start": now - span - timedelta(days=1), "span": span, "count": count}
        for statement in filter(str.strip, _QUERIES.split(";\n")):
            cursor.execute(statement, said)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("RESET synchronous_commit")
        cursor.execute("VACUUM ANALYZE")


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Give the milliseconds of a call: the first time, and the median of some more."""
    taken = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken[0], statistics.median(taken[1:])


def main(count: int) -> None:
    # Models cannot be imported before.
    from market.accounts.models import User
    from market.jobs.days import sum_up_days
    from market.ledger.models import Account
    from market.ledger.sealing import seal_some
    from market.ledger.statements import Month, proved, statement
    from market.ledger.verification import verify
    from market.reports.periods import quick
    from tests.market.conftest import prove_second_factor

    begun = time.perf_counter()
    fill(count, datetime.now(UTC))
    filled = time.perf_counter() - begun
    print(f"  {count} queries written in {filled:.0f} s", file=sys.stderr, flush=True)

    begun = time.perf_counter()
    sealed = 0
    while found := seal_some():
        sealed += found
    sealing = time.perf_counter() - begun
    print(f"  {sealed} transfers sealed in {sealing:.0f} s", file=sys.stderr, flush=True)
    while sum_up_days():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

    clients = {}
    for name, number in (("admin", ARTISTS + OWNERS + 1), ("artist", 2)):
        clients[name] = Client(HTTP_HOST="localhost")
        person = User.objects.get(email=f"person{number}@example.org")
        clients[name].force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        if person.is_admin:
            prove_second_factor(clients[name], person)
    year = f"from={datetime.now(UTC) - timedelta(days=365):%Y-%m-%d}&to={datetime.now(UTC):%Y-%m-%d}"
    month = f"{quick('last_month').first:%Y-%m}"
    pages = {
        "overview, a month": ("admin", "/reports/"),
        "overview, a year": ("admin", f"/reports/?{year}"),
        "requests, a month": ("admin", "/reports/requests/"),
        "requests, a year": ("admin", f"/reports/requests/?{year}"),
        "books": ("admin", "/reports/books/"),
        "query lines, a month": ("admin", "/reports/queries/"),
        "query lines, a month, the oldest": ("admin", "/reports/queries/?page=oldest"),
        "query lines of one person, a month": ("admin", "/reports/queries/?person=person-2"),
        "table of plug-ins, a month, CSV": ("admin", "/reports/tables/plugins.csv"),
        "earnings of the most popular artist, 30 days": ("artist", "/earnings/"),
        "earnings of the most popular artist, a year": ("artist", f"/earnings/?{year}"),
        "list of statements": ("artist", "/earnings/statements/"),
        "statement of a month": ("artist", f"/earnings/statements/{month}/"),
        "statement of a month, CSV": ("artist", f"/earnings/statements/{month}.csv"),
    }
    taken: dict[str, tuple[float, float]] = {}
    for name, (who, path) in pages.items():

        def get(who: str = who, path: str = path) -> None:
            response: Any = clients[who].get(path)
            if response.status_code != 200:
                raise RuntimeError(f"{path} answered {response.status_code}")
            _ = b"".join(response.streaming_content) if response.streaming else response.content

        taken[name] = timed(get)
        print(
            f"  {name}: {taken[name][1]:.0f} ms (the first time {taken[name][0]:.0f})",
            file=sys.stderr,
            flush=True,
        )

    begun = time.perf_counter()
    verification = verify()
    verifying = time.perf_counter() - begun
    if not verification.ok:
        raise RuntimeError(f"the ledger does not verify: {verification.findings}")
    # What a worker does when an artist asks for it.
    longest = statement(
        Account.objects.get(owner__handle="person-2", kind="earnings"), Month.of(quick("last_month").first)
    )
    begun = time.perf_counter()
    proved(longest)
    proving = time.perf_counter() - begun
    print(
        json.dumps(
            {
                "entries": verification.counts["entry"],
                "milliseconds": taken,
                "sealed_per_second": sealed / sealing,
                "verify_seconds": verifying,
                "statement_lines": longest.entries().count(),
                "statement_seconds": proving,
            }
        )
    )


if __name__ == "__main__":
    django.setup()
    # No Valkey runs here; what the pages remember is of no account to their time.
    local = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    with override_settings(CACHES=local):
        main(int(sys.argv[1]))
