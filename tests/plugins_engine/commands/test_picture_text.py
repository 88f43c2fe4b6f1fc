"""A PNG says how it was drawn, in words that other programs parse."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.plugins_engine.commands.drawing import Pipelines, generate

# How A1111 parses its last line (modules/infotext_utils.py), and so do those who follow it.
A1111_PAIRS = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def test_a_pictures_text_is_what_a1111_and_civitai_parse(
    pipelines: Pipelines, plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fox.png"
    asked = (
        "--plugin",
        f"{plugin}:0.5",
        "--seed",
        "7",
        "--negative",
        "a dog\nSteps: 9",
        "--sampler",
        "dpm++ karras",
    )
    assert generate(out, pipelines, *asked) == 0

    with Image.open(out) as picture:
        prompt, negative, last = picture.info["parameters"].split("\n")
        size = picture.size
    pairs = dict(A1111_PAIRS.findall(last))
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()[:10]
    assert (prompt, negative) == ("a fox <lora:Random:0.5>", "Negative prompt: a dog")
    assert (pairs["Steps"], pairs["Seed"], pairs["Sampler"]) == ("2", "7", "DPM++ 2M Karras")
    assert pairs["Size"] == f"{size[0]}x{size[1]}"
    assert re.fullmatch("[0-9a-f]{10}", pairs["Model hash"])
    assert pairs["Lora hashes"] == f'"Random: {digest}"'
    assert json.loads(json.loads(pairs["Hashes"])) == {"model": pairs["Model hash"], "lora:Random": digest}


def test_a_picture_that_began_from_another_says_how_strongly_and_which_layer_of_the_text_was_read(
    pipelines: Pipelines, tmp_path: Path
) -> None:
    begun = tmp_path / "begun.png"
    Image.linear_gradient("L").save(begun)
    asked = ("--picture", str(begun), "--strength", "0.5", "--clip-skip", "2")
    assert generate(tmp_path / "fox.png", pipelines, *asked) == 0

    with Image.open(tmp_path / "fox.png") as picture:
        pairs = dict(A1111_PAIRS.findall(picture.info["parameters"].split("\n")[-1]))
        own = json.loads(picture.info["plugins_engine"])
    assert (pairs["Denoising strength"], pairs["Clip skip"]) == ("0.5", "2")
    assert (own["strength"], own["clip_skip"]) == (0.5, 2)


def test_a_picture_to_begin_from_that_is_none_is_refused_before_a_base_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.png").write_text("no picture")
    for name, found in (("words.png", "expected a picture"), ("nothing.png", "found nothing")):
        nowhere = {"sd1": tmp_path / "no base"}
        assert generate(tmp_path / "fox.png", nowhere, "--picture", str(tmp_path / name)) == 2
        assert found in capsys.readouterr().err


def test_a_random_seed_is_in_the_file(pipelines: Pipelines, tmp_path: Path) -> None:
    seeds = set()
    for name in ("one", "two"):
        assert generate(tmp_path / f"{name}.png", pipelines, "--seed", "-1") == 0
        with Image.open(tmp_path / f"{name}.png") as picture:
            seeds.add(json.loads(picture.info["plugins_engine"])["seed"])
    assert len(seeds) == 2
