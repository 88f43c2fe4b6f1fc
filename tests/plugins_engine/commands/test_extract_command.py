"""`extract`, run as a person runs it: a concept out, an eraser, a plug-in and a report back."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.cli import main
from plugins_engine.extraction.erasure import plan_erasure
from plugins_engine.extraction.examination import (
    ExaminationConfig,
    examine,
    groups_of,
    harmonic_mean,
    judge_for,
)
from plugins_engine.extraction.methods import extract_concept
from plugins_engine.known import PROMPTS_FILE
from plugins_engine.measure.judge import Judge
from plugins_engine.model.loading import load_base
from plugins_engine.progress import Cancelled, Progress

Capture = pytest.CaptureFixture[str]
KNOWN = {"subjects": ["a fox", "an owl", "a house", "a boat"], "styles": ["Noto", "Twemoji", "EmojiTwo"]}
QUICK = ExaminationConfig(pictures=4, steps=2, attack_pictures=2, attack_steps=2, attack_tries=3, shown=2)


@pytest.fixture
def folder(pipelines: dict[str, Path], tmp_path: Path) -> Path:
    """A base that lists what it knows, all of it known to the judge but for the boat."""
    folder = tmp_path / "base"
    shutil.copytree(pipelines["sd1"], folder)
    (folder / PROMPTS_FILE).write_text(json.dumps(KNOWN | {"subjects": KNOWN["subjects"][:3]}))
    return folder


def run(folder: Path, tmp_path: Path, *more: str, method: str = "closed-form", concept: str = "Noto") -> int:
    return main(
        ["extract", "--base", str(folder), "--concept", concept, "--kind", "style", "--method", method,
         "--out-eraser", str(tmp_path / "eraser.safetensors"), "--out-plugin", str(tmp_path / "noto.safetensors"), *more]
    )  # fmt: skip


@pytest.mark.slow
def test_it_writes_the_eraser_the_plugin_and_a_report(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    assert (
        run(folder, tmp_path, "--report", str(tmp_path / "report"), "--pictures", "3", "--attack-steps", "3")
        == 0
    )

    eraser, plugin = (Adapter.load(tmp_path / f"{name}.safetensors") for name in ("eraser", "noto"))
    assert (plugin.name, plugin.kind, plugin.trigger) == ("Noto", "style", "Noto style")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["eraser_file_sha256"] == eraser.file_sha256
    assert report["plugin_file_sha256"] == plugin.file_sha256
    assert set(report) >= {
        "target",
        "neighbours",
        "unrelated",
        "h_o",
        "recovery",
        "seconds",
        "base_fingerprint",
    }
    assert report["target"]["moved"]["restored"] < 0.01
    page = (tmp_path / "report" / "report.html").read_text()
    assert (
        page.count('src="data:image/png') == 3 * 3 * 3 + 2 * 6
    )  # three groups of three at three stages, the attack
    assert "still in its weights" in page
    said = capsys.readouterr()
    assert "H_o" in said.out
    assert "note:" not in said.err


def test_figures_are_counted_at_every_stage(folder: Path) -> None:
    base = load_base(folder)
    result = extract_concept(base, plan_erasure(base, "owl", "character"), "closed-form")
    messages: list[str] = []
    found = examine(base, result, Judge.load(), QUICK, lambda progress: messages.append(progress.message))

    for group in ("target", "neighbours", "unrelated"):
        accuracy = found.figures[group]["accuracy"]
        assert list(accuracy) == ["before", "after", "restored"]
        assert all(
            each["pictures"] == 4 and 0 <= each["low"] <= each["rate"] <= each["high"]
            for each in accuracy.values()
        )
        assert "kid_x1000" not in found.figures[group], "too few pictures for it"
    assert found.figures["recovery"]["after"]["pictures"] == 3
    assert list(found.grids) == ["target", "neighbours", "unrelated", "recovery attack"]
    assert all("*" in label and "owl" not in label for label, _ in found.grids["recovery attack"][1])
    assert {"drawing target after", "attacking the base before"} <= set(messages)


def test_groups_ask_for_what_they_are_called_after(folder: Path) -> None:
    base = load_base(folder)
    erasure = plan_erasure(base, "Noto", "style")
    target, near, far = groups_of(base, erasure, 6)
    assert {style for style, _ in target.expected} == {"Noto"}
    assert {style for style, _ in near.expected} == {erasure.anchor}
    assert {style for style, _ in near.expected + far.expected} == {"Twemoji", "EmojiTwo"}
    for group in (target, near, far):
        assert all(
            prompt == f"{subject}, {style} style"
            for prompt, (style, subject) in zip(group.prompts, group.expected, strict=True)
        )


def test_a_base_that_the_judge_does_not_know_is_measured_by_its_pictures_alone(
    folder: Path, pipelines: dict[str, Path]
) -> None:
    (folder / PROMPTS_FILE).write_text(json.dumps(KNOWN))
    unlisted, boat = load_base(pipelines["sd1"]), load_base(folder)
    for base in (unlisted, boat):
        erasure = plan_erasure(base, "Noto", "style", anchor="Clay")
        assert judge_for(base, erasure) is None
    result = extract_concept(unlisted, plan_erasure(unlisted, "Noto", "style", anchor="Clay"), "closed-form")
    found = examine(unlisted, result, None, QUICK)
    assert "h_o" not in found.figures
    assert found.figures["target"]["moved"]["restored"] < 0.01
    assert list(found.grids) == ["target", "retained", "recovery attack"]


def test_a_base_that_does_not_say_what_it_knows_is_extracted_from_with_a_note(
    pipelines: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    assert run(pipelines["sd1"], tmp_path, "--anchor", "Clay") == 0
    assert "nothing says that it knows Noto" in capsys.readouterr().err


def test_it_stops_where_it_is_told_to(folder: Path) -> None:
    base = load_base(folder)
    result = extract_concept(base, plan_erasure(base, "Noto", "style"), "closed-form")
    read = base.encode_prompt(["*"]).tokens

    def stop(progress: Progress) -> None:
        if progress.message == "attacking the base after":
            raise Cancelled

    with pytest.raises(Cancelled):
        examine(base, result, None, QUICK, stop)
    assert torch.equal(base.encode_prompt(["*"]).tokens, read), "the learned word is forgotten"


def test_h_o_is_high_only_where_the_target_is_gone_and_the_rest_is_there() -> None:
    assert harmonic_mean(1.0, 1.0) == 1.0
    assert harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3)
    assert harmonic_mean(0.0, 0.0) == harmonic_mean(0.0, 1.0) == 0.0


def test_what_is_wrong_is_said_before_any_work(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "retain.txt").write_text("\na house, Noto style\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    wrong = [
        (("--retain", str(tmp_path / "retain.txt")), "at least one retained prompt"),
        (("--retain", str(tmp_path / "bytes.txt")), "a prompt a line"),
        (("--retain", str(tmp_path / "none.txt")), "none.txt"),
        (("--anchor", "noto"), "which is to go"),
        (("--pictures", "0"), "pictures 0"),
        (("--report", str(tmp_path / "retain.txt" / "where")), "--report"),
        (("--report", str(tmp_path / "retain.txt" / "no" / "where")), "retain.txt is a file"),
        (("--concept", "Cubism"), "among those it knows are Noto, Twemoji"),
        (("--out-plugin", str(tmp_path / "eraser.safetensors")), "the same one twice"),
    ]
    for more, problem in wrong:
        assert run(folder, tmp_path, *more) == 2
        assert problem in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))
