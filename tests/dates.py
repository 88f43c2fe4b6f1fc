"""Run what depends on the date on days on which dates go wrong: `python -m tests.dates [ARGUMENTS...]`, ARGUMENTS going to pytest.

Each of them is a run of its own, on services of its own, whose clock shows another day: to Python, to the database and to every process
that either starts. libfaketime does that: the dynamic linker loads it before the C library, and it adds an offset to what every call for
the time gives. A library that replaces Python's clock, as time-machine does, would leave the database's at today; and it is the database
that dates what the ledger posts, keeps a closed period closed and says which day of jobs is over. The clock for waiting is left alone.

Days are the next of their kind from today on, so that nothing runs in the past, where nobody will ever be.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from tests import migrated

# Tell a run on which day it is to begin, and in which zone the machine stands.
BEGINS, ZONE = "TESTS_BEGIN", "TESTS_ZONE"
MARK = "mark.dates"
QUIET = ["-q", "--no-header", "-n", "0", "-p", "no:cacheprovider"]
HOW = "On Linux on x86-64 ./test installs it; elsewhere install libfaketime by hand, as Debian's package of that name."


@dataclass(frozen=True)
class Day:
    """When a run begins by its clock, in UTC, and where the machine says it stands."""

    name: str
    begins: datetime
    zone: str = "UTC"


def days(today: date) -> list[Day]:
    """Give the days to run on, all of them after today, in order."""

    def next_day(is_one: Callable[[date], bool], hour: int, minute: int, second: int = 0) -> datetime:
        day = next(each for each in _after(today) if is_one(each))
        return datetime.combine(day, time_of_day(hour, minute, second), UTC)

    def last_sunday(month: int) -> Callable[[date], bool]:
        return lambda day: day.month == month and day.weekday() == 6 and day.day > 24

    turn = next_day(lambda day: (day.month, day.day) == (12, 31), 23, 59, 30)
    found = [
        # Both changes of the clock, at 1 o'clock in UTC, are on Sundays.
        Day("a Sunday, as clocks go forward", next_day(last_sunday(3), 0, 59, 40), "Europe/Berlin"),
        Day("a Sunday, as clocks go back", next_day(last_sunday(10), 0, 59, 40), "Europe/Berlin"),
        # The month before has neither a 31st nor a 30th; and where the machine stands, the next month has begun.
        Day("the evening of a 31st", next_day(lambda day: (day.month, day.day) == (3, 31), 23, 20), "Pacific/Kiritimati"),
        Day("a leap day", next_day(lambda day: (day.month, day.day) == (2, 29), 12, 0), "America/New_York"),
        Day("New Year's Eve, and into the new year", turn),
        Day("the first minutes of a year", turn.replace(hour=0, minute=1, second=0) + timedelta(days=1)),
    ]  # fmt: skip
    return sorted(found, key=lambda day: day.begins)


def _after(today: date) -> Iterator[date]:
    while True:
        today += timedelta(days=1)
        yield today


def library() -> Path | None:
    """Find libfaketime: the Python package's, which carries it for one platform only, or the system's; one that does shift the clock."""
    package = importlib.util.find_spec("libfaketime")
    places = [Path(each) for each in (package and package.submodule_search_locations) or []]
    found = [place / "vendor/libfaketime/src/libfaketime.so.1" for place in places]
    found += sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return next((path.resolve() for path in found if path.exists() and _shifts(path.resolve())), None)


def _shifts(path: Path) -> bool:
    environment = os.environ | shifted(path, timedelta(days=1000))
    asked = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return asked.returncode == 0 and float(asked.stdout) > time.time() + timedelta(days=999).total_seconds()


def shifted(path: Path, by: timedelta) -> dict[str, str]:
    """The variables with which a program starts at another time; an offset, so that all that start with them agree."""
    return {
        "LD_PRELOAD": str(path),
        "FAKETIME": f"{by.total_seconds():+.3f}",
        # What waits for ten seconds waits for ten seconds; only the calendar is another.
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def marked() -> list[str]:
    """The arguments for all that has the mark. Only files that name it are imported: the others take longer than these tests."""
    files = sorted(Path("tests").rglob("test_*.py"))
    return ["-m", "dates", *(str(path) for path in files if MARK in path.read_text(encoding="utf-8"))]


def run_on(day: Day, path: Path, arguments: list[str]) -> bool:
    """Run pytest as on that day, and say how it went."""
    print(
        f"-- {day.name}: from {day.begins:%A, %Y-%m-%d %H:%M:%S} UTC, the machine in {day.zone}", flush=True
    )
    told = {BEGINS: day.begins.isoformat(), ZONE: day.zone}
    environment = os.environ | told | shifted(path, day.begins - datetime.now(UTC))
    command = [sys.executable, "-m", "pytest", *QUIET, *(arguments or marked())]
    return subprocess.run(command, env=environment, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    path = library()
    if path is None:
        print(f"-- skipped: there is no libfaketime here that shifts the clock. {HOW}", flush=True)
        return 0
    # Before the clock is shifted: it serves the runs of today, too.
    migrated.data()
    failed = [day.name for day in days(datetime.now(UTC).date()) if not run_on(day, path, arguments)]
    for name in failed:
        print(f"-- failed on {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
