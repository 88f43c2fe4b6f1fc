"""Run the tests of the ledger against mutants of it: `python -m tests.mutation [MUTANT...]`; `--figures` tells how it went.

Mutmut makes the mutants and runs each one's tests in a process of its own; in those, this module is a plugin of pytest. Each
begins with a database copied from one that was migrated once, so that nothing a mutant left behind can fail the next one's tests.
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
COPY = "mutant"

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


class _Database:
    """In place of pytest-django's, which would compare the migrations with the database for every mutant."""

    @pytest.fixture(scope="session")
    @classmethod
    def django_db_setup(cls, django_test_environment: None) -> Iterator[None]:  # noqa: ARG003  # it comes first
        kept = connections["default"].settings_dict
        server = {"host": kept["HOST"], "user": kept["USER"], "dbname": "postgres"}
        try:
            with psycopg.connect(**server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
                connection.execute(f"CREATE DATABASE {COPY} TEMPLATE {os.environ[PRISTINE]}")
        except psycopg.Error as error:
            # As if interrupted: a mutant is not killed by a server that is gone.
            pytest.exit(f"There is no database for the mutant: {error}", returncode=2)
        kept["NAME"] = COPY
        yield
        connections.close_all()


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("mutation")
    config.pluginmanager.register(_Database())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that need no database, which are the quickest; pytest-django puts them last."""
    items.sort(key=lambda item: item.get_closest_marker("django_db") is not None)


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
        mutmut = Path(sys.executable).parent / "mutmut"
        return subprocess.run([mutmut, "run", "--max-children", "1", *mutants], check=False).returncode
    finally:
        conftest.stop_services()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
