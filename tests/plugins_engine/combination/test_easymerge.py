"""Combination: several plug-ins become one that does to each one's prompts what that plug-in did."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.combination.activations import gather_inputs
from plugins_engine.combination.config import COMBINATION_METHODS, CombinationConfig, CombinationMethod
from plugins_engine.combination.easymerge import Combination, combine, gather_parts
from plugins_engine.combination.objective import part_weights, relative_error
from plugins_engine.combination.parts import RETAINED_WEIGHT, CombinationPart
from plugins_engine.errors import BadRequest, BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine.tiny_pipelines import random_adapter, random_reader, random_tokens

FAST = CombinationConfig(
    "closed-form", pictures=4, retained_pictures=4, steps=2, tuning_steps=2, epochs=20, rows=256
)
INK, CLAY = ("a fox, Ink style", "a boat, Ink style"), ("a fox, Clay style", "a tree, Clay style")


def parts_for(base: BaseCheckpoint, **options: object) -> list[CombinationPart]:
    return [
        CombinationPart(INK, (random_adapter(base, seed=1, name="Ink", **options),)),  # type: ignore[arg-type]
        CombinationPart(CLAY, (random_adapter(base, seed=2, name="Clay", **options),)),  # type: ignore[arg-type]
    ]


def error_elsewhere(base: BaseCheckpoint, parts: Sequence[CombinationPart], adapter: Adapter) -> float:
    """Give the objective on pictures that neither the fit nor its choice of ridge has seen."""
    inputs = gather_parts(base, parts, replace(FAST, method="closed-form", seed=77))
    return relative_error(adapter, parts, inputs)[0]


@pytest.fixture(scope="module")
def merged(bases: dict[str, BaseCheckpoint]) -> dict[CombinationMethod, tuple[Combination, float]]:
    """Each method's combination of the same two plug-ins, and its error on other pictures."""
    base = bases["sd1"]
    parts = parts_for(base)
    found = {method: combine(base, parts, replace(FAST, method=method)) for method in COMBINATION_METHODS}
    return {method: (each, error_elsewhere(base, parts, each.adapter)) for method, each in found.items()}


@pytest.mark.parametrize("other", ["sgd", "sum", "svd", "ties", "dare"])
def test_closed_form_does_best_on_pictures_it_has_not_seen(
    merged: dict[CombinationMethod, tuple[Combination, float]], other: CombinationMethod
) -> None:
    assert merged["closed-form"][1] <= merged[other][1]


def test_descent_comes_near_the_closed_form_when_it_is_given_the_time(sd: BaseCheckpoint) -> None:
    parts = parts_for(sd)
    exact = error_elsewhere(sd, parts, combine(sd, parts, FAST).adapter)
    for epochs, most in ((20, 1.5), (100, 1.2)):
        slow = combine(sd, parts, replace(FAST, method="sgd", rank=8, epochs=epochs)).adapter
        assert exact <= error_elsewhere(sd, parts, slow) < most * exact


def test_it_works_on_every_architecture_and_on_convolutions(base: BaseCheckpoint) -> None:
    parts = parts_for(base, kinds=("attention", "projection"))
    done = combine(base, parts, FAST)
    assert done.adapter.kernels == parts[0].adapters[0].kernels
    assert float(done.figures["relative_error"]) < 1
    pictures = generate(base, SampleRequest(INK[0], steps=2, plugins=[(done.adapter, 1.0)]))
    assert len(pictures) == 1


def test_no_change_of_the_solution_lowers_its_objective(sd: BaseCheckpoint) -> None:
    parts = parts_for(sd)
    config = replace(FAST, ridge=1e-9)
    done = combine(sd, parts, config)
    inputs = gather_parts(sd, parts, config)
    best = relative_error(done.adapter, parts, inputs)[0]
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-3, 1e-2):
        moved = {
            layer: delta.concatenate([
                (up, down),
                (
                    torch.randn(up.shape[0], 1, generator=generator) * scale,
                    torch.randn(1, down.shape[1], generator=generator) * scale,
                ),
            ])
            for layer, (up, down) in done.adapter.factors.items()
        }  # fmt: skip
        assert relative_error(replace(done.adapter, layers=moved), parts, inputs)[0] >= best


def test_a_lower_rank_loses_less_where_it_matters_than_a_plain_cut(sd: BaseCheckpoint) -> None:
    parts = parts_for(sd)
    whole = combine(sd, parts, FAST).adapter
    cut = combine(sd, parts, replace(FAST, rank=3)).adapter
    assert cut.rank == 3
    assert whole.rank == 8  # the sum of the parts'
    assert error_elsewhere(sd, parts, cut) < error_elsewhere(sd, parts, whole.in_low_rank(3))


def test_the_sum_keeps_every_layer_of_every_plugin(sd: BaseCheckpoint) -> None:
    ink, clay = (part.adapters[0] for part in parts_for(sd))
    queries = {name: each for name, each in ink.factors.items() if name.endswith("to_q")}
    keys = {name: each for name, each in clay.factors.items() if name.endswith("to_k")}
    parts = [
        CombinationPart(INK, (replace(ink, layers=queries),)),
        CombinationPart(CLAY, (replace(clay, layers=keys),)),
    ]
    done = combine(sd, parts, replace(FAST, method="sum"))
    assert set(done.adapter.layers) == set(queries) | set(keys)
    for name, each in (queries | keys).items():
        assert torch.allclose(
            delta.materialise(done.adapter.factors[name]), delta.materialise(each), atol=1e-6
        )


def test_retained_prompts_are_changed_less_when_they_are_a_part(sd: BaseCheckpoint) -> None:
    retained = CombinationPart(("a house in the rain", "a bridge at night"))
    parts = parts_for(sd)
    free = combine(sd, parts, FAST).adapter
    held = combine(sd, [*parts, replace(retained, weight=4.0)], FAST).adapter
    layers = sorted(free.layers)
    inputs = gather_inputs(sd, layers, retained.prompts, pictures=4, steps=2, seed=5)

    def change(adapter: Adapter) -> float:
        total = 0.0
        for layer in layers:
            whole = delta.materialise(adapter.factors[layer]).double()
            total += float((whole @ inputs[layer].gram * whole).sum())
        return total

    assert change(held) < 0.8 * change(free)


def test_retained_prompts_weigh_the_more_the_more_plugins_there_are(sd: BaseCheckpoint) -> None:
    ink, clay = parts_for(sd)
    wool = CombinationPart(("a fox",), (random_adapter(sd, seed=3, name="Wool"),))
    kept, more = CombinationPart(("a house in the rain",)), CombinationPart(("a bridge at night",))
    layer = next(iter(ink.adapters[0].layers))

    def ratio(parts: list[CombinationPart]) -> float:
        """Give what retained parts weigh together, where one plug-in's part weighs 1 and their effects are of one size."""
        weights = part_weights(parts, gather_parts(sd, parts, FAST), layer)
        called = [weight for weight, part in zip(weights, parts, strict=True) if part.adapters]
        usual = len(called) / sum(1 / weight for weight in called)  # over the mean size of their effects
        return (sum(weights) - sum(called)) / usual

    assert ratio([ink, clay, kept]) == pytest.approx(2 * RETAINED_WEIGHT)
    assert ratio([ink, clay, kept, more]) == pytest.approx(2 * RETAINED_WEIGHT)
    assert ratio([ink, clay, wool, kept]) == pytest.approx(3 * RETAINED_WEIGHT)


def test_of_erasers_the_layers_that_read_no_text_begin_as_their_sum(
    sd: BaseCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins_engine.combination.tuning._RATE", 0.0)  # the beginning is the end
    erasers = [replace(part, adapters=(replace(part.adapters[0], kind="eraser"),)) for part in parts_for(sd)]
    kept = CombinationPart(("a house in the rain",))
    done = combine(sd, [*erasers, kept], replace(FAST, method="tuned")).adapter
    solved = combine(sd, [*erasers, kept], FAST).adapter
    reading = set(sd.reading_layers)
    for layer, factors in done.factors.items():
        summed = delta.concatenate([part.adapters[0].factors[layer] for part in erasers])
        begun = solved.factors[layer] if layer in reading else summed
        assert torch.allclose(delta.materialise(factors), delta.materialise(begun), atol=1e-5), layer


def test_more_plugins_are_tuned_in_more_steps_so_that_each_has_its_turns(sd: BaseCheckpoint) -> None:
    ink = parts_for(sd)[0]
    config = CombinationConfig("tuned", tuning_steps=20)
    assert config.tuning_steps_of([ink] * 2) == 20
    assert config.tuning_steps_of([ink] * 10) == 40
    assert config.tuning_steps_of([*[ink] * 10, CombinationPart(("a house",))]) == 40
    assert FAST.tuning_steps_of([ink] * 10) == 0  # the closed form is not tuned


def test_its_file_says_of_which_plugins_it_was_made_and_in_what_shares(sd: BaseCheckpoint) -> None:
    ink, clay = parts_for(sd)
    third = CombinationPart(("a fox",), (random_adapter(sd, seed=3, name="Wool, knitted"),))
    done = combine(sd, [ink, clay, third], replace(FAST, method="svd"))
    again = Adapter.load(done.adapter.to_bytes())
    assert again.merged_from == ("Ink", "Clay", "Wool  knitted")
    listed = json.loads(again.metadata["plugin.merged_from"])
    hashes = [part.adapters[0].tensors_sha256 for part in (ink, clay, third)]
    assert [each["tensors_sha256"] for each in listed] == hashes
    assert [each["share_bps"] for each in listed] == [3334, 3333, 3333]
    doubled = combine(sd, [replace(ink, weight=3.0), clay], replace(FAST, method="svd"))
    listed = json.loads(doubled.adapter.metadata["plugin.merged_from"])
    assert [each["share_bps"] for each in listed] == [7500, 2500]


@pytest.mark.parametrize("method", COMBINATION_METHODS)
def test_the_same_parts_and_seed_give_the_same_plugin(sd: BaseCheckpoint, method: CombinationMethod) -> None:
    first, second = (combine(sd, parts_for(sd), replace(FAST, method=method)).adapter for _ in range(2))
    assert first.tensors_sha256 == second.tensors_sha256


def test_what_layers_are_fed_is_summed_up_exactly(sd: BaseCheckpoint) -> None:
    layers = list(sd.adaptable_layers(("attention",)))
    watched = next(layer for layer in layers if layer.endswith("attn1.to_q"))
    seen: list[torch.Tensor] = []
    handle = sd.denoiser.get_submodule(watched).register_forward_pre_hook(
        lambda _, arguments: seen.append(arguments[0].flatten(0, -2))
    )
    try:
        found = gather_inputs(sd, layers, INK, pictures=3, steps=2, seed=0, rows=10_000)
    finally:
        handle.remove()
    x = torch.cat(seen).double()
    assert found[watched].count == len(x)
    assert torch.allclose(found[watched].gram, x.T @ x / len(x))
    assert found[watched.replace("to_q", "to_v")] is found[watched]
    rows = found[watched].rows.double()
    assert len(rows) == len(x)
    assert torch.allclose(rows.T @ rows / len(x), found[watched].gram)
    text = [found[layer] for layer in layers if layer.endswith(("attn2.to_k", "attn2.to_v"))]
    assert all(each is text[0] for each in text)


def test_a_sample_of_what_layers_are_fed_is_no_larger_than_asked_for(sd: BaseCheckpoint) -> None:
    layers = [layer for layer in sd.adaptable_layers() if "attn1" in layer]
    found = gather_inputs(sd, layers, INK, pictures=4, steps=3, seed=0, rows=100)
    assert {len(each.rows) for each in found.values()} == {100}


@pytest.mark.parametrize(
    ("method", "stage"),
    [
        ("closed-form", "drawing each plug-in's own prompts"),
        ("tuned", "drawing what to tune on"),
        ("tuned", "tuning"),
    ],
)
def test_a_combination_that_is_stopped_leaves_the_base_as_it_was(
    sd: BaseCheckpoint, method: CombinationMethod, stage: str
) -> None:
    before = generate(sd, SampleRequest("a fox", steps=2))[0].tobytes()

    def stop(progress: Progress) -> None:
        if progress.message == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        combine(sd, parts_for(sd), replace(FAST, method=method), stop)
    assert generate(sd, SampleRequest("a fox", steps=2))[0].tobytes() == before
    assert not any(module._forward_pre_hooks for module in sd.denoiser.modules())  # noqa: SLF001


@pytest.mark.parametrize("method", ["tuned", "closed-form", "sum"])
def test_progress_ends_where_it_said_it_would(sd: BaseCheckpoint, method: CombinationMethod) -> None:
    told: list[Progress] = []
    combine(sd, parts_for(sd), replace(FAST, method=method), told.append)
    assert [each.step for each in told] == sorted(each.step for each in told)
    assert told[-1].step == told[-1].steps


def test_bad_requests_say_what_was_expected(sd: BaseCheckpoint, bases: dict[str, BaseCheckpoint]) -> None:
    ink, clay = parts_for(sd)
    with pytest.raises(BadRequest, match="at least two plug-ins to combine, found 1"):
        combine(sd, [ink, CombinationPart(("a house",))], FAST)
    with pytest.raises(BadRequest, match="Ink: expected every plug-in once, found it twice"):
        combine(sd, [ink, replace(ink, prompts=CLAY)], FAST)
    with pytest.raises(BadRequest, match="Clay: expected at least one prompt that calls it"):
        combine(sd, [ink, replace(clay, prompts=())], FAST)
    with pytest.raises(BadRequest, match="retained prompts: expected at least one prompt"):
        combine(sd, [ink, clay, CombinationPart((" ",))], FAST)
    with pytest.raises(BadRequest, match="rank 33: the widest adapted layer has room for 32"):
        combine(sd, [ink, clay], replace(FAST, rank=33))
    with pytest.raises(BadRequest, match="weight nan of Ink: expected a number above 0"):
        combine(sd, [replace(ink, weight=float("nan")), clay], FAST)
    with pytest.raises(BadRequest, match='method "mean": expected one of tuned, closed-form, sgd'):
        CombinationConfig(method="mean")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="ridge 0"):
        CombinationConfig(ridge=0)
    with pytest.raises(BadRequest, match="tuning_steps"):
        CombinationConfig(tuning_steps=0)
    foreign = CombinationPart(CLAY, (random_adapter(bases["sd2"], seed=2, name="Clay"),))
    with pytest.raises(BaseMismatch, match="Clay was made for base"):
        combine(sd, [ink, foreign], FAST)


@pytest.mark.parametrize("method", COMBINATION_METHODS)
def test_what_plugins_make_of_prompts_is_combined_too(sd: BaseCheckpoint, method: CombinationMethod) -> None:
    parts = [
        CombinationPart(INK, (random_reader(sd, "Ink", seed=1),)),
        CombinationPart(CLAY, (random_reader(sd, "Clay", seed=2),)),
    ]

    done = combine(sd, parts, replace(FAST, method=method, epochs=2))

    assert done.adapter.text_layers.keys() == sd.text_layers.keys()
    assert {each.words: (each.origin, each.weight) for each in done.adapter.tokens} == {
        each.words: (each.origin, 1.0) for part in parts for each in part.adapters[0].tokens
    }
    assert sd.names == ()
    assert generate(sd, SampleRequest("a fox, Ink style", steps=1, plugins=[(done.adapter, 1.0)]))


def test_combined_text_layers_do_to_each_plugins_prompts_what_it_did(sd: BaseCheckpoint) -> None:
    readers = [random_reader(sd, name, seed=seed, strength=0.1) for name, seed in (("Ink", 1), ("Clay", 2))]
    parts = [CombinationPart(prompts, (each,)) for prompts, each in zip((INK, CLAY), readers, strict=True)]

    solved = combine(sd, parts, replace(FAST, method="closed-form")).adapter
    summed = combine(sd, parts, replace(FAST, method="sum")).adapter

    def missed(combined: Adapter) -> float:
        error = 0.0
        for part in parts:
            with torch.no_grad():
                with applied(sd, [(part.adapters[0], 1.0)]):
                    wanted = sd.encode_prompt(part.prompts).tokens
                with applied(sd, [(combined, 1.0)]):
                    error += float((sd.encode_prompt(part.prompts).tokens - wanted).pow(2).mean())
        return error

    assert missed(solved) < 0.5 * missed(summed)


def test_plugins_of_learned_tokens_alone_are_kept_side_by_side(sd: BaseCheckpoint) -> None:
    parts = [
        CombinationPart(
            (f"a fox, {name} style",), (Adapter({}, name=name, tokens=(random_tokens(sd, name),)),)
        )
        for name in ("Ink", "Clay")
    ]

    done = combine(sd, parts, replace(FAST, method="tuned"))

    assert (done.adapter.layers, done.adapter.rank) == ({}, 0)
    assert {each.words for each in done.adapter.tokens} == {"Ink", "Clay"}
