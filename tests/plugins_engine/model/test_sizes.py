"""Sizes: what can be drawn, and what a base's card says of its own."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from plugins_engine.errors import BadBase, EngineError
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import read_directory
from plugins_engine.model.loading import load_base
from plugins_engine.model.memory import memory_need
from plugins_engine.model.sampler import SampleRequest, generate


def test_a_picture_can_be_wide_or_tall(base: BaseCheckpoint) -> None:
    picture = generate(base, SampleRequest("a fox", steps=2, width=72, height=36))[0]

    assert picture.size == (72, 36)


@pytest.mark.parametrize("size", [{"width": 33}, {"height": 0}, {"width": -64}, {"height": 100_000}])
def test_a_size_that_cannot_be_drawn_is_refused(sd: BaseCheckpoint, size: dict[str, int]) -> None:
    with pytest.raises(EngineError, match=r"(width|height) .*expected"):
        generate(sd, SampleRequest("a fox", **size))  # type: ignore[arg-type]  # width and height are whole numbers


@pytest.mark.parametrize("said", [1e9, -1, "wide", float("nan"), 0])
def test_a_card_whose_size_nothing_could_draw_is_refused(
    tmp_path: Path, pipelines: dict[str, Path], said: object
) -> None:
    folder = Path(shutil.copytree(pipelines["flux"], tmp_path / "base"))
    (folder / "card.json").write_text(json.dumps({"resolution": said}))

    with pytest.raises(BadBase, match=r"card\.json: expected a (number|resolution)"):
        _ = load_base(folder).resolution
    with pytest.raises(BadBase, match=r"card\.json"):
        memory_need(read_directory(folder), torch.float32)


def test_a_size_that_a_card_says_is_one_that_can_be_offered_in_eighths(
    tmp_path: Path, pipelines: dict[str, Path]
) -> None:
    folder = Path(shutil.copytree(pipelines["flux"], tmp_path / "base"))
    (folder / "card.json").write_text(json.dumps({"resolution": 99}))
    base = load_base(folder)

    assert base.resolution % (8 * base.sides[1]) == 0
    assert base.resolution == 96
