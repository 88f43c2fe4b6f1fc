"""Children read files: what one of them does, or is made to do, is bounded and hurts nobody else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from market.decoding import children as module
from market.decoding.children import EXCEEDED, FAILED, Bounds, Children
from market.refusals import Refused

MEMORY = 300_000_000
BOUNDS = Bounds(seconds=20, patience=120, most=1_000)


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(2, MEMORY)
    yield made
    made.close()


def read(
    children: Children, reader: str, bounds: Bounds = BOUNDS, data: bytes = b"abc", **options: Any
) -> Any:
    return children.read(f"tests.market.decoding.readers:{reader}", data, options, bounds)


def refused(children: Children, reader: str, bounds: Bounds = BOUNDS, **options: Any) -> str:
    with pytest.raises(Refused) as refusal:
        read(children, reader, bounds, **options)
    assert refusal.value.status == 422
    return str(refusal.value)


def test_what_a_file_holds_is_said_in_json_and_in_bytes(children: Children) -> None:
    found, parts = read(children, "counts", also="this")

    assert (found["bytes"], found["also"], parts) == (3, "this", [b"cba"])


def test_one_child_reads_one_file_after_the_other(children: Children) -> None:
    assert len({read(children, "counts")[0]["process"] for _ in range(5)}) == 1


def test_a_child_that_has_read_enough_makes_room_for_another(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_EACH", 2)

    assert len({read(children, "counts")[0]["process"] for _ in range(4)}) == 2


@pytest.mark.parametrize(
    ("reader", "bounds", "options"),
    [
        ("takes_memory", BOUNDS, {"bytes": 2 * MEMORY}),
        ("takes_time", Bounds(seconds=1, patience=120, most=0), {}),
        ("waits", Bounds(seconds=20, patience=1, most=0), {"seconds": 60}),
        ("dies", BOUNDS, {}),
        ("says_much", BOUNDS, {"bytes": 1_001}),
    ],
)
def test_what_exceeds_its_bounds_is_refused_and_the_next_file_is_read(
    children: Children, reader: str, bounds: Bounds, options: dict[str, Any]
) -> None:
    before = read(children, "counts")[0]["process"]
    begun = time.monotonic()

    assert refused(children, reader, bounds, **options) == EXCEEDED

    assert time.monotonic() - begun < 60
    assert read(children, "counts")[0]["process"] != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_a_reader_that_trips_is_a_refusal_and_its_child_goes_on(children: Children) -> None:
    before = read(children, "counts")[0]["process"]

    assert refused(children, "trips") == FAILED
    assert read(children, "counts")[0]["process"] == before


def test_a_child_that_was_killed_while_it_had_nothing_to_do_is_replaced(children: Children) -> None:
    before = read(children, "counts")[0]["process"]
    os.kill(before, signal.SIGKILL)
    time.sleep(0.2)

    assert read(children, "counts")[0]["process"] != before


def test_what_a_library_prints_is_no_answer(children: Children) -> None:
    assert read(children, "prints")[0] == {"printed": True}


def test_a_child_has_no_key_no_database_and_writes_no_file(children: Children, tmp_path: Path) -> None:
    found, _ = read(children, "looks_around")

    allowed = {
        *module.INHERITED,
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENCV_FOR_THREADS_NUM",
        "LC_CTYPE",
    }
    assert set(found["environment"]) <= allowed
    assert not {"market.settings", "psycopg", "django.db.backends.postgresql.base"} & set(found["modules"])
    assert all(each.startswith(("pipe:", "/proc/")) for each in found["files"])
    assert found["memory"] == [MEMORY, MEMORY]
    refused(children, "writes", path=str(tmp_path / "made"))
    assert not (tmp_path / "made").exists() or not (tmp_path / "made").read_bytes()


def test_no_more_than_so_many_read_at_once_and_the_others_wait(children: Children) -> None:
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(read, children, "waits", seconds=0.2) for _ in range(6)]
        spans = [each.result()[0] for each in asked]

    for one in spans:
        assert sum(other["begun"] <= one["begun"] < other["ended"] for other in spans) <= 2
    assert len(children._idle) <= 2  # noqa: SLF001
