"""Subjects and references are described by those who make them, in one call for each kind; else by what was written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from market.ledger import describing
from market.ledger.describing import Described, describe, register


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Things numbered below 10 can be described; the fixture keeps what was asked for."""
    calls: list[set[str]] = []

    def things(ids: Iterable[str]) -> Mapping[str, Described]:
        calls.append(set(ids))
        return {pk: Described(f"Thing {pk}", f"/things/{pk}", "things") for pk in ids if len(pk) == 1}

    monkeypatch.setattr(describing, "_describers", {})
    register("thing", things)
    return calls


def test_all_names_of_one_kind_are_asked_for_at_once(asked: list[set[str]]) -> None:
    assert describe(["thing:1", "thing:2", "thing:1", "other:3"]) == {
        "thing:1": Described("Thing 1", "/things/1", "things"),
        "thing:2": Described("Thing 2", "/things/2", "things"),
        "other:3": Described("other:3", "", "other:3"),
    }
    assert asked == [{"1", "2"}]


def test_what_is_not_known_is_called_as_it_was_written_down_and_stands_for_itself(
    asked: list[set[str]],
) -> None:
    assert describe(["thing:99", "thing:a:b", ""], {"thing:99": "Lost"}) == {
        "thing:99": Described("Lost", "", "thing:99"),
        "thing:a:b": Described("thing:a:b", "", "thing:a:b"),
        "": Described("Other", "", ""),
    }
    assert asked == [{"99", "a:b"}]
