"""A release: erasers merged into one, plug-ins that fit it, and the test of it all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugins_engine.combination.config import CombinationConfig
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.closed_form import ClosedFormConfig
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.methods import extract_concept
from plugins_engine.extraction.release import ErasedConcept, ReleaseConfig, check_release, combine_erasers
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.progress import Progress
from tests.plugins_engine.tiny_pipelines import random_tokens

CONFIG = ReleaseConfig(
    combination=CombinationConfig(method="closed-form", pictures=2, retained_pictures=2, steps=1),
    restoring_steps=2,
    pictures=3,
    steps=2,
    shown=2,
)


def taken(base: BaseCheckpoint, name: str) -> ErasedConcept:
    prompts = (f"a dog, {name} style", f"a boat, {name} style")
    anchors = ("a dog, Clay style", "a boat, Clay style")
    erasure = Erasure(name, "style", "Clay", prompts, anchors, ("a cat", "a house"))
    done = extract_concept(base, erasure, "closed-form", ClosedFormConfig(rank=4))
    return ErasedConcept(erasure, done.eraser, done.plugin)


def test_one_concept_keeps_its_own_eraser_and_plugin(sd: BaseCheckpoint) -> None:
    only = taken(sd, "Ink")
    merged = combine_erasers(sd, [only], CONFIG)
    assert merged.eraser is only.eraser
    assert merged.plugins == (only.plugin,)


def test_several_become_one_eraser_with_a_plugin_that_fits_it_for_each(sd: BaseCheckpoint) -> None:
    both = [taken(sd, "Ink"), taken(sd, "Wool")]
    stages: list[str] = []
    merged = combine_erasers(sd, both, CONFIG, lambda progress: stages.append(progress.message))

    assert [plugin.name for plugin in merged.plugins] == ["Ink", "Wool"]
    assert all(
        plugin.metadata["plugin.restores_beside"] == merged.eraser.tensors_sha256 for plugin in merged.plugins
    )
    assert {"combining", "restoring"} <= set(stages)


def test_nothing_to_release_without_is_refused(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadRequest, match="at least one extraction"):
        combine_erasers(sd, [], CONFIG)


def test_every_concept_and_all_else_are_drawn_and_measured(sd: BaseCheckpoint) -> None:
    both = [taken(sd, "Ink"), taken(sd, "Wool")]
    reports: list[Progress] = []
    merged = combine_erasers(sd, both, CONFIG)
    test = check_release(sd, both, merged, None, CONFIG, reports.append)

    assert [each["name"] for each in test.figures["concepts"]] == ["Ink", "Wool"]
    retained = test.figures["retained"]
    assert set(retained) == {"moved", "moved_interval"}, "nothing is counted without a judge"
    low, high = retained["moved_interval"]["after"]
    assert 0 <= low < retained["moved"]["after"] < high <= 1
    assert list(test.grids) == ["Ink", "Wool", "all else"]
    columns, rows = test.grids["Ink"]
    assert (columns, len(rows)) == (("before", "after", "restored"), 2)
    assert (reports[-1].step, reports[-1].steps) == (24, 24)
    assert reports[-1].preview is not None


def test_one_concept_is_restored_exactly(sd: BaseCheckpoint) -> None:
    only = [taken(sd, "Ink")]
    test = check_release(sd, only, combine_erasers(sd, only, CONFIG), None, CONFIG)
    moved = test.figures["concepts"][0]["moved"]
    assert moved["restored"] < 0.01


def test_all_else_names_nothing_that_was_taken_out(sd: BaseCheckpoint) -> None:
    animal = Erasure("dog", "character", "cat", ("dog",), ("cat",), ("a house",))
    done = extract_concept(sd, animal, "closed-form", ClosedFormConfig(rank=4))
    only = [ErasedConcept(animal, done.eraser, done.plugin)]
    test = check_release(sd, only, combine_erasers(sd, only, CONFIG), None, CONFIG)
    _, rows = test.grids["all else"]
    assert rows
    assert not any("dog" in prompt for prompt, _ in rows)


def test_erasers_that_change_how_prompts_are_read_are_released_by_themselves_alone(
    sd: BaseCheckpoint,
) -> None:
    both = [taken(sd, "Ink"), taken(sd, "Wool")]
    odd = replace(both[0], eraser=replace(both[0].eraser, tokens=(random_tokens(sd, "Ink"),)))

    assert combine_erasers(sd, [odd], CONFIG).eraser is odd.eraser
    with pytest.raises(
        BadRequest, match=r"without Ink: expected erasers of the UNet alone .* denoiser, tokens"
    ):
        combine_erasers(sd, [odd, both[1]], CONFIG)
