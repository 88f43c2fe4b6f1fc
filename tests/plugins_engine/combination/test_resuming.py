"""A combination that was lost goes on from its checkpoint, and gives what it would have given."""

from pathlib import Path

import pytest

from plugins_engine.checkpoints import Checkpoints
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.easymerge import Combination, combine
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.progress import OnProgress, Progress
from tests.plugins_engine.tiny_pipelines import random_adapter

CONFIG = CombinationConfig(pictures=2, retained_pictures=2, steps=2, tuning_steps=3)


class Killed(BaseException):
    """The process is gone."""


def parts(base: BaseCheckpoint) -> list[CombinationPart]:
    ink, clay = (
        random_adapter(base, seed=seed, name=name, rank=2) for seed, name in enumerate(("Ink", "Clay"))
    )
    return [
        CombinationPart(("a fox, Ink style", "a boat, Ink style"), (ink,)),
        CombinationPart(("a fox, Clay style",), (clay,)),
        CombinationPart(("a house in the rain",)),
    ]


def at(message: str, seen: list[Progress], count: int = 1) -> OnProgress:
    def stop(progress: Progress) -> None:
        seen.append(progress)
        if [each.message for each in seen].count(message) == count:
            raise Killed

    return stop


@pytest.fixture(scope="module")
def small(bases: dict[str, BaseCheckpoint]) -> BaseCheckpoint:
    return bases["shifted"]


@pytest.fixture
def whole(small: BaseCheckpoint) -> tuple[Combination, list[str]]:
    """The combination without a loss, and what it said on the way: with as many threads as the test, or its bits would differ."""
    seen: list[Progress] = []
    return combine(small, parts(small), CONFIG, seen.append), [each.message for each in seen]


DRAWING, TUNED_ON = "drawing each plug-in's own prompts", "drawing what to tune on"


@pytest.mark.parametrize(
    ("killed_at", "count", "again"),
    [
        ("combining", 3, [DRAWING, "combining", TUNED_ON, "tuning"]),
        ("tuning", 2, [DRAWING, TUNED_ON, "tuning"]),
    ],
)
def test_a_combination_goes_on_to_the_very_same_plugin(
    small: BaseCheckpoint,
    whole: tuple[Combination, list[str]],
    tmp_path: Path,
    killed_at: str,
    count: int,
    again: list[str],
) -> None:
    kept = Checkpoints(tmp_path / "kept", every=0)
    with pytest.raises(Killed):
        combine(small, parts(small), CONFIG, at(killed_at, [], count), checkpoints=kept)
    seen: list[Progress] = []

    done = combine(small, parts(small), CONFIG, seen.append, checkpoints=kept)

    assert done.adapter.tensors_sha256 == whole[0].adapter.tensors_sha256
    assert done.figures["relative_error"] == whole[0].figures["relative_error"]
    said = [each.message for each in seen]
    assert list(dict.fromkeys(said)) == again
    assert [each.step for each in seen] == sorted(each.step for each in seen)
    if killed_at == "tuning":
        assert said.count("tuning") == whole[1].count("tuning") - count, (
            "steps that were taken are not taken again"
        )


def test_what_was_kept_of_another_combination_is_not_taken_up(
    small: BaseCheckpoint, whole: tuple[Combination, list[str]], tmp_path: Path
) -> None:
    kept = Checkpoints(tmp_path / "kept", every=0)
    other = [*parts(small)[:2], CombinationPart(("a house in the sun",))]
    combine(small, other, CONFIG, checkpoints=kept)

    done = combine(small, parts(small), CONFIG, checkpoints=kept)

    assert done.adapter.tensors_sha256 == whole[0].adapter.tensors_sha256
