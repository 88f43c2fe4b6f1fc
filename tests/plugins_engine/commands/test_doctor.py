"""A model owner sees in one command whether everything works with a base."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from plugins_engine.cli import main

Pipelines = dict[str, Path]
Capture = pytest.CaptureFixture[str]
CHECKS = ["load", "draw", "train", "exact", "extract", "combine"]


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl", "z_image"])
def test_everything_works_with_a_good_base(pipelines: Pipelines, capsys: Capture, name: str) -> None:
    assert main(["doctor", "--base", str(pipelines[name]), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["is_ok"]) for each in said["checks"]] == [(check, True) for check in CHECKS]
    assert all(each["memory"] > 0 and each["said"] for each in said["checks"])
    assert any(line.startswith("A picture of 25 steps takes about") for line in said["advice"])


def test_people_get_a_line_for_each_check(pipelines: Pipelines, capsys: Capture) -> None:
    assert main(["doctor", "--base", str(pipelines["sd1"])]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [["ok", check] for check in CHECKS]


def test_a_base_that_does_not_load_is_told_by_its_file(tmp_path: Path, capsys: Capture) -> None:
    assert main(["doctor", "--base", str(tmp_path)]) == 2

    written = capsys.readouterr()
    assert "FAILED load" in written.out
    assert "failed: load" in written.err


def test_weights_that_are_no_numbers_are_found(pipelines: Pipelines, tmp_path: Path, capsys: Capture) -> None:
    broken = shutil.copytree(pipelines["sd1"], tmp_path / "broken")
    weights = next((broken / "unet").glob("*.safetensors"))
    tensors = load_file(weights)
    tensors["conv_out.bias"] = torch.full_like(tensors["conv_out.bias"], float("nan"))
    save_file(tensors, weights)

    assert main(["doctor", "--base", str(broken)]) == 2
    assert "FAILED draw" in capsys.readouterr().out
