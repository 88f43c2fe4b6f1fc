"""Captures a second, beside pgbench's own transaction on the same server in the same run; a request's wait for the ledger; reports.

A server of its own, durable as in production (fsync, synchronous commit), reached over its socket. The client is pgbench for
both: its TPC-B-like transaction (three updates, one select, one insert), and a script that calls `ledger_capture` once. Each
capture has its own hold, made before, of a request with one plug-in: five entries. In the hot case all pay one artist, from as many
wallets as there are connections. In the spread case every connection pays an artist of its own. The three take turns, each from a
checkpoint on, and the report has each one's median: a single run of some seconds differs by a tenth from the next.
"""

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.report import Plot, Report
from market.stack.embedded import Postgres, postgres_programs, start_alone

CONNECTIONS, QUICK_CONNECTIONS = (1, 2, 4, 8, 16, 32), (1, 8)
CASES = ("hot", "spread")
SCALE = 32  # of pgbench's tables: branches, one a connection at most
ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS = 4
CAPTURES, QUICK_CAPTURES = 12_000, 2_000  # in one run, all connections together
QUERIES, QUICK_QUERIES = 1_000_000, 50_000  # of five entries each, for the reports

# A colon before a letter would be a variable to pgbench, inside quotes too.
_CAPTURE = """\\set n :n + 1
\\set hold :first + :client_id * :each + :n - 1
SELECT ledger_capture(:hold, 'capture-' || :hold);
"""
_QUERY = """\\set n :n + 1
\\set wallet :wallets + :client_id
SELECT id AS hold FROM ledger_hold('query-' || :client_id || '-' || :n, :wallet, 150000, '{shares}',
    'query-' || :client_id || '-' || :n, now() + interval '1 hour') \\gset
SELECT ledger_capture(:hold, 'capture-' || :hold);
"""


def measure(report: Report, _: Path) -> None:
    connections = QUICK_CONNECTIONS if report.quick else CONNECTIONS
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder, _server(Path(folder)) as server:
        bench = _Bench(server, Path(folder), report.quick)
        rates: dict[str, list[tuple[float, float]]] = {"pgbench": [], **{case: [] for case in CASES}}
        spans: dict[str, tuple[float, float]] = {}
        for count in connections:
            rounds: dict[str, list[float]] = {name: [] for name in rates}
            for _round in range(QUICK_ROUNDS if report.quick else ROUNDS):
                rounds["pgbench"].append(bench.tpcb(count))
                for case in CASES:
                    rounds[case].append(bench.captures(count, case))
            for name, found in rounds.items():
                rates[name].append((count, statistics.median(found)))
                spans[f"{name}_{count}"] = (min(found), max(found))
            latest = {name: round(found[-1][1]) for name, found in rates.items()}
            print(f"  {count} connections: {latest}", flush=True)
        latencies = bench.queries(8)
        reports = bench.reports()
    for number, count in enumerate(connections):
        peer = rates["pgbench"][number][1]
        for case in CASES:
            report.add(
                f"captures_per_second_{case}_{count}", rates[case][number][1], peer=peer, target=peer / 2,
                note="peer: pgbench's TPC-B-like transaction" if number == 0 else "",
            )  # fmt: skip
    best = max(rate for _, rate in rates["hot"])
    report.add("captures_per_second_hot_best", best, target=1000.0)
    report.add(
        "hold_to_capture_ms_p99",
        float(np.quantile(latencies, 0.99)),
        note=f"8 connections; median {np.median(latencies):.2g}",
    )
    for name, (first, median) in reports["milliseconds"].items():
        report.add(
            f"report_ms_{re.sub(r'[^a-z0-9]+', '_', name)}", median, target=500.0, at_least=False,
            note=f"{reports['entries']} entries; the first time {first:.0f}",
        )  # fmt: skip
    report.add("sealed_transfers_per_second", reports["sealed_per_second"])
    report.add("verify_ledger_seconds", reports["verify_seconds"], note=f"{reports['entries']} entries")
    report.details = {"rates": rates, "least_and_most": spans, "reports": reports}
    report.plots.append(Plot("Transactions a second", "connections", "a second", rates))


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres", folder / "run")
    process = start_alone(server, folder / "postgres.log")
    try:
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@dataclass
class _Bench:
    """A migrated market on the server, with people who pay and are paid, and pgbench's tables beside it."""

    server: Postgres
    folder: Path
    quick: bool

    def __post_init__(self) -> None:
        owner = self.server.url(role=self.server.owner)
        settings = {"DATABASE_URL": owner, "DATA_DIR": str(self.folder / "data")}
        for command in (["migrate", "--no-input"], ["ledger_role", self.server.role]):
            _run(sys.executable, "manage.py", *command, environment=settings)
        with psycopg.connect(
            self.server.url(role="postgres", database="postgres"), autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE tpcb")
        self._pgbench("tpcb", "-i", "-q", "-s", str(SCALE))
        people = max(CONNECTIONS)
        with psycopg.connect(owner) as connection:
            connection.execute(_PEOPLE, {"people": people})
            found = connection.execute(_ACCOUNTS, {"people": people}).fetchall()
            self.wallets, self.artists, self.owner, self.revenue, clearing = (
                [row[1] for row in found if row[0] == kind]
                for kind in ("wallet", "artist", "owner", "revenue", "clearing")
            )
            for wallet in self.wallets:
                connection.execute(
                    "SELECT ledger_post(%s, %s, %s, %s, 'top_up', '', '', '', NULL)",
                    [f"top-up-{wallet}", clearing[0], wallet, 10**15],
                )
        if self.wallets != list(range(self.wallets[0], self.wallets[0] + people)):
            raise RuntimeError("the wallets' numbers do not follow on each other")

    def tpcb(self, count: int) -> float:
        """Give pgbench's own transactions a second."""
        self._checkpoint()
        return _rate(self._pgbench("tpcb", "-c", str(count), "-j", "2", "-T", str(SECONDS), "-M", "prepared"))

    def captures(self, count: int, case: str) -> float:
        """Make holds, a block of them for every connection, and give the captures of them a second."""
        each = (QUICK_CAPTURES if self.quick else CAPTURES) // count
        with psycopg.connect(self.server.url(role=self.server.owner)) as connection:
            ((first,),) = connection.execute("SELECT COALESCE(max(id), 0) + 1 FROM ledger_hold").fetchall()
            for client in range(count):
                connection.execute(
                    "SELECT ledger_hold('hold-' || %(first)s + n, %(wallet)s, 150000, %(shares)s, 'query-' || %(first)s + n, "
                    "now() + interval '1 day') FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n",
                    {
                        "first": first, "wallet": self.wallets[client], "from": client * each, "to": (client + 1) * each - 1,
                        "shares": self._shares(self.artists[client if case == "spread" else 0]),
                    },
                )  # fmt: skip
            last = connection.execute("SELECT max(id) FROM ledger_hold").fetchone()
        if last != (first + count * each - 1,):
            raise RuntimeError("the holds' numbers do not follow on each other")
        defined = {"n": 0, "first": first, "each": each}
        self._checkpoint()
        return _rate(self._scripted(_CAPTURE, count, each, defined))

    def _checkpoint(self) -> None:
        """Write out earlier changes, so that the next timing does not include them."""
        with psycopg.connect(
            self.server.url(role="postgres", database="postgres"), autocommit=True
        ) as connection:
            connection.execute("CHECKPOINT")

    def queries(self, count: int) -> list[float]:
        """Give the milliseconds that a hold and its capture take together, for many requests."""
        each = (QUICK_CAPTURES if self.quick else CAPTURES) // count
        log = self.folder / "latency"
        defined = {"n": 0, "wallets": self.wallets[0]}
        script = _QUERY.replace("{shares}", self._shares(self.artists[0]))
        self._scripted(script, count, each, defined, "--log", f"--log-prefix={log}")
        return [
            int(line.split()[2]) / 1000
            for each_log in self.folder.glob("latency.*")
            for line in each_log.read_text().splitlines()
        ]

    def reports(self) -> dict[str, Any]:
        """Fill a market of its own with a year of requests, and give how long its reports take."""
        url = self.server.url(role="postgres", database="filled")
        with psycopg.connect(
            self.server.url(role="postgres", database="postgres"), autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE filled")
        settings = {
            "DATABASE_URL": url,
            "DATA_DIR": str(self.folder / "filled"),
            "DJANGO_SETTINGS_MODULE": "market.settings",
        }
        for command in ("migrate", "collectstatic"):
            _run(sys.executable, "manage.py", command, "--no-input", environment=settings)
        count = QUICK_QUERIES if self.quick else QUERIES
        found: dict[str, Any] = json.loads(
            _run(sys.executable, "-m", "benchmarks.ledger_reports", str(count), environment=settings)
        )
        return found

    def _shares(self, artist: int) -> str:
        parts = (
            (artist, 90_000, "plugin_fee", "plugin-version:1"), (self.owner[0], 45_000, "base_fee", "base-release:1"),
            (self.revenue[0], 10_000, "commission", "plugin-version:1"), (self.revenue[0], 5_000, "commission", "base-release:1"),
        )  # fmt: skip
        rows = (
            f'{{"account": {account}, "amount": {amount}, "line": "{line}", "subject": "{subject}", "memo": ""}}'
            for account, amount, line, subject in parts
        )
        return f"[{', '.join(rows)}]"

    def _scripted(self, script: str, count: int, each: int, defined: dict[str, int], *more: str) -> str:
        path = self.folder / "script.sql"
        path.write_text(script)
        variables = [part for name, value in defined.items() for part in ("-D", f"{name}={value}")]
        return self._pgbench(
            self.server.database, "-n", "-f", str(path), "-c", str(count), "-j", "2", "-t", str(each), "-M", "prepared",
            *variables, *more,
        )  # fmt: skip

    def _pgbench(self, database: str, *arguments: str) -> str:
        # For the ledger, as the application's role: that is what captures in production.
        role = "postgres" if database == "tpcb" else self.server.role
        where = ["-h", str(self.server.sockets), "-U", role, database]
        return _run(str(postgres_programs() / "pgbench"), *arguments, *where)


_PEOPLE = """
INSERT INTO accounts_user (password, email, display_name, handle, about, country, roles, is_active, joined_at)
SELECT '', 'bench' || n || '@example.org', 'Bench ' || n, 'bench-' || n, '', '', '{user}', true, now()
  FROM generate_series(1, 2 * %(people)s + 1) AS n
"""
_ACCOUNTS = """
SELECT 'wallet', a.id FROM generate_series(1, %(people)s) AS n
  JOIN accounts_user u ON u.email = 'bench' || n || '@example.org', LATERAL ledger_open_account(u.id, 'wallet', 'EUR') a
UNION ALL
SELECT CASE WHEN n > 2 * %(people)s THEN 'owner' ELSE 'artist' END, a.id FROM generate_series(%(people)s + 1, 2 * %(people)s + 1) AS n
  JOIN accounts_user u ON u.email = 'bench' || n || '@example.org', LATERAL ledger_open_account(u.id, 'earnings', 'EUR') a
UNION ALL
SELECT 'revenue', id FROM ledger_open_account(NULL, 'platform_revenue', 'EUR')
UNION ALL
SELECT 'clearing', id FROM ledger_open_account(NULL, 'gateway_clearing', 'EUR')
"""


def _run(program: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _rate(output: str) -> float:
    found = re.search(r"tps = ([\d.]+)", output)
    failed = re.search(r"number of failed transactions: (\d+)", output)
    if found is None or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench said:\n{output}")
    return float(found[1])
