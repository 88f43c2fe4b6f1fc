"""Places: few people have files read at once, and nobody takes them all."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from market.decoding.places import Places
from market.refusals import Refused


def status(places: Places, person: int) -> int:
    try:
        with places.taken_by(person):
            return 200
    except Refused as refusal:
        return int(refusal.status)


def test_a_person_has_one_place_and_another_person_another() -> None:
    places = Places(5)

    with places.taken_by(1):
        assert (status(places, 1), status(places, 2)) == (429, 200)
    assert status(places, 1) == 200


def test_whoever_comes_when_all_are_taken_is_refused_at_once() -> None:
    places = Places(3)

    with ExitStack() as taken:
        for person in range(3):
            taken.enter_context(places.taken_by(person))
        assert status(places, 7) == 503
    assert status(places, 7) == 200


def test_a_place_is_free_again_after_a_fault() -> None:
    places = Places(1)

    with pytest.raises(ZeroDivisionError), places.taken_by(1):
        raise ZeroDivisionError
    assert status(places, 2) == 200


def test_a_person_may_have_several_where_that_is_allowed() -> None:
    places = Places(5, each=2)

    with places.taken_by(1), places.taken_by(1):
        assert (status(places, 1), status(places, 2)) == (429, 200)
