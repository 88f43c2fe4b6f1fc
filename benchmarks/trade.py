"""Trade among people who belong together: how much of it the market flags, and whether it takes honest people's for it.

Markets are simulated by `benchmarks/trade_people.py`, which knows nothing of the signs, and written into a ledger of a database of their own. What is
measured is what the nightly look asks: scores over 30 days, with the settings that a deployment has by default. The points were chosen on markets
with other seeds than those that are reported.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Report
from benchmarks.trade_people import SCHEMES
from market.configuration import ROOT
from market.stack.embedded import Postgres, start_alone
from plugins_engine import Rate

SEEDS, QUICK_SEEDS = (1000, 1006), (1000, 1002)
TARGET = 0.9


def measure(report: Report, _: Path) -> None:
    """Add the figures about trade to a report."""
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder:
        markets = _run(Path(folder), QUICK_SEEDS if report.quick else SEEDS)["markets"]

    def total(name: str) -> int:
        return sum(each[name] for each in markets)

    flagged = [kind for each in markets for kind in each["flagged"].values()]
    right = sum(kind != "honest" for kind in flagged)
    precision = Rate(right, len(flagged))
    low, high = precision.interval
    peers = [each["by_traces"] for each in markets]
    peer_flagged, peer_right = (sum(each[name] for each in peers) for name in ("flagged", "right"))
    there = {kind: sum(each["schemes"].get(kind, 0) for each in markets) for kind in SCHEMES}
    found = {kind: sum(each["found"].get(kind, 0) for each in markets) for kind in SCHEMES}
    report.add(
        "trade_precision", precision.rate, target=TARGET, peer=peer_right / peer_flagged,
        note=f"{len(flagged)} artists flagged in {len(markets)} markets; {low:.3f} to {high:.3f}; peer: any shared card, device or address",
    )  # fmt: skip
    detectable = {kind: count for kind, count in there.items() if kind != "careful"}
    recall = Rate(sum(found[kind] for kind in detectable), sum(detectable.values()))
    low, high = recall.interval
    report.add(
        "trade_recall", recall.rate, target=TARGET, peer=peer_right / sum(there.values()),
        note=f"{recall.total} artists whom a scheme paid, without careful ones; {low:.3f} to {high:.3f}",
    )  # fmt: skip
    report.add("trade_recall_with_careful_ones", sum(found.values()) / sum(there.values()))
    for kind in SCHEMES:
        report.add(f"trade_recall_{kind}", found[kind] / there[kind], note=f"{there[kind]} artists")
    report.add(
        "trade_washed_money_flagged", total("washed_held") / total("washed"), note=f"of €{total('washed') / 1e6:.0f}"
    )  # fmt: skip
    report.add(
        "trade_honest_money_flagged", total("honest_held") / total("honest"), note=f"of €{total('honest') / 1e6:.0f}"
    )  # fmt: skip
    honest_artists = total("artists") - sum(there.values())
    report.add(
        "trade_honest_artists_flagged", (len(flagged) - right) / honest_artists, note=f"of {honest_artists}"
    )
    report.add(
        "trade_seconds_a_look", total("seconds") / len(markets),
        note=f"{total('requests') / len(markets):.0f} requests, {total('pairs') / len(markets):.0f} pairs",
    )  # fmt: skip
    report.details["trade"] = {"markets": markets}


def _run(folder: Path, seeds: tuple[int, int]) -> dict[str, Any]:
    """Simulate and score in a process that is the market's, on a migrated database of its own."""
    server = Postgres(folder / "postgres", folder / "run")
    process = start_alone(server, folder / "postgres.log")
    environment = os.environ | {
        "DATABASE_URL": server.url(role="postgres"), "DATA_DIR": str(folder / "data"), "DJANGO_SETTINGS_MODULE": "market.settings",
    }  # fmt: skip
    try:
        commands = (
            ["manage.py", "migrate", "--no-input"],
            ["-m", "benchmarks.trade_market", *map(str, seeds)],
        )
        for command in commands:
            done = subprocess.run(
                [sys.executable, *command],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
