"""The command line, run as a person runs it."""

import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.checkpoints import Checkpoints
from plugins_engine.cli import main, parser
from plugins_engine.commands import options as command_options
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.progress import Progress
from tests.plugins_engine.commands.drawing import generate
from tests.plugins_engine.tiny_pipelines import random_reader

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "engine-cli.md"
COMMANDS = (
    "",
    "info",
    "doctor",
    "unpack",
    "convert",
    "add",
    "extract",
    "combine",
    "carry",
    "evidence",
    "generate",
    "judge",
)
Pipelines = dict[str, Path]
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_page_holds_each_commands_help(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*command.split(), "--help"])

    assert ended.value.code == 0
    shown = capsys.readouterr().out.strip()
    assert f"```text\n{shown}\n```" in REFERENCE.read_text(encoding="utf-8")


def test_the_same_command_writes_the_same_file(pipelines: Pipelines, plugin: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert generate(tmp_path / f"{name}.png", pipelines, "--plugin", f"{plugin}:0.5", "--seed", "7") == 0

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as picture:
        said = json.loads(picture.info["plugins_engine"])
    assert (said["prompt"], said["seed"], said["plugins"][0]["weight"]) == ("a fox", 7, 0.5)


def test_several_pictures_are_named_by_their_seeds(
    pipelines: Pipelines, tmp_path: Path, capsys: Capture
) -> None:
    assert generate(tmp_path / "fox.png", pipelines, "--seed", "5", "--count", "2") == 0

    assert capsys.readouterr().out.split() == [str(tmp_path / "fox-5.png"), str(tmp_path / "fox-6.png")]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fox-5.png", "fox-6.png"]


def test_a_weight_changes_the_picture_and_no_weight_is_one(
    pipelines: Pipelines, plugin: Path, tmp_path: Path
) -> None:
    seen = {}
    for name, more in {
        "none": [],
        "one": [str(plugin)],
        "same": [f"{plugin}:1"],
        "off": [f"{plugin}:0"],
    }.items():
        generate(tmp_path / f"{name}.png", pipelines, *(["--plugin", *more] if more else []))
        with Image.open(tmp_path / f"{name}.png") as picture:
            seen[name] = picture.tobytes()

    assert seen["one"] == seen["same"] != seen["none"]
    assert seen["off"] == seen["none"]


def test_a_plugin_file_whose_name_ends_like_a_weight_is_found(
    pipelines: Pipelines, plugin: Path, tmp_path: Path
) -> None:
    odd = plugin.rename(tmp_path / "odd:2")

    assert generate(tmp_path / "one.png", pipelines, "--plugin", str(odd)) == 0


def test_info_describes_a_base(pipelines: Pipelines, capsys: Capture, sd: BaseCheckpoint) -> None:
    assert main(["info", "--base", str(pipelines["sd1"]), "--json", "--layers"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["fingerprint"] == sd.fingerprint
    assert said["attention layers"] == len(sd.adaptable_layers())
    assert said["layers"]["mid_block.attentions.0.transformer_blocks.0.attn2.to_k"] == "32x32"


def test_info_says_what_a_plugin_holds(
    tmp_path: Path, pipelines: Pipelines, capsys: Capture, sd: BaseCheckpoint
) -> None:
    random_reader(sd, "Ink").save(tmp_path / "ink.safetensors")

    assert main(["info", str(tmp_path / "ink.safetensors"), "--base", str(pipelines["sd1"])]) == 0

    said = capsys.readouterr().out
    assert re.search(r"components: +denoiser, text_encoder, tokens", said)
    assert re.search(r"adapted text layers: +12", said)
    assert re.search(r"learned tokens: +Ink \(3\)", said)
    assert re.search(r"fits this base: +yes", said)


def test_info_describes_plugins_and_whether_they_fit(
    pipelines: Pipelines, plugin: Path, capsys: Capture, sd: BaseCheckpoint
) -> None:
    assert main(["info", str(plugin)]) == 0
    alone = capsys.readouterr().out
    assert main(["info", str(plugin), "--base", str(pipelines["sd2"]), "--json"]) == 0
    other = json.loads(capsys.readouterr().out)[0]

    assert re.search(r"name: +Random", alone)
    assert re.search(rf"made for base: +{sd.fingerprint}", alone)
    assert "fits" not in alone
    assert other["fits this base"].startswith("no: Random was made for base")
    assert other["tensors sha256"] == Adapter.load(plugin).tensors_sha256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["generate", "--prompt", "a fox", "--out", "fox.gif"],
            "--out fox.gif: expected a name that ends in .png",
        ),
        (
            ["generate", "--prompt", "a fox", "--out", "{text}/fox.png"],
            "text.safetensors: expected a folder, found a file",
        ),
        (["generate", "--prompt", " ", "--out", "fox.png"], "the prompt is empty"),
        (
            ["generate", "--prompt", "a", "--out", "fox.png", "--steps", "0"],
            "steps 0: expected a whole number from 1",
        ),
        (
            ["generate", "--prompt", "a", "--out", "fox.png", "--plugin", "gone.safetensors"],
            "gone.safetensors: expected",
        ),
        (
            ["generate", "--prompt", "a", "--out", "fox.png", "--plugin", "x:heavy"],
            "found the weight 'heavy'",
        ),
        (
            ["generate", "--prompt", "a", "--out", "fox.png", "--plugin", "{plugin}:99"],
            "weight 99.0 of Random: expected",
        ),
        (["generate", "--prompt", "a", "--out", "fox.png", "--device", "tpu"], 'device "tpu"'),
        (["info", "--base", "nowhere"], "nowhere: expected a diffusers model directory, found nothing"),
        (["info", "{text}"], "text.safetensors: expected"),
        (["judge", "gone.png"], "gone.png: expected a picture, found nothing"),
        (
            ["judge", "{text}"],
            "text.safetensors: expected a picture (PNG, JPEG, WebP, GIF, AVIF, HEIC, BMP or TIFF), found something else",
        ),
        (
            ["add", "--images", "nowhere", "--name", "X", "--kind", "style", "--out", "x.safetensors"],
            "nowhere: expected a folder of pictures, found nothing",
        ),
        (
            ["add", "--images", ".", "--name", "X", "--kind", "style", "--out", "x.bin"],
            "--out x.bin: expected a name that ends in .safetensors",
        ),
        (
            [
                "add",
                "--images",
                ".",
                "--name",
                "X",
                "--kind",
                "style",
                "--out",
                "x.safetensors",
                "--rank",
                "0",
            ],
            "rank 0: expected a whole number",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(
    arguments: list[str],
    message: str,
    pipelines: Pipelines,
    plugin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.safetensors"
    text.write_text("not a model")
    filled = [each.format(plugin=plugin, text=text) for each in arguments]
    if "--base" not in filled and filled[0] == "generate":
        filled += ["--base", str(pipelines["sd1"])]
    before = sorted(tmp_path.iterdir())

    status = main(filled)

    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_progress_is_a_line_every_tenth_where_there_is_no_terminal(
    pipelines: Pipelines, tmp_path: Path, capsys: Capture
) -> None:
    generate(tmp_path / "fox.png", pipelines, "--steps", "40")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "drawing 40/40, 0 s left"


def test_ctrl_c_leaves_no_file_and_exits_130(pipelines: Pipelines, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "plugins_engine", "generate", "--base", str(pipelines["sd1"]), "--prompt", "a fox",
        "--steps", "999", "--out", str(tmp_path / "fox.png"),
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REFERENCE.parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # A shell starts what it runs in the background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "drawing 100/999" in line:
                process.send_signal(signal.SIGINT)
                break
        said = process.stderr.read()

    assert process.returncode == 130, said
    assert said.endswith("stopped; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_add_makes_a_plugin_file_that_draws(pipelines: Pipelines, tmp_path: Path, capsys: Capture) -> None:
    works = tmp_path / "works"
    works.mkdir()
    for name, colour in (("a-red-fox", "red"), ("blue_whale", "blue")):
        Image.new("RGB", (40, 32), colour).save(works / f"{name}.png")
    out = tmp_path / "plain.safetensors"

    status = main(
        ["add", "--images", str(works), "--name", "Plain", "--kind", "style", "--out", str(out), "--rank", "2",
         "--steps", "2", "--save-every", "1", "--base", str(pipelines["sd1"])]
    )  # fmt: skip

    assert status == 0
    assert "works 2, steps 2, rank 2" in capsys.readouterr().out
    earlier = Adapter.load(tmp_path / "plain-step1.safetensors")
    assert (earlier.name, earlier.metadata["ss_steps"]) == ("Plain", "1")
    assert sorted(each.name for each in tmp_path.glob("*.safetensors")) == [
        "plain-step1.safetensors",
        out.name,
    ]
    assert Adapter.load(out).name == "Plain"
    assert generate(tmp_path / "one.png", pipelines, "--plugin", str(out)) == 0


def test_add_goes_on_after_an_interruption_and_leaves_nothing_but_the_file(
    pipelines: Pipelines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, kept, out, whole = (
        tmp_path / name for name in ("works", "kept", "out.safetensors", "whole.safetensors")
    )
    works.mkdir()
    for name, colour in (("a-red-fox", "red"), ("blue_whale", "blue")):
        Image.new("RGB", (40, 32), colour).save(works / f"{name}.png")
    monkeypatch.setattr(command_options, "Checkpoints", partial(Checkpoints, every=0))
    shown: list[tuple[str, int]] = []

    def add(file: Path, *more: str) -> int:
        shown.clear()
        return main(
            ["add", "--images", str(works), "--name", "Plain", "--kind", "style", "--out", str(file), "--rank", "2",
             "--steps", "4", "--base", str(pipelines["sd1"]), *more]
        )  # fmt: skip

    def show(interrupted_at: int, _line: ProgressLine, progress: Progress) -> None:
        shown.append((progress.message, progress.step))
        if shown[-1] == ("training", interrupted_at):
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLine, "__call__", lambda line, progress: show(3, line, progress))
    assert add(out, "--checkpoint", str(kept)) == 130
    assert not out.exists()
    monkeypatch.setattr(ProgressLine, "__call__", lambda line, progress: show(0, line, progress))
    assert add(out, "--checkpoint", str(kept)) == 0

    assert [each for each in shown if each[0] == "training"] == [("training", 4)]
    assert not kept.exists()
    assert add(whole) == 0
    assert Adapter.load(out).tensors_sha256 == Adapter.load(whole).tensors_sha256


def test_judge_says_style_and_subject_of_each_picture(tmp_path: Path, capsys: Capture) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "one.png")
    Image.new("RGBA", (200, 100)).save(tmp_path / "two.png")

    assert main(["judge", str(tmp_path / "one.png"), str(tmp_path / "two.png"), "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [Path(row["file"]).name for row in rows] == ["one.png", "two.png"]
    assert all(0 <= row["style_confidence"] <= 1 and row["subject"] for row in rows)


def test_add_names_the_file_of_a_caption_that_is_too_long_and_what_it_skipped(
    pipelines: Pipelines, tmp_path: Path, capsys: Capture
) -> None:
    works = tmp_path / "works"
    works.mkdir()
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (64, 64), colour).save(works / f"w{number}.png")
    (works / "w1.txt").write_text("a very long caption " * 40)
    (works / "read.me").write_text("hello")
    out = tmp_path / "ink.safetensors"

    asked = ["add", "--images", str(works), "--name", "Ink", "--kind", "style", "--out", str(out)]
    assert main([*asked, "--base", str(pipelines["sd1"])]) == 2

    said = capsys.readouterr().err
    assert "skipped read.me" in said
    assert f"error: {works / 'w1.png'}: the prompt" in said
    assert not out.exists()


def test_folders_for_what_is_written_are_made(pipelines: Pipelines, tmp_path: Path) -> None:
    out = tmp_path / "new" / "deeper" / "fox.png"

    assert generate(out, pipelines) == 0
    assert out.is_file()


def test_the_versions_that_compute_are_told(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert re.fullmatch(
        r"torch [\w.+]+, diffusers [\d.]+, transformers [\d.]+, peft [\d.]+\n", capsys.readouterr().out
    )
