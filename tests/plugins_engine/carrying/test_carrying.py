"""A plug-in of one generation of a base becomes one of the next, without its works."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.kinds import Full
from plugins_engine.carrying.carrying import carry
from plugins_engine.carrying.config import CarryingConfig
from plugins_engine.carrying.projection import CARRIED_FROM
from plugins_engine.errors import BadRequest, BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine import tiny_pipelines
from tests.plugins_engine.carrying.generations import NextOf
from tests.plugins_engine.tiny_pipelines import random_adapter, random_reader

PROMPTS = ["a fox, Ink style", "a boat, Ink style", "a house, Ink style"]
QUICK = CarryingConfig(pictures=4, drawing_steps=2, steps=2)


def ink(base: BaseCheckpoint, **said: object) -> Adapter:
    return random_adapter(base, name="Ink", **said)  # type: ignore[arg-type]


def state_of(base: BaseCheckpoint) -> list[torch.Tensor]:
    readers = [each.encoder for each in base.readers.values()]
    return [each.clone() for module in (base.denoiser, *readers) for each in module.state_dict().values()]


@pytest.mark.parametrize("method", ["copy", "project", "distil"])
def test_it_fits_the_next_generation_and_says_what_it_was(
    sd: BaseCheckpoint, next_of: NextOf, tmp_path: Path, method: str
) -> None:
    own, later = ink(sd), next_of(sd)

    done = carry(sd, later, own, PROMPTS, replace(QUICK, method=method))  # type: ignore[arg-type]

    assert done.method == done.figures["method"] == method
    done.adapter.save(tmp_path / "ink.safetensors")
    stored = Adapter.load(tmp_path / "ink.safetensors")
    assert (stored.name, stored.kind, stored.trigger) == ("Ink", "style", "Ink style")
    assert stored.base_fingerprint == later.fingerprint
    assert stored.metadata[CARRIED_FROM] == own.tensors_sha256
    assert (stored.tensors_sha256 == own.tensors_sha256) == (method == "copy")
    assert stored.rank == own.rank
    generate(later, SampleRequest(PROMPTS[0], steps=1, plugins=[(stored, 1.0)]))


def test_distilling_misses_less_than_copying_and_projecting(
    sd: BaseCheckpoint, next_of: NextOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of 1e-4, the customary rate, for a few steps.
    monkeypatch.setattr("plugins_engine.carrying.carrying._RATE", 60.0)
    config = CarryingConfig("distil", pictures=6, drawing_steps=3, steps=20)

    figures = carry(sd, next_of(sd), ink(sd), PROMPTS, config).figures

    tried = figures["tried"]
    assert figures["missed"] == tried["distil"] < 0.95 * min(tried["copy"], tried["project"])


def test_the_first_way_that_is_good_enough_is_taken(sd: BaseCheckpoint, next_of: NextOf) -> None:
    own, later = ink(sd), next_of(sd)

    easy = carry(sd, later, own, PROMPTS, replace(QUICK, good_enough=1.0))
    hard = carry(sd, later, own, PROMPTS, replace(QUICK, good_enough=1e-9))

    assert (list(easy.figures["tried"]), easy.method, easy.is_good_enough) == (["copy"], "copy", True)
    assert list(hard.figures["tried"]) == ["copy", "project", "distil"]
    assert hard.figures["missed"] == min(hard.figures["tried"].values())
    assert not hard.is_good_enough


def test_an_unchanged_generation_misses_nothing_of_a_copy(sd: BaseCheckpoint, sd_folder: Path) -> None:
    """Nothing but a bias that is never used differs, so the copy does what the plug-in did."""
    card = sd_folder / "unet" / "config.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"act_fn_said": "silu"}))
    same = load_base(sd_folder)
    assert same.fingerprint != sd.fingerprint

    done = carry(sd, same, ink(sd), PROMPTS, replace(QUICK, method="copy"))

    assert done.figures["missed"] < 1e-6
    assert done.figures["disturbed"] == pytest.approx(1.0, rel=1e-3)


def test_tokens_and_text_layers_come_along(sd: BaseCheckpoint, next_of: NextOf) -> None:
    own, later = random_reader(sd, "Ink"), next_of(sd)

    copied = carry(sd, later, own, PROMPTS, replace(QUICK, method="copy")).adapter
    taught = carry(sd, later, own, PROMPTS, replace(QUICK, method="distil")).adapter

    for made in (copied, taught):
        assert made.text_layers.keys() == own.text_layers.keys()
        (tokens,) = made.tokens
        table = later.readers["text_encoder"].vectors
        assert any(torch.equal(row, tokens.ordinary["text_encoder"][0]) for row in table), (
            "the name means by itself what it means to the new base"
        )
    assert torch.equal(copied.tokens[0].vectors["text_encoder"], own.tokens[0].vectors["text_encoder"])


def test_deltas_of_other_kinds_are_carried_too(sd: BaseCheckpoint, next_of: NextOf) -> None:
    thin = ink(sd, rank=1)
    layer, (up, down) = next(iter(thin.factors.items()))
    own = replace(thin, layers={**thin.layers, layer: Full(up @ down)})
    norm = next(name for name, each in sd.denoiser.named_modules() if isinstance(each, torch.nn.GroupNorm))
    own = replace(own, vectors={f"{norm}.bias": torch.ones(len(sd.module(norm).bias))})  # type: ignore[arg-type]

    done = carry(sd, next_of(sd), own, PROMPTS, replace(QUICK, method="distil"))

    assert layer in done.adapter.factors
    assert f"{norm}.bias" in done.adapter.vectors


def test_layers_that_the_new_base_lacks_are_left_out_and_named(
    bases: dict[str, BaseCheckpoint], tmp_path: Path
) -> None:
    larger = bases["sd1"]
    smaller = tiny_pipelines.next_with_fewer_layers(larger, tmp_path / "base")

    done = carry(larger, smaller, ink(larger), PROMPTS, replace(QUICK, method="distil"))

    assert done.figures["left_out"]
    assert set(done.figures["left_out"]) | set(done.adapter.layers) == set(ink(larger).layers)
    assert all(layer not in smaller.layers for layer in done.figures["left_out"])


def test_both_bases_are_as_they_were_also_when_it_is_stopped(sd: BaseCheckpoint, next_of: NextOf) -> None:
    later = next_of(sd)
    before = state_of(sd), state_of(later)

    def stop(progress: Progress) -> None:
        if progress.message == "carrying over":
            raise Cancelled

    with pytest.raises(Cancelled):
        carry(sd, later, random_reader(sd, "Ink"), PROMPTS, replace(QUICK, method="distil"), stop)

    for kept, base in zip(before, (sd, later), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(kept, state_of(base), strict=True))
        assert not base.names
        assert not base.laid_over


def test_every_family_is_carried(base: BaseCheckpoint, next_of: NextOf) -> None:
    done = carry(base, next_of(base), ink(base), PROMPTS, replace(QUICK, method="distil"))

    assert done.adapter.base_fingerprint == next_of(base).fingerprint
    assert set(done.figures["tried"]) == {"copy", "project", "distil"}


def test_what_cannot_be_carried_is_refused_with_the_reason(
    bases: dict[str, BaseCheckpoint], next_of: NextOf, sd_folder: Path
) -> None:
    sd = bases["sd1"]
    own, later = ink(sd), next_of(sd)
    already = carry(sd, later, own, PROMPTS, replace(QUICK, method="copy")).adapter
    for source, target, plugin, prompts, error, reason in (
        (sd, sd, own, PROMPTS, BadRequest, "twice"),
        (sd, later, already, PROMPTS, BadRequest, "already"),
        (sd, later, replace(own, base_fingerprint="0" * 64), PROMPTS, BaseMismatch, "was made for base"),
        (sd, bases["sd3"], own, PROMPTS, BaseMismatch, "Stable Diffusion 3"),
        (sd, bases["sd2"], own, PROMPTS, BaseMismatch, "other noise"),
        (sd, later, own, ["", "  "], BadRequest, "prompt"),
    ):
        with pytest.raises(error, match=reason):
            carry(source, target, plugin, prompts, QUICK)


def test_a_base_with_another_autoencoder_is_refused(
    sd: BaseCheckpoint, pipelines: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pipelines["sd1"], tmp_path / "other"))
    shutil.rmtree(folder / "vae")
    shutil.copytree(tiny_pipelines.sd1(tmp_path / "seeded", seed=5) / "vae", folder / "vae")

    with pytest.raises(BaseMismatch, match="autoencoders"):
        carry(sd, load_base(folder), ink(sd), PROMPTS, QUICK)


@pytest.mark.parametrize(
    "said",
    [{"method": "magic"}, {"good_enough": 0.0}, {"good_enough": 2.0}, {"energy": 1.5}, {"steps": 0}, {"rank": 0}, {"pictures": 1}],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        CarryingConfig(**said)  # type: ignore[arg-type]
