"""Prompts that call several plug-ins at once: how they are composed, and what a combination learns from them."""

from dataclasses import replace

import pytest

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.combination.config import CombinationConfig, CombinationMethod
from plugins_engine.combination.easymerge import combine, gather_parts
from plugins_engine.combination.objective import relative_error
from plugins_engine.combination.parts import CombinationPart, joint_parts, joint_parts_of, kept_by_erasers
from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.tiny_pipelines import random_adapter

FAST = CombinationConfig("closed-form", pictures=4, steps=2, tuning_steps=2, epochs=20, rows=256)


@pytest.fixture
def ink(sd: BaseCheckpoint) -> CombinationPart:
    return CombinationPart(
        ("a boat, Ink style", "a tree, Ink style"), (random_adapter(sd, seed=1, name="Ink"),)
    )


@pytest.fixture
def fox(sd: BaseCheckpoint) -> CombinationPart:
    adapter = replace(random_adapter(sd, seed=2, name="Fox"), kind="character", trigger="Fox")
    return CombinationPart(("a fox, Clay style", "a fox, Wool style", "a red fox at night"), (adapter,))


def test_every_character_is_asked_for_in_every_style(
    sd: BaseCheckpoint, ink: CombinationPart, fox: CombinationPart
) -> None:
    clay = CombinationPart(("a boat, Clay style",), (random_adapter(sd, seed=3, name="Clay"),))
    owl = CombinationPart(("snow",), (replace(fox.adapters[0], name="Owl", trigger=""),))
    retained = CombinationPart(("a house",))
    found = joint_parts([ink, fox, clay, owl, retained])
    assert [(part.called, part.prompts) for part in found] == [
        ("Ink with Fox", ("a fox, Ink style", "a red fox at night, Ink style")),
        ("Ink with Owl", ("Owl, Ink style",)),
        ("Clay with Fox", ("a fox, Clay style", "a red fox at night, Clay style")),
        ("Clay with Owl", ("Owl, Clay style",)),
    ]


def test_two_styles_or_two_characters_are_not_asked_for_at_once(
    ink: CombinationPart, fox: CombinationPart
) -> None:
    assert joint_parts([ink, ink]) == []
    assert joint_parts([fox, fox]) == []


def test_given_prompts_call_the_plugins_whose_names_they_have(
    ink: CombinationPart, fox: CombinationPart
) -> None:
    owl = replace(fox.adapters[0], name="Owl")
    adapters = (*ink.adapters, *fox.adapters, owl)
    found = joint_parts_of(("a fox and an owl", "a fox, ink style", "an owl with a fox"), adapters)
    assert [(part.called, part.prompts) for part in found] == [
        ("Fox with Owl", ("a fox and an owl", "an owl with a fox")),
        ("Ink with Fox", ("a fox, ink style",)),
    ]
    with pytest.raises(
        BadRequest, match='"a foxglove, Ink style": expected the names of at least two of Ink, Fox'
    ):
        joint_parts_of(["a foxglove, Ink style"], adapters)


def test_with_erasers_all_that_the_base_knows_besides_is_kept(
    sd: BaseCheckpoint, ink: CombinationPart
) -> None:
    eraser = replace(ink.adapters[0], kind="eraser", metadata={"plugin.extracted": "dog"})
    read_again = Adapter.load(eraser.to_bytes())
    kept = kept_by_erasers(sd, [read_again])
    assert "a painting of a cat" in kept
    assert not any("dog" in prompt for prompt in kept)
    assert kept_by_erasers(sd, ink.adapters) == ()


@pytest.mark.parametrize("method", ["closed-form", "sgd"])
def test_a_picture_of_both_is_nearer_to_the_two_side_by_side_when_it_was_asked_for(
    sd: BaseCheckpoint, ink: CombinationPart, fox: CombinationPart, method: CombinationMethod
) -> None:
    alone, (both,) = [ink, fox], joint_parts([ink, fox])
    config = replace(FAST, method=method)
    inputs = gather_parts(sd, [both], replace(FAST, seed=77))

    def error(adapter: Adapter) -> float:
        return relative_error(adapter, [both], inputs)[0]

    without, done = combine(sd, alone, config), combine(sd, [*alone, both], config)
    assert error(done.adapter) < 0.9 * error(without.adapter)
    assert done.figures["parts"] == 2
    assert done.adapter.rank <= 8  # the sum of the parts', with or without it
    assert done.adapter.merged_from == ("Ink", "Fox")


def test_a_plugin_must_be_called_alone_as_well(
    sd: BaseCheckpoint, ink: CombinationPart, fox: CombinationPart
) -> None:
    clay = CombinationPart(("a boat, Clay style",), (random_adapter(sd, seed=3, name="Clay"),))
    (both,) = joint_parts([ink, fox])
    with pytest.raises(BadRequest, match="Fox: expected prompts that call it alone as well"):
        combine(sd, [ink, clay, both], FAST)
