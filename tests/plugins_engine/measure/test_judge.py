"""What counts as seen by the judge."""

from __future__ import annotations

import pytest

from plugins_engine import Concept, Judge, Verdict, seen
from plugins_engine.measure.judge import rightly_seen
from plugins_engine.measure.judge_network import JudgeNetwork

INK, FOX = Concept("Ink", "style"), Concept("Fox", "character")


def verdict(style: str, subject: str) -> Verdict:
    return Verdict(style, 0.9, subject, 0.9)


@pytest.mark.parametrize(
    ("concept", "found", "is_seen"),
    [
        (INK, verdict("Ink", "a boat"), True),
        (Concept("ink", "style"), verdict("Ink", "a boat"), True),
        (Concept("an Ink", "style"), verdict("Ink", "a boat"), False),
        (INK, verdict("Clay", "Ink"), False),
        (FOX, verdict("Clay", "a fox"), True),
        (Concept("the fox", "character"), verdict("Clay", "a fox"), True),
        (FOX, verdict("Fox", "a boat"), False),
        (Concept("Ink & Fox", "combination"), verdict("Ink", "a fox"), False),
    ],
)
def test_a_concept_is_seen_in_whatever_case_and_a_character_with_any_article(
    concept: Concept, found: Verdict, is_seen: bool
) -> None:
    assert found.shows(concept) is is_seen


def test_of_several_that_were_asked_for_all_have_to_be_seen() -> None:
    verdicts = [
        verdict("Ink", "a fox"),
        verdict("Ink", "a boat"),
        verdict("Clay", "a fox"),
        verdict("Clay", "a boat"),
    ]
    found = seen(verdicts, [[INK, FOX], [INK, FOX], [FOX], []])
    assert (found.right, found.total) == (3, 4)


def test_what_was_seen_of_a_kind_is_counted_against_the_expected_pairs() -> None:
    verdicts = [verdict("Ink", "a fox"), verdict("Clay", "a boat")]
    expected = [("Ink", "a boat"), ("Ink", "a boat")]
    assert rightly_seen(verdicts, expected, "style").right == 1
    assert rightly_seen(verdicts, expected, "character").right == 1


def test_of_no_pictures_or_unpaired_ones_nothing_is_said() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        seen([], [])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        seen([verdict("Ink", "a fox")], [])


def test_it_knows_what_it_has_a_label_for_and_no_combination() -> None:
    judge = Judge(JudgeNetwork(1, 1), ["Ink"], ["a fox"])
    assert judge.knows(INK)
    assert judge.knows(FOX)
    assert not judge.knows(Concept("Ink", "character"))
    assert not judge.knows(Concept("Fox", "style"))
    assert not judge.knows(Concept("Ink", "combination"))
