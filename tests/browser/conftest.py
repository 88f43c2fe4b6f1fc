"""A real market and a real browser. Everything here is skipped, with the reason, where there is no browser."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium, missing
from tests.browser.site import Site, make_database
from tests.browser.visitor import Visitor

Enter = Callable[..., Visitor]


def skip_without_browser() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module only: while playwright runs, its thread has an event loop, in which Django refuses queries."""
    skip_without_browser()
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The market as `./run` starts it, with its demo people, on the tests' own PostgreSQL and Valkey."""
    skip_without_browser()
    # A test process has its own database here and its own numbers on the broker: its tests use two, from 0 or 2 on.
    process = os.environ.get("PYTEST_XDIST_WORKER", "main")
    broker = re.sub(
        r"virtual_host=(\d+)",
        lambda found: f"virtual_host={(int(found[1]) + 8) % 16}",
        os.environ["BROKER_URL"],
    )
    settings = {
        "DATABASE_URL": make_database(os.environ["DATABASE_URL"], f"browser_{process}"),
        "BROKER_URL": broker,
    }
    with Site(tmp_path_factory.mktemp("site"), settings) as running:
        yield running


@pytest.fixture
def enter(browser: Browser, site: Site) -> Iterator[Enter]:
    """Return a function that opens a window; at the end of the test no window may have met a problem."""
    visitors: list[Visitor] = []

    def open_window(**options: Any) -> Visitor:
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options
        )
        context.set_default_timeout(15_000)
        visitors.append(Visitor(context, site.url))
        return visitors[-1]

    yield open_window
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert problems == []
