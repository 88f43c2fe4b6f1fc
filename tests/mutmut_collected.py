"""Mutmut's command, with tests that are collected once: each mutant's process is forked with all of them at hand.

Run by tests/mutation.py, as a file: `tests` is to be imported where mutmut keeps its copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import chdir

import pytest
from _pytest.config import _prepareconfig
from mutmut.__main__ import cli
from mutmut.runners.harness import PytestRunner
from mutmut.workers import isolation

PLUGIN = "tests.mutation"


class CollectedTests(PytestRunner):
    """Runs mutants' tests without pytest's start and its search for tests, which would take longer than most of them."""

    def collect(self) -> None:
        with chdir("mutants"):
            chosen = ["--rootdir=.", "--tb=native", "-q", "-s", "-p", "no:randomly"]
            chosen += self._pytest_add_cli_args + self._pytest_add_cli_args_test_selection
            config = _prepareconfig(chosen)
            config._do_configure()  # noqa: SLF001  # pytest.main() would not come back with the tests
            session = pytest.Session.from_config(config)
            config.hook.pytest_sessionstart(session=session)
            config.hook.pytest_collection(session=session)
            if session.testsfailed:
                raise SystemExit("The tests could not be collected.")
        self.items = {item.nodeid: item for item in session.items}

    def run_tests(self, *, mutant_name: str | None, tests: Iterable[str]) -> int:
        if mutant_name is None:
            return super().run_tests(mutant_name=mutant_name, tests=tests)
        os.chdir("mutants")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            return self._run([self.items[test] for test in tests], own=mutant_name.split(".")[1:3])
        except pytest.exit.Exception as end:
            return end.returncode or 2

    def _run(self, items: list[pytest.Item], own: list[str]) -> int:
        """Run tests until one fails: first those that need no database, then those of the module's own name (ledger, splits)."""
        plugin = items[0].config.pluginmanager.get_plugin(PLUGIN)
        assert plugin is not None

        def late(item: pytest.Item) -> tuple[bool, bool, bool]:
            needs_database = item.get_closest_marker("django_db") is not None
            of_its_own = [item.path.parent.name, item.path.stem.removeprefix("test_")] == own
            return needs_database, plugin.commits(item), not of_its_own

        # Mutmut gives the quick ones first, and they stay in that order.
        items.sort(key=late)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                return 1
        return 0


class Runner(isolation.ForkRunner):
    """Collects the tests after mutmut has tried them without a mutant, and before it forks."""

    test_runner: CollectedTests

    def startup(self) -> None:
        self.test_runner.collect()
        super().startup()


# There is no setting for it.
vars(isolation).update(PytestRunner=CollectedTests, ForkRunner=Runner)

if __name__ == "__main__":
    cli()
