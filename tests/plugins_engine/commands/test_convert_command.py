"""The convert command, run as a person runs it."""

import re
from pathlib import Path

import pytest

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.cli import main
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.commands.drawing import Pipelines

Capture = pytest.CaptureFixture[str]


def test_convert_writes_another_naming_number_format_and_rank(
    pipelines: Pipelines, sd: BaseCheckpoint, plugin: Path, tmp_path: Path, capsys: Capture
) -> None:
    kohya, small = tmp_path / "kohya.safetensors", tmp_path / "small.safetensors"

    assert main(["convert", str(plugin), "--naming", "kohya", "--out", str(kohya)]) == 0
    small_enough = ["--rank", "1", "--numbers", "fp16", "--base", str(pipelines["sd1"])]
    assert main(["convert", str(kohya), *small_enough, "--out", str(small)]) == 0

    original = Adapter.load(plugin)
    assert Adapter.load(kohya, sd.layers).tensors_sha256 == original.tensors_sha256
    assert Adapter.load(small).rank == 1
    assert small.stat().st_size < kohya.stat().st_size / 2
    said = capsys.readouterr().out.splitlines()[-1]
    assert 0 < float(re.findall(r"error ([\d.]+)", said)[0]) < 1
    assert main(["convert", str(plugin), "--rank", "0", "--out", str(small)]) == 2
    assert "rank 0: expected a whole number" in capsys.readouterr().err
