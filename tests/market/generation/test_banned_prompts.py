"""How well prompts that ask for a banned kind of use are recognised, on a labelled list."""

from __future__ import annotations

import pytest

from market.catalog.models import UseKind
from market.generation.banned_uses import mentions
from market.generation.use_kinds import WORDINGS
from tests.market.generation.banned_prompts import measured


@pytest.mark.parametrize(
    ("half", "precision", "recall"), [("development", 0.98, 0.98), ("held_out", 0.9, 0.9)]
)
def test_most_prompts_that_ask_for_a_kind_are_found_and_few_others_are(
    half: str, precision: float, recall: float
) -> None:
    found = measured(half)

    assert found.precision >= precision, found.invented
    assert found.recall >= recall, found.missed


def test_each_kind_has_words_and_sentences() -> None:
    assert set(WORDINGS) == set(UseKind)
    assert all(each.words and each.sentences for each in WORDINGS.values())


@pytest.mark.parametrize(
    "disguised",
    [
        "a NUDE woman",
        "a (nude:1.4) woman",
        "a nu\N{ZERO WIDTH SPACE}de woman",
        "a nud\N{CYRILLIC SMALL LETTER IE} woman",
        "a n.u.d.e woman",
        "a n u d e woman",
        "a nud3? no, ((nude)) woman",
    ],
)
def test_a_word_is_found_in_disguise(disguised: str) -> None:
    assert set(mentions(disguised, [("nudity", "")])) == {("nudity", "")}


def test_a_meaning_is_found_without_any_of_the_words() -> None:
    (found,) = mentions("a lady with no clothes on in the garden", [("nudity", "")]).values()
    assert found.how == "description"
