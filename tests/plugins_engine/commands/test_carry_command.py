"""`carry`, run as a person runs it: a plug-in and two bases in, a plug-in and a report out."""

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.cli import main
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.carrying.generations import NextOf
from tests.plugins_engine.tiny_pipelines import random_adapter

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def work(tmp_path: Path, sd: BaseCheckpoint) -> Path:
    random_adapter(sd, name="Ink").save(tmp_path / "ink.safetensors")
    (tmp_path / "prompts.txt").write_text("a fox, Ink style\n\na boat, Ink style\n")
    return tmp_path


def run(work: Path, source: BaseCheckpoint, target: BaseCheckpoint, *more: str) -> int:
    return main(
        ["carry", str(work / "ink.safetensors"), "--from", str(source.directory.path), "--to", str(target.directory.path),
         "--out", str(work / "later.safetensors"), *more]
    )  # fmt: skip


def test_it_writes_a_plugin_and_a_report_and_says_how_good_it_is(
    work: Path, sd: BaseCheckpoint, next_of: NextOf, capsys: Capture
) -> None:
    prompts = ("--prompts", str(work / "prompts.txt"), "--method", "copy")

    assert run(work, sd, next_of(sd), *prompts, "--report", str(work / "report")) == 0

    later = Adapter.load(work / "later.safetensors")
    assert later.base_fingerprint == next_of(sd).fingerprint
    said = capsys.readouterr().out
    assert "missed by copy" in said
    assert "not good enough" in said
    assert "train it anew" in said
    report = json.loads((work / "report" / "report.json").read_text())
    assert (report["method"], report["is_good_enough"]) == ("copy", False)
    assert (report["from"], report["to"]) == (sd.fingerprint, later.base_fingerprint)
    page = (work / "report" / "report.html").read_text()
    assert page.count('src="data:image/png') == 3 * (2 + 6)  # three ways: two prompts, six others


def test_prompts_are_made_of_what_the_base_knows_where_none_are_given(
    work: Path, sd: BaseCheckpoint, next_of: NextOf, capsys: Capture
) -> None:
    assert run(work, sd, next_of(sd), "--method", "copy", "--good-enough", "1") == 0
    assert "not good enough" not in capsys.readouterr().out


def test_a_plugin_that_does_not_say_what_calls_it_needs_prompts(
    work: Path, sd: BaseCheckpoint, next_of: NextOf, capsys: Capture
) -> None:
    bare = work / "bare.safetensors"
    save_file(
        {f"unet.{layer}.lora_{side}.weight": each for layer, pair in random_adapter(sd).factors.items()
         for side, each in zip("BA", pair, strict=True)}, bare,
    )  # fmt: skip
    bare.replace(work / "ink.safetensors")

    assert run(work, sd, next_of(sd), "--method", "copy") == 2
    assert "give prompts that do" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (("--out", "later.txt"), ".safetensors"),
        (("--good-enough", "0"), "good_enough"),
        (("--steps", "0"), "steps"),
        (("--prompts", "nowhere.txt"), "nowhere.txt"),
        (("--device", "tpu"), "tpu"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    work: Path, sd: BaseCheckpoint, next_of: NextOf, capsys: Capture, more: tuple[str, str], wrong: str
) -> None:
    assert run(work, sd, next_of(sd), *more) == 2
    assert wrong in capsys.readouterr().err
    assert not (work / "later.safetensors").exists()
