"""`combine`, run as a person runs it: files in, one plug-in and a report out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.delta import materialise
from plugins_engine.cli import main
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.tiny_pipelines import random_adapter

Pipelines = dict[str, Path]
Capture = pytest.CaptureFixture[str]
PROMPTS = {
    "ink.safetensors": ["a fox, Ink style", "a boat, Ink style"],
    "Clay": ["a fox, Clay style"],
    "retained": ["a house <b>in</b> the rain"],
}


@pytest.fixture
def work(tmp_path: Path, sd: BaseCheckpoint) -> Path:
    """A folder with two plug-ins and their prompts."""
    for seed, name in enumerate(("Ink", "Clay")):
        random_adapter(sd, seed=seed, name=name).save(tmp_path / f"{name.lower()}.safetensors")
    (tmp_path / "prompts.json").write_text(json.dumps(PROMPTS))
    return tmp_path


def run(work: Path, pipelines: Pipelines, *more: str, plugins: tuple[str, ...] = ("ink", "clay")) -> int:
    files = [str(work / f"{each}.safetensors") for each in plugins]
    return main(
        ["combine", *files, "--base", str(pipelines["sd1"]), "--prompts", str(work / "prompts.json"),
         "--out", str(work / "both.safetensors"), *more]
    )  # fmt: skip


@pytest.mark.slow
def test_it_writes_one_plugin_and_a_report(work: Path, pipelines: Pipelines, capsys: Capture) -> None:
    assert run(work, pipelines, "--report", str(work / "report")) == 0

    both = Adapter.load(work / "both.safetensors")
    assert both.name == "Ink + Clay"
    assert both.merged_from == ("Ink", "Clay")
    assert "relative error" in capsys.readouterr().out
    report = json.loads((work / "report" / "report.json").read_text())
    assert report["file_sha256"] == both.file_sha256
    assert report["tensors_sha256"] == both.tensors_sha256
    assert 0 < report["figures"]["relative_error"] < 1
    assert [each["share_bps"] for each in report["merged_from"]] == [5000, 5000]
    page = (work / "report" / "report.html").read_text()
    assert page.count('src="data:image/png') == 3 * 4  # base, own, combined, of each prompt
    assert "http" not in page.replace("http-equiv", "")
    assert "a house &lt;b&gt;in&lt;/b&gt; the rain" in page


@pytest.mark.slow
def test_prompts_that_call_several_are_asked_for_by_the_plugins_names(
    work: Path, pipelines: Pipelines, capsys: Capture
) -> None:
    together = {"together": ["a fox, Ink style, Clay style"]}
    (work / "prompts.json").write_text(json.dumps(PROMPTS | together))
    assert run(work, pipelines, "--method", "closed-form", "--report", str(work / "report")) == 0
    report = json.loads((work / "report" / "report.json").read_text())
    assert [each["name"] for each in report["merged_from"]] == ["Ink", "Clay"]
    assert "Ink with Clay" in (work / "report" / "report.html").read_text()

    (work / "prompts.json").write_text(json.dumps(PROMPTS | {"together": ["a fox, Ink style"]}))
    assert run(work, pipelines, "--method", "sum") == 2
    assert (
        'prompt "a fox, Ink style": expected the names of at least two of Ink, Clay'
        in capsys.readouterr().err
    )


def test_plugins_are_combined_with_the_weights_asked_for(
    work: Path, sd: BaseCheckpoint, pipelines: Pipelines, capsys: Capture
) -> None:
    assert run(work, pipelines, "--method", "sum", "--weights", "0.5", "-1.5") == 0

    ink, clay = (Adapter.load(work / f"{name}.safetensors", sd.layers) for name in ("ink", "clay"))
    both = Adapter.load(work / "both.safetensors", sd.layers)
    expected = weighted_sum([(ink, 0.5), (clay, -1.5)])
    for layer, each in both.factors.items():
        torch.testing.assert_close(materialise(each), materialise(expected.factors[layer]))
    made_of = json.loads(both.metadata["plugin.merged_from"])
    assert [(each["share_bps"], each["weight"]) for each in made_of] == [(2500, 0.5), (7500, -1.5)]
    assert [each["tensors_sha256"] for each in made_of] == [ink.tensors_sha256, clay.tensors_sha256]
    for wrong, said in (
        (("1",), "expected one for each of the 2"),
        (("0", "1"), "not 0"),
        (("nan", "1"), "not 0"),
    ):
        assert run(work, pipelines, "--weights", *wrong) == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_each_concept_taken_out_gets_a_plugin_fitted_to_the_combination(
    work: Path, sd: BaseCheckpoint, pipelines: Pipelines, capsys: Capture
) -> None:
    ink = replace(
        Adapter.load(work / "ink.safetensors"),
        kind="eraser",
        metadata={"plugin.extracted": "Ink", "plugin.extracted_kind": "style"},
    )
    ink.save(work / "ink.safetensors")
    (work / "prompts.json").write_text(json.dumps(PROMPTS | {"together": []}))
    folder = work / "restoring"
    how = ("--method", "closed-form", "--restore", str(folder), "--report", str(work / "report"))
    assert run(work, pipelines, *how) == 0

    assert [path.name for path in folder.iterdir()] == ["ink.safetensors"]  # of the eraser alone
    both, plugin = (
        Adapter.load(work / "both.safetensors"),
        Adapter.load(folder / "ink.safetensors", sd.layers),
    )
    assert (plugin.name, plugin.kind, plugin.trigger) == ("Ink", "style", "Ink style")
    assert plugin.metadata["plugin.restores_beside"] == both.tensors_sha256
    assert "restores Ink" in capsys.readouterr().out
    report = json.loads((work / "report" / "report.json").read_text())
    assert report["restoring"] == [
        {"name": "Ink", "file": str(folder / "ink.safetensors"), "tensors_sha256": plugin.tensors_sha256}
    ]
    assert (work / "report" / "report.html").read_text().count('src="data:image/png') == 3 * 4 + 2


def test_a_plugin_that_restores_is_asked_for_where_nothing_is_lost(
    work: Path, pipelines: Pipelines, capsys: Capture
) -> None:
    assert run(work, pipelines, "--restore", str(work / "new")) == 2
    assert "--restore: expected an eraser among the plug-ins" in capsys.readouterr().err
    replace(Adapter.load(work / "ink.safetensors"), kind="eraser").save(work / "ink.safetensors")
    before = (work / "ink.safetensors").read_bytes()
    assert run(work, pipelines, "--restore", str(work)) == 2
    assert "ink.safetensors is in use: expected another folder" in capsys.readouterr().err
    assert run(work, pipelines, "--restore", str(work / "ink.safetensors" / "no" / "where")) == 2
    assert run(work, pipelines, "--restore", str(work / "ink.safetensors")) == 2
    assert "expected a folder, found a file" in capsys.readouterr().err
    assert (work / "ink.safetensors").read_bytes() == before
    assert not (work / "new").exists()
    assert not (work / "both.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it cannot be read"),
        ("[1]", "found something else"),
        ('{"ink.safetensors": "a fox"}', "is not a list of prompts"),
        ('{"ink.safetensors": [" "], "Clay": ["a fox"]}', "expected prompts that call it"),
        ('{"ink.safetensors": ["a fox"]}', 'under "clay.safetensors" or "Clay"'),
        ('{"ink": ["a fox"], "Clay": ["a fox"], "Cloy": ["a fox"]}', 'prompts for "Cloy"'),
    ],
)
def test_prompts_that_fit_no_plugin_are_refused(
    work: Path, pipelines: Pipelines, capsys: Capture, content: str, problem: str
) -> None:
    (work / "prompts.json").write_text(content)
    assert run(work, pipelines) == 2
    assert problem in capsys.readouterr().err
    assert not (work / "both.safetensors").exists()


def test_what_cannot_be_written_is_said_before_any_work(
    work: Path, pipelines: Pipelines, capsys: Capture
) -> None:
    (work / "report").write_text("a file")
    assert run(work, pipelines, "--report", str(work / "report")) == 2
    assert "--report" in capsys.readouterr().err
    assert run(work, pipelines, "--report", str(work / "prompts.json" / "no" / "where")) == 2
    assert run(work, pipelines, "--rank", "4000") == 2
    assert "room for 32" in capsys.readouterr().err
    assert run(work, pipelines, plugins=("ink",)) == 2
    assert not list(work.glob("both*"))


def test_plugins_of_another_base_are_refused(work: Path, pipelines: Pipelines, capsys: Capture) -> None:
    files = [str(work / "ink.safetensors"), str(work / "clay.safetensors")]
    status = main(
        ["combine", *files, "--base", str(pipelines["sd2"]), "--prompts", str(work / "prompts.json"), "--out",
         str(work / "both.safetensors")]
    )  # fmt: skip
    assert status == 2
    assert "was made for base" in capsys.readouterr().err
