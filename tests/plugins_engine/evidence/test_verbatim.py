"""An addition says whether its plug-in gives a work back verbatim."""

import json

import pytest
import torch
from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import BadRequest
from plugins_engine.evidence.verbatim import GIVEN_BACK, GivenBack, VerbatimConfig, find_given_back
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import generate_each

QUICK = VerbatimConfig(works=4, seeds=2, steps=6)


@pytest.fixture(scope="module")
def base() -> BaseCheckpoint:
    """The embedded base: what is compared are pictures of something."""
    return load_base()


@pytest.fixture(scope="module")
def plugin(base: BaseCheckpoint) -> Adapter:
    """A plug-in that changes much: drawings with it are not those of the plain base."""
    generator = torch.Generator().manual_seed(4)
    layers = {
        name: (
            0.6 * torch.randn((shape.out_features, 4), generator=generator),
            0.6 * torch.randn((4, shape.in_features), generator=generator),
        )
        for name, shape in list(base.adaptable_layers().items())[:8]
    }
    return made_for(base, layers, name="Loud", kind="style")


def drawn(base: BaseCheckpoint, prompts: list[str], plugin: Adapter | None) -> list[Image.Image]:
    """Draw as the check does: its first seed of each prompt."""
    plugins = [(plugin, 1.0)] if plugin else []
    every = [prompt for prompt in prompts for _ in range(QUICK.seeds)]
    return generate_each(base, every, seed=QUICK.seed, steps=QUICK.steps, plugins=plugins)[:: QUICK.seeds]


def test_a_work_that_the_plug_in_draws_again_is_given_back(base: BaseCheckpoint, plugin: Adapter) -> None:
    prompts = ["a fox, Noto style", "a rocket, Noto style"]
    works = list(zip(drawn(base, prompts, plugin), prompts, strict=True))
    works.append((Image.new("RGB", (64, 64), (0, 90, 0)), "a green field"))

    found = find_given_back(base, plugin, works, QUICK)

    assert found.works == (0, 1)
    assert max(found.distances[:2]) < 0.02
    assert found.distances[2] > 0.1


def test_a_work_that_the_plain_base_draws_as_well_is_not_the_plug_in_s_doing(
    base: BaseCheckpoint, plugin: Adapter
) -> None:
    prompts = ["a fox, Noto style"]
    works = list(zip(drawn(base, prompts, None), prompts, strict=True))
    still = plugin.scaled(1e-6)

    found = find_given_back(base, still, works, QUICK)

    assert found.distances[0] < 0.1
    assert found.without[0] is not None
    assert found.without[0] < 0.1
    assert found.works == ()


def test_of_many_works_some_at_even_distances_are_looked_at(base: BaseCheckpoint, plugin: Adapter) -> None:
    works = [(Image.new("RGB", (64, 64), (i * 20, 0, 0)), "a fox") for i in range(9)]

    found = find_given_back(base, plugin, works, VerbatimConfig(works=3, seeds=1, steps=2))

    assert found.looked_at == (0, 3, 6)
    assert len(found.distances) == 3


def test_progress_counts_the_steps(base: BaseCheckpoint, plugin: Adapter) -> None:
    said: list[tuple[int, int]] = []
    works = [(Image.new("RGB", (64, 64)), "a fox")]

    find_given_back(
        base,
        plugin,
        works,
        VerbatimConfig(works=1, seeds=1, steps=3),
        lambda p: said.append((p.step, p.steps)),
    )

    assert said == [(step, 3) for step in range(1, 4)]


def test_what_was_found_is_said_in_a_file(base: BaseCheckpoint) -> None:
    found = GivenBack((0, 4), (0.05, 0.4), (0.3, None), seeds=3, within=0.1)

    said = json.loads(found.metadata[GIVEN_BACK])

    assert said == {
        "works": [0], "looked_at": 2, "seeds": 3, "within": 0.1, "nearest": 0.05,
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"works": 0}, {"seeds": 0}, {"steps": 0}, {"tiles": 0}, {"within": 0.0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadRequest):
        VerbatimConfig(**wrong)
