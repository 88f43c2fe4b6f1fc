"""A PNG says how it was drawn, in words that other programs parse."""

import hashlib
import json
import re
from pathlib import Path

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


def test_a_random_seed_is_in_the_file(pipelines: Pipelines, tmp_path: Path) -> None:
    seeds = set()
    for name in ("one", "two"):
        assert generate(tmp_path / f"{name}.png", pipelines, "--seed", "-1") == 0
        with Image.open(tmp_path / f"{name}.png") as picture:
            seeds.add(json.loads(picture.info["plugins_engine"])["seed"])
    assert len(seeds) == 2
