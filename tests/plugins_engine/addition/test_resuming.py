"""A training that was lost goes on from its checkpoint, and gives what it would have given."""

import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.training import add_concept
from plugins_engine.checkpoints import Checkpoints
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.progress import Cancelled, OnProgress, Progress
from tests.plugins_engine.addition.test_addition import works
from tests.plugins_engine.tiny_pipelines import random_adapter

QUICK = AdditionConfig(
    rank=2,
    steps=4,
    batch=2,
    layers=("attention",),
    prior_batch=2,
    prior_pictures=2,
    prior_steps=2,
    learning_rate=5e-3,
    verbatim_works=0,
)
READ = replace(QUICK, tokens=2, token_steps=2, token_rate=0.1, text_rank=2, text_rate=1e-3)
WORKS = works()


class Killed(BaseException):
    """The process is gone: nothing that an Exception or a Cancelled would still do is done."""


def at(step: int, reason: type[BaseException], seen: list[Progress] | None = None) -> OnProgress:
    """Stop a training when it has done so many steps."""

    def stop(progress: Progress) -> None:
        if seen is not None:
            seen.append(progress)
        if progress.message == "training" and progress.step == step:
            raise reason

    return stop


def made(
    base: BaseCheckpoint,
    config: AdditionConfig = QUICK,
    on_progress: OnProgress | None = None,
    kept: Checkpoints | None = None,
    name: str = "Discworld",
) -> str:
    return add_concept(
        base, WORKS, name, "style", config, on_progress, checkpoints=kept
    ).adapter.tensors_sha256


def lost(
    base: BaseCheckpoint, config: AdditionConfig, kept: Checkpoints, step: int, reason: type[BaseException]
) -> None:
    with pytest.raises(reason):
        made(base, config, at(step, reason), kept)


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    """Keeps every step."""
    return Checkpoints(tmp_path / "kept", every=0)


@pytest.fixture(scope="module")
def whole(bases: dict[str, BaseCheckpoint]) -> str:
    """The plug-in of a training that nothing disturbed."""
    torch.set_num_threads(1)  # as in every test
    return made(bases["sd1"])


@pytest.mark.parametrize("architecture", ["sd2", "sdxl", "z_image"])
def test_a_training_goes_on_to_the_very_same_plug_in(
    bases: dict[str, BaseCheckpoint], kept: Checkpoints, architecture: str
) -> None:
    base = bases[architecture]
    lost(base, QUICK, kept, 2, Killed)
    seen: list[Progress] = []

    assert made(base, QUICK, seen.append, kept) == made(base)

    assert seen[0].message == "going on from where it stopped"
    assert [each.step for each in seen] == [2, 3, 4], "and never back to the beginning"


@pytest.mark.parametrize("step", [1, 2, 3, 6])
def test_one_with_tokens_and_text_encoders_goes_on_from_any_stage(
    sd: BaseCheckpoint, kept: Checkpoints, step: int
) -> None:
    lost(sd, READ, kept, step, Killed)
    assert made(sd, READ, kept=kept) == made(sd, READ)


def test_being_lost_again_and_again_costs_no_step_twice(
    sd: BaseCheckpoint, kept: Checkpoints, whole: str
) -> None:
    seen: list[Progress] = []
    for step in (1, 3):
        with pytest.raises(Killed):
            made(sd, QUICK, at(step, Killed, seen), kept)

    assert made(sd, QUICK, seen.append, kept) == whole

    assert [each.step for each in seen if each.message == "training"] == [1, 2, 3, 4]


def test_who_is_told_to_stop_keeps_what_was_done_although_it_was_not_due(
    sd: BaseCheckpoint, tmp_path: Path, whole: str
) -> None:
    kept = Checkpoints(tmp_path / "kept", every=3600)
    seen: list[Progress] = []
    lost(sd, QUICK, kept, 3, Cancelled)

    assert made(sd, QUICK, seen.append, kept) == whole

    assert [each.step for each in seen if each.message == "training"] == [4]


def test_losses_are_of_all_attempts(sd: BaseCheckpoint, kept: Checkpoints) -> None:
    lost(sd, QUICK, kept, 3, Killed)

    figures = add_concept(sd, WORKS, "Discworld", "style", QUICK, checkpoints=kept).figures

    whole = add_concept(sd, WORKS, "Discworld", "style", QUICK).figures
    assert (figures["first_loss"], figures["final_loss"]) == (whole["first_loss"], whole["final_loss"])


@pytest.mark.parametrize(
    ("config", "name"), [(replace(QUICK, seed=1), "Discworld"), (QUICK, "Otherworld"), (replace(QUICK, steps=5), "Discworld")]
)  # fmt: skip
def test_another_requests_checkpoint_is_not_taken_up(
    sd: BaseCheckpoint, kept: Checkpoints, config: AdditionConfig, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    lost(sd, QUICK, kept, 2, Killed)
    seen: list[Progress] = []

    with caplog.at_level(logging.WARNING), pytest.raises(Killed):
        made(sd, config, at(1, Killed, seen), kept, name)

    assert seen[-1].step == 1
    assert "of another request" in caplog.text


def test_other_works_or_a_plug_in_over_the_base_are_another_request(
    sd: BaseCheckpoint, kept: Checkpoints
) -> None:
    def first_step(given: list[tuple[Image.Image, str]]) -> int:
        seen: list[Progress] = []
        with pytest.raises(Killed):
            add_concept(sd, given, "Discworld", "style", QUICK, at(1, Killed, seen), checkpoints=kept)
        return next(each.step for each in seen if each.message == "training")

    lost(sd, QUICK, kept, 2, Killed)
    assert first_step([*WORKS[:2], (WORKS[2][0].rotate(90), WORKS[2][1])]) == 1
    lost(sd, QUICK, kept, 2, Killed)
    with applied(sd, [(random_adapter(sd), 1.0)]):
        assert first_step([*WORKS]) == 1


@pytest.mark.parametrize("part", ["training", "prior"])
def test_a_damaged_checkpoint_costs_time_and_nothing_else(
    sd: BaseCheckpoint, kept: Checkpoints, part: str, whole: str, caplog: pytest.LogCaptureFixture
) -> None:
    lost(sd, QUICK, kept, 2, Killed)
    path = kept.folder / f"addition.{part}.checkpoint"
    path.write_bytes(path.read_bytes()[:-100])

    with caplog.at_level(logging.WARNING):
        assert made(sd, QUICK, kept=kept) == whole

    assert "is damaged" in caplog.text


TRAINING = """
import sys
from pathlib import Path

import torch

from plugins_engine.checkpoints import Checkpoints
from plugins_engine.model.loading import load_base
from tests.plugins_engine.addition.test_resuming import QUICK, made

torch.set_num_threads(1)
made(load_base(Path(sys.argv[1])), QUICK, lambda progress: print(progress.message, progress.step, flush=True) or
     (progress.step == 3 and sys.stdin.read()), Checkpoints(Path(sys.argv[2]), every=0))
"""


@pytest.mark.slow
def test_a_process_that_was_killed_is_gone_on_from_by_another(
    sd: BaseCheckpoint, pipelines: dict[str, Path], kept: Checkpoints, whole: str
) -> None:
    command = [sys.executable, "-c", TRAINING, str(pipelines["sd1"]), str(kept.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = next((line for line in process.stdout if line.startswith("training 3")), "")
        process.send_signal(signal.SIGKILL)
    assert told, "it did not come so far"
    seen: list[Progress] = []

    assert made(sd, QUICK, seen.append, kept) == whole

    assert [each.step for each in seen if each.message == "training"] == [4]
