"""A carrying that was lost goes on from its checkpoint, and gives what it would have given."""

from pathlib import Path

import pytest

from plugins_engine.carrying.carrying import carry
from plugins_engine.carrying.config import CarryingConfig
from plugins_engine.checkpoints import Checkpoints
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.progress import Progress
from tests.plugins_engine.carrying.generations import NextOf
from tests.plugins_engine.tiny_pipelines import random_reader

PROMPTS = ["a fox, Ink style", "a boat, Ink style"]
CONFIG = CarryingConfig("distil", pictures=2, drawing_steps=2, steps=4)


class Killed(BaseException):
    """The process is gone."""


MET, STAYS, TRAINED = "drawing what is to be met", "drawing what is to stay", "carrying over"


@pytest.mark.parametrize(
    ("killed_at", "again"),
    [
        # What is measured on is kept, and drawn for the training.
        (STAYS, {MET: 2, STAYS: 4, TRAINED: 4}),
        (TRAINED, {MET: 0, STAYS: 0, TRAINED: 2}),
    ],
)
def test_it_goes_on_to_the_very_same_plugin(
    sd: BaseCheckpoint, next_of: NextOf, tmp_path: Path, killed_at: str, again: dict[str, int]
) -> None:
    later, own = next_of(sd), random_reader(sd, "Ink")
    whole = carry(sd, later, own, PROMPTS, CONFIG)
    kept = Checkpoints(tmp_path / "kept", every=0)
    seen: list[str] = []

    def stop(progress: Progress) -> None:
        seen.append(progress.message)
        if seen.count(killed_at) == 2:
            raise Killed

    with pytest.raises(Killed):
        carry(sd, later, own, PROMPTS, CONFIG, stop, checkpoints=kept)
    said: list[str] = []

    done = carry(sd, later, own, PROMPTS, CONFIG, lambda each: said.append(each.message), checkpoints=kept)

    assert done.adapter.tensors_sha256 == whole.adapter.tensors_sha256
    assert done.figures["tried"] == whole.figures["tried"]
    assert {each: said.count(each) for each in again} == again
