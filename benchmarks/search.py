"""The search for plug-ins: how long it takes in small and large markets, what its index misses, and how well it ranks.

A server of its own, with a migrated database for each size. The text is written by `benchmarks/search_corpus.py`; the searches are names, misspelt
names, words, descriptions, artists and sentences, as many of each. How well it ranks is measured on `benchmarks/searches`, whose
labels are older than the ranking, in a market of its concepts alone.
"""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.report import Plot, Report
from market.stack.embedded import Postgres, start_alone

SIZES, QUICK_SIZES = (1_000, 10_000, 100_000), (200, 1_000)
SEARCHES, QUICK_SEARCHES = 600, 60
MOST_MS = 100.0
MOST_TIMES = 5.0
LEAST_RECALL = 0.95


def measure(report: Report, _: Path) -> None:
    sizes = QUICK_SIZES if report.quick else SIZES
    count = QUICK_SEARCHES if report.quick else SEARCHES
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder, _server(Path(folder)) as server:
        quality = _in_a_market(server, Path(folder), "labelled", "quality")
        markets = {
            size: _in_a_market(server, Path(folder), f"of_{size}", str(size), str(count)) for size in sizes
        }
    _add_quality(report, quality)
    small, large = sizes[0], sizes[-1]
    for size, market in markets.items():
        report.add(
            f"search_ms_p95_{size}", market["p95_ms"]["search"], target=MOST_MS if size == large else None, at_least=False,
            note=f"{count} searches; median {market['median_ms']['search']:.3g}",
        )  # fmt: skip
    times = markets[large]["p95_ms"]["search"] / markets[small]["p95_ms"]["search"]
    report.add(f"search_p95_{large}_by_{small}", times, target=MOST_TIMES, at_least=False)
    for way in ("filtered", "facets", "page", "browse, no text"):
        report.add(
            f"{way.replace(', ', '_').replace(' ', '_')}_ms_p95_{large}", markets[large]["p95_ms"][way],
            note=f"median {markets[large]['median_ms'][way]:.3g}",
        )  # fmt: skip
    for size, market in markets.items():
        report.add(
            f"recall_at_10_{size}", market["recall"], target=LEAST_RECALL, note="of the ten nearest vectors"
        )
    report.details |= {"markets": markets}
    report.plots.append(
        Plot(
            "Milliseconds of a search, 95th percentile",
            "plug-ins",
            "ms",
            {
                way: [(size, market["p95_ms"][way]) for size, market in markets.items()]
                for way in ("search", "filtered", "facets", "page")
            },
        )
    )


def _add_quality(report: Report, found: dict[str, list[dict[str, Any]]]) -> None:
    for part in ("held_out", "tuning"):
        means = {
            ranking: statistics.mean(each["ndcg"] for each in rows if each["part"] == part)
            for ranking, rows in found.items()
        }
        queries = sum(each["part"] == part for each in found["fused"])
        for alone in ("full_text", "vectors"):
            # The held-out half decides: the other is what the ranking was tuned on.
            report.add(
                f"ndcg_at_10_{part}_above_{alone}", means["fused"], peer=means[alone], target=means[alone] if part == "held_out" else None,
                note=f"{queries} searches; peer: {alone.replace('_', ' ')} alone",
            )  # fmt: skip
    sorts = sorted({each["sort"] for each in found["fused"]})
    report.details["ndcg_by_sort"] = {
        ranking: {
            sort: statistics.mean(each["ndcg"] for each in rows if each["sort"] == sort) for sort in sorts
        }
        for ranking, rows in found.items()
    }
    report.details["far_from_ideal"] = [
        {name: each[name] for name in ("part", "query", "relevant", "ndcg", "first")}
        for each in found["fused"]
        if each["ndcg"] < 0.5 and each["part"] == "tuning"
    ]


def _in_a_market(server: Postgres, folder: Path, database: str, *arguments: str) -> dict[str, Any]:
    """Run `benchmarks.search_market` on a migrated database of its own, a copy of the one that is migrated first."""
    with psycopg.connect(server.url(role="postgres", database="postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'migrated'").fetchone():
            connection.execute("CREATE DATABASE migrated")
            for command in ("migrate", "collectstatic"):
                _run("manage.py", command, "--no-input", environment=_of(server, folder, "migrated"))
        connection.execute(f"CREATE DATABASE {database} TEMPLATE migrated")
    said: dict[str, Any] = json.loads(
        _run("-m", "benchmarks.search_market", *arguments, environment=_of(server, folder, database))
    )
    return said


def _of(server: Postgres, folder: Path, database: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": server.url(role="postgres", database=database),
        "DATA_DIR": str(folder / "data"),
        "DJANGO_SETTINGS_MODULE": "market.settings",
    }


def _run(*arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    return done.stdout


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "postgres", folder / "run")
    process = start_alone(server, folder / "postgres.log")
    try:
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
