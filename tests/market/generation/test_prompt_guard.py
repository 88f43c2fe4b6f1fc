"""A prompt that asks for a concept which left the base is recognised, however it is written; one that does not is left alone."""

from __future__ import annotations

import pytest

from market.generation.prompt_guard import Guarded, PromptGuard

FOX, FLUENT, SANTA = 1, 2, 3


@pytest.fixture(scope="module")
def guard() -> PromptGuard:
    return PromptGuard(
        [
            Guarded(FOX, ("fox", "red fox"), ("an orange wild canine with a white tipped bushy tail",)),
            Guarded(FLUENT, ("Fluent 3D",)),
            Guarded(SANTA, ("Santa Claus", "Father Christmas")),
        ]
    )


def found(guard: PromptGuard, prompt: str) -> list[int]:
    return [mention.concept for mention in guard.find(prompt)]


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox",
        "A FOX, portrait",
        "two foxes in the snow",
        "the fox's tail",
        "the fox’s tail",  # noqa: RUF001  # a printer's apostrophe
        "a foxx in a field",
        "a f0x in a field",
        "a f.o.x. in a field",
        "a f o x in a field",
        "a fοx in a field",  # noqa: RUF001  # a Greek letter
        "a fоx in a field",  # noqa: RUF001  # a Cyrillic letter
        "a ｆｏｘ in a field",  # noqa: RUF001  # wide letters
        "a f\u200box in a field",
        "a fox" + " and so on" * 500,
    ],
)
def test_a_name_is_recognised_however_it_is_written(guard: PromptGuard, prompt: str) -> None:
    assert found(guard, prompt) == [FOX]


@pytest.mark.parametrize(
    "prompt",
    [
        "a bell, Fluent 3D",
        "a bell, 3D Fluent",
        "fluent-3d bell",
        "flu ent 3d bell",
        "FluentThreeD bell",
        "Fluennt 3D",
    ],
)
def test_a_name_of_several_words_is_recognised_joined_split_and_turned_round(
    guard: PromptGuard, prompt: str
) -> None:
    assert found(guard, prompt) == [FLUENT]


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "   ",
        "a foxglove beside a box and an ox",
        "a 3D cube",
        "a fluent speaker",
        "the town of Santa Fe",
        "a clause in a contract",
        "Christmas with my father",
        "an orange cat",
        "🦊🦊🦊",
        "x, o, f on a blackboard",
    ],
)
def test_innocent_look_alikes_are_left_alone(guard: PromptGuard, prompt: str) -> None:
    assert found(guard, prompt) == []


def test_a_description_is_recognised_by_its_meaning(guard: PromptGuard) -> None:
    (mention,) = guard.find("a small orange wild canine that has a bushy tail with a white tip")
    assert (mention.concept, mention.how) == (FOX, "description")


def test_each_concept_is_said_once_with_the_words_that_gave_it_away(guard: PromptGuard) -> None:
    mentions = guard.find("Father Cristmas, a fox, another fox and Santa Claus")

    assert [(each.concept, each.said, each.how) for each in mentions] == [
        (FOX, "fox", "name"),
        (SANTA, "santa claus", "name"),
    ]


def test_a_guard_of_nothing_finds_nothing() -> None:
    assert PromptGuard([]).find("a fox") == []
