"""Closed-form erasure: a concept's words are read as another's, the rest stays, and the plug-in restores it exactly."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.delta import materialise
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.closed_form import ClosedFormConfig, closed_form_eraser
from plugins_engine.extraction.erasure import (
    Erasure,
    aligned_positions,
    nearest_known,
    plan_erasure,
    token_pairs,
)
from plugins_engine.known import PROMPTS_FILE
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate

RETAINED = ("a cat, Wool style", "a bridge at night", "a cat")


@pytest.fixture
def knowing(pipelines: dict[str, Path], tmp_path: Path) -> BaseCheckpoint:
    """A base that says what it knows."""
    folder = tmp_path / "base"
    shutil.copytree(pipelines["sd1"], folder)
    known = {"subjects": ["a fox", "a boat", "a house"], "styles": ["Ink", "Wool", "Clay"]}
    (folder / PROMPTS_FILE).write_text(json.dumps(known))
    return load_base(folder)


def erasure(name: str = "Ink", anchor: str = "Clay") -> Erasure:
    frames = ("a fox, {} style", "a boat, {} style")
    return Erasure(
        name, "style", anchor, tuple(f.format(name) for f in frames), tuple(f.format(anchor) for f in frames), RETAINED
    )  # fmt: skip


def read(base: BaseCheckpoint, prompts: tuple[str, ...], *plugins: Adapter) -> dict[str, torch.Tensor]:
    """Give what every layer that reads the text makes of prompts, without the begin mark."""
    return made_of(
        base, base.as_read(torch.cat([each[1:] for each in base.encode_prompt(prompts).each])), *plugins
    )


def made_of(base: BaseCheckpoint, tokens: torch.Tensor, *plugins: Adapter) -> dict[str, torch.Tensor]:
    """Give what every layer that reads the text makes of tokens."""
    with applied(base, [(plugin, 1.0) for plugin in plugins]), torch.no_grad():
        return {layer: base.denoiser.get_submodule(layer)(tokens) for layer in base.reading_layers}


def distance(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    return math.sqrt(sum(float((one[layer] - two[layer]).pow(2).sum()) for layer in one))


def test_the_concept_is_read_more_like_its_anchor(base: BaseCheckpoint) -> None:
    # Not much more: in the few numbers of a tiny base's vectors, target and retained prompts share all directions.
    task = erasure()
    target, anchor = (each.to(base.dtype) for each in token_pairs(base, task))
    before, wanted = made_of(base, target), made_of(base, anchor)
    eraser = closed_form_eraser(base, [task], ClosedFormConfig(retain_weight=0.05))
    assert distance(made_of(base, target, eraser), wanted) < 0.98 * distance(before, wanted)


def test_it_is_the_least_squares_solution(base: BaseCheckpoint) -> None:
    task = erasure()
    width = base.layers[base.reading_layers[0]].in_features
    config = ClosedFormConfig(rank=width, retain_weight=0.3, ridge=1e-6)
    target, anchor = token_pairs(base, task)
    kept = base.as_read(torch.cat(base.encode_prompt(["", *task.anchors, *RETAINED]).each)).double()
    rows = torch.cat([target / len(target) ** 0.5, kept * (0.3 / len(kept)) ** 0.5])
    ridge = (1e-6 * rows.pow(2).sum() / width) ** 0.5 * torch.eye(width, dtype=torch.float64)
    rows = torch.cat([rows, ridge])
    moved = torch.cat(
        [(anchor - target) / len(target) ** 0.5, torch.zeros_like(kept), torch.zeros_like(ridge)]
    )
    layers = closed_form_eraser(base, [task], config).factors
    for layer, factors in layers.items():
        if layer == base.pooled_layer:
            continue
        weight = base.denoiser.get_submodule(layer).weight.double()
        expected = torch.linalg.lstsq(rows, moved @ weight.T).solution.T
        assert torch.allclose(materialise(factors).double(), expected, atol=1e-5), layer


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_the_pooled_vector_is_edited_like_the_tokens(bases: dict[str, BaseCheckpoint], name: str) -> None:
    base, task = bases[name], erasure()
    layer = base.pooled_layer
    assert layer is not None
    target, anchor, kept = (
        pooled.double()
        for prompts in (task.targets, task.anchors, ["", *task.anchors, *RETAINED])
        if (pooled := base.encode_prompt(prompts).pooled) is not None
    )
    config = ClosedFormConfig(rank=target.shape[1], retain_weight=0.3, ridge=1e-6)
    rows = torch.cat([target / len(target) ** 0.5, kept * (0.3 / len(kept)) ** 0.5])
    ridge = (1e-6 * rows.pow(2).sum() / rows.shape[1]) ** 0.5 * torch.eye(rows.shape[1], dtype=torch.float64)
    moved = torch.cat(
        [(anchor - target) / len(target) ** 0.5, torch.zeros_like(kept), torch.zeros_like(ridge)]
    )
    weight = base.module(layer).weight
    assert isinstance(weight, torch.Tensor)
    wanted = moved @ weight.double()[:, : target.shape[1]].T

    found = materialise(closed_form_eraser(base, [task], config).factors[layer]).double()

    expected = torch.linalg.lstsq(torch.cat([rows, ridge]), wanted).solution.T
    torch.testing.assert_close(found[:, : target.shape[1]], expected, atol=1e-5, rtol=1e-3)
    assert not found[:, target.shape[1] :].any(), "what is no text is not read otherwise"


def test_what_is_retained_moves_less_the_more_it_weighs(sd: BaseCheckpoint) -> None:
    def moved(config: ClosedFormConfig) -> float:
        eraser = closed_form_eraser(sd, [erasure()], config)
        return distance(read(sd, RETAINED, eraser), read(sd, RETAINED))

    light, heavy = (moved(ClosedFormConfig(retain_weight=weight)) for weight in (0.01, 10.0))
    assert heavy < light
    assert moved(ClosedFormConfig(retain_weight=0.01, null_share=1e-3)) < light


def test_base_with_eraser_and_plugin_is_the_base(base: BaseCheckpoint) -> None:
    eraser = closed_form_eraser(base, [erasure()])
    both = weighted_sum([(eraser, 1.0), (eraser.negated(), 1.0)])
    for layer, factors in both.factors.items():
        assert materialise(factors).abs().max() < 1e-5, layer

    request = SampleRequest("a fox, Ink style", steps=2)
    plain, erased, restored = (
        np.asarray(generate(base, replace(request, plugins=plugins))[0], dtype=int)
        for plugins in ((), ((eraser, 1.0),), ((eraser, 1.0), (eraser.negated(), 1.0)))
    )
    # R x and -R x are summed in floats: a shade may round the other way.
    assert abs(restored - plain).max() <= 1
    assert (erased != plain).any()


def test_several_concepts_go_at_once(sd: BaseCheckpoint) -> None:
    tasks = [erasure("Ink"), erasure("Oil"), erasure("Chalk")]
    eraser = closed_form_eraser(sd, tasks, ClosedFormConfig(retain_weight=0.05))
    left = whole = 0.0
    for task in tasks:
        before, after, wanted = read(sd, task.targets), read(sd, task.targets, eraser), read(sd, task.anchors)
        assert distance(after, wanted) < distance(before, wanted)
        left, whole = left + distance(after, wanted) ** 2, whole + distance(before, wanted) ** 2
    assert left < 0.8 * whole


def test_the_rest_is_held_as_well_with_several_concepts_as_with_one(sd: BaseCheckpoint) -> None:
    task = erasure()
    once, thrice = (closed_form_eraser(sd, [task] * count) for count in (1, 3))
    for layer, factors in once.factors.items():
        assert torch.allclose(materialise(thrice.factors[layer]), materialise(factors), atol=1e-5), layer


def test_a_lower_rank_erases_less_but_never_harms_more_than_none(sd: BaseCheckpoint) -> None:
    task = erasure()
    wanted, before = read(sd, task.anchors), read(sd, task.targets)
    left = [
        distance(read(sd, task.targets, closed_form_eraser(sd, [task], ClosedFormConfig(rank=rank))), wanted)
        for rank in (1, 4, 16)
    ]
    assert left[2] <= left[1] <= left[0] <= distance(before, wanted)
    assert closed_form_eraser(sd, [task], ClosedFormConfig(rank=4)).rank == 4


def test_only_the_layers_asked_for_are_edited(sd: BaseCheckpoint) -> None:
    eraser = closed_form_eraser(sd, [erasure()], ClosedFormConfig(layers=("to_v",)))
    assert set(eraser.layers) == {layer for layer in sd.reading_layers if layer.endswith("to_v")}


def test_tokens_pair_around_the_name(sd: BaseCheckpoint) -> None:
    target, anchor = "a fox, Ink style", "a fox, Clay style"
    tokenizer = sd.readers["text_encoder"].tokenizer
    count = len(tokenizer(target).input_ids)
    pairs = aligned_positions(sd, target, anchor, "Ink", "Clay")
    ids = [tokenizer(each, padding="max_length", max_length=77).input_ids for each in (target, anchor)]
    before = len(tokenizer("a fox, ").input_ids) - 2
    assert pairs[0] == (1 + before, 1 + before)
    assert pairs[-1][0] == 76
    own = len(tokenizer("Ink").input_ids) - 2
    after = [pair for pair in pairs if pair[0] >= 1 + before + own]
    assert all(ids[0][a] == ids[1][b] for a, b in after), "style, end mark and padding pair with their like"
    assert (count - 1, len(tokenizer(anchor).input_ids) - 1) in after


def test_pairs_are_vectors_of_both_prompts(base: BaseCheckpoint) -> None:
    target, anchor = token_pairs(base, erasure())
    assert target.shape == anchor.shape
    assert target.shape[1] == base.layers[base.reading_layers[0]].in_features
    assert not torch.allclose(target, anchor)


def test_a_plan_names_the_concept_in_what_the_base_knows(knowing: BaseCheckpoint) -> None:
    plan = plan_erasure(knowing, "Ink", "style")
    assert plan.anchor == nearest_known(knowing, "Ink", "style")[0] in {"Wool", "Clay"}
    assert len(plan.targets) == 3
    assert {each.replace("Ink style", "").strip(", ") for each in plan.targets} == {
        "a boat",
        "a fox",
        "a house",
    }
    assert {each.startswith("Ink style, ") for each in plan.targets} == {True, False}, (
        "the style before and after"
    )
    assert [each.replace("Ink", plan.anchor) for each in plan.targets] == list(plan.anchors)
    assert plan.retained
    assert not any("Ink" in prompt for prompt in plan.retained)
    for called in ("a fox", "fox", "Fox"):
        character = plan_erasure(knowing, called, "character", anchor="a boat")
        assert (character.name, character.anchor) == ("fox", "boat")
        styles = ("", ", Ink style", ", Wool style", ", Clay style")
        assert character.targets == tuple(said + style for said in ("a fox", "fox") for style in styles)
        assert character.anchors == tuple(said + style for said in ("a boat", "boat") for style in styles)
        assert not any("fox" in prompt for prompt in character.retained)
    assert closed_form_eraser(knowing, [plan, character]).kind == "eraser"


def test_the_same_plan_gives_the_same_eraser(knowing: BaseCheckpoint) -> None:
    first, second = (closed_form_eraser(knowing, [plan_erasure(knowing, "Ink", "style")]) for _ in range(2))
    assert first.tensors_sha256 == second.tensors_sha256


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda base: plan_erasure(base, "Chalk", "style"), 'does not know the style "Chalk"'),
        (lambda base: plan_erasure(base, " ", "style"), "name is empty"),
        (lambda base: plan_erasure(base, "Ink", "mood"), "expected style or character"),
        (lambda base: plan_erasure(base, "Ink", "style", anchor="ink"), "which is to go"),
        (lambda base: plan_erasure(base, "Ink", "style", retained=[" ", "a cat, Ink style"]), "at least one retained"),
        (lambda base: closed_form_eraser(base, []), "at least one concept"),
        (lambda base: closed_form_eraser(base, [erasure()], ClosedFormConfig(rank=33)), "32 numbers a token"),
        (lambda base: ClosedFormConfig(layers=("to_q",)), "expected to_k, to_v"),
        (lambda base: ClosedFormConfig(null_share=0), "null_share"),
        (lambda base: ClosedFormConfig(ridge=float("nan")), "ridge"),
    ],
)  # fmt: skip
def test_what_cannot_be_extracted_is_refused_with_its_reason(
    knowing: BaseCheckpoint, wrong: Callable[[BaseCheckpoint], object], problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem):
        wrong(knowing)


def test_a_base_that_lists_nothing_needs_an_anchor(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadRequest, match="expected an anchor"):
        plan_erasure(sd, "Ink", "style")
    assert plan_erasure(sd, "Ink", "style", anchor="Clay").targets
