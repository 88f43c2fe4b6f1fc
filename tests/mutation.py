"""Run the tests of the ledger against mutants of it: `python -m tests.mutation [MUTANT...]`; `--figures` tells how it went.

Mutmut makes the mutants, and tests/mutmut_collected.py has each one's tests run in a process of its own; there, this module is a
plugin of pytest. They find a database that was migrated once: what they write there is rolled back. Tests that commit have another,
made anew for each mutant, so that nothing one left behind can fail the next one's tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from hypothesis import HealthCheck, Phase, settings

PRISTINE = "MUTATION_PRISTINE_DATABASE"
# Copies of that one: for tests whose changes are rolled back, and for those that commit.
KEPT, SPOILT = "mutants", "mutant"

# By the exit code of a mutant's tests; every other one says that they failed, hung or crashed. At 5 and 33 there were none.
FATES = {0: "survived", 5: "survived", 33: "survived", 2: "waiting", None: "waiting"}

# The same examples for every mutant. How long one takes says nothing of it, and nobody reads the smallest that fails.
settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def _copy_pristine(name: str) -> None:
    kept = connections["default"].settings_dict
    server = {"host": kept["HOST"], "user": kept["USER"], "dbname": "postgres"}
    with psycopg.connect(**server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {os.environ[PRISTINE]}")


def _turn_to(name: str) -> None:
    connections.close_all()
    kept = connections["default"].settings_dict
    kept["NAME"] = name
    try:
        if name == SPOILT:
            _copy_pristine(name)
        psycopg.connect(host=kept["HOST"], user=kept["USER"], dbname=name).close()
    except psycopg.Error as error:
        # As if interrupted: a mutant is not killed by a server that is gone.
        pytest.exit(f"There is no database for the mutant: {error}", returncode=2)


class _Database:
    """In place of pytest-django's, which would compare the migrations with the database for every mutant."""

    @pytest.fixture(scope="session")
    @classmethod
    def django_db_setup(cls, django_test_environment: None) -> Iterator[None]:  # noqa: ARG003  # it comes first
        if connections["default"].settings_dict["NAME"] != SPOILT:
            _turn_to(KEPT)
        yield
        connections.close_all()
        # The mutants' processes are forked from the one that had such a session.
        connections["default"].settings_dict["NAME"] = KEPT


def commits(item: pytest.Item) -> bool:
    """Whether a test's changes outlive it, until all tables are emptied."""
    marker = item.get_closest_marker("django_db")
    return marker is not None and bool(marker.kwargs.get("transaction"))


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("mutation")
    config.pluginmanager.register(_Database())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if commits(item) and connections["default"].settings_dict["NAME"] != SPOILT:
        _turn_to(SPOILT)


def figures() -> Iterator[str]:
    """Give the table of docs/how-to/test-by-mutation.md: what became of every module's mutants so far."""
    yield "| Module | Mutants | Killed | Survived | |"
    yield "|---|---:|---:|---:|---:|"
    whole: Counter[str] = Counter()
    for file in sorted(Path("mutants/market").rglob("*.py.meta")):
        codes = json.loads(file.read_text())["exit_code_by_key"].values()
        found = Counter(FATES.get(code, "killed") for code in codes)
        whole += found
        yield _row(f"`{file.relative_to('mutants').with_suffix('')}`", found)
    yield _row("**all**", whole)


def _row(name: str, found: Counter[str]) -> str:
    tried = found["killed"] + found["survived"]
    waiting = f", {found['waiting']} not tried" if found["waiting"] else ""
    share = f"{found['killed'] / tried:.1%}" if tried else ""
    return f"| {name} | {tried}{waiting} | {found['killed']} | {found['survived']} | {share} |"


def main(mutants: list[str]) -> int:
    """Start the services, and let mutmut run the named mutants, or all that wait, on them; give its exit code."""
    if mutants == ["--figures"]:
        print("\n".join(figures()))
        return 0
    # Not at the top: the plugin is loaded before pytest comes to tests/conftest.py, which sets the environment.
    from tests import conftest

    conftest.start_services()
    try:
        call_command("migrate", verbosity=0)
        os.environ[PRISTINE] = connections["default"].settings_dict["NAME"]
        connections.close_all()
        _copy_pristine(KEPT)
        mutmut = Path(__file__).with_name("mutmut_collected.py")
        # -P: what lies beside that file is not to be found as `market`.
        command = [sys.executable, "-P", str(mutmut), "run", "--max-children", "1", *mutants]
        return subprocess.run(command, check=False).returncode
    finally:
        conftest.stop_services()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
