"""An extraction that was lost goes on from its checkpoint, and gives what it would have given."""

from dataclasses import replace
from pathlib import Path

import pytest

from plugins_engine.checkpoints import Checkpoints
from plugins_engine.extraction.examination import Examination, ExaminationConfig, examine
from plugins_engine.extraction.methods import EXTRACTION_METHODS, ExtractionMethod, extract_concept
from plugins_engine.extraction.release import ErasedConcept, ReleaseConfig, check_release, combine_erasers
from plugins_engine.extraction.reverse_lora import ReverseLoraConfig
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.progress import OnProgress, Progress
from tests.plugins_engine.extraction.test_extraction import HYBRID, QUICK, TASK

LITTLE = ExaminationConfig(pictures=2, steps=2, attack_pictures=1, attack_steps=2, attack_tries=2, shown=2)
RELEASE = ReleaseConfig(pictures=2, steps=2, shown=2)


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    """Keeps every step."""
    return Checkpoints(tmp_path / "kept", every=0)


def at(message: str, step: int, seen: list[Progress]) -> OnProgress:
    def stop(progress: Progress) -> None:
        seen.append(progress)
        if progress.message == message and progress.step == step:
            raise Killed

    return stop


def said(seen: list[Progress]) -> list[tuple[str, int]]:
    return [(each.message, each.step) for each in seen]


def test_distillation_goes_on_to_the_very_same_eraser(base: BaseCheckpoint, kept: Checkpoints) -> None:
    with pytest.raises(Killed):
        extract_concept(base, TASK, "hybrid", HYBRID, at("distilling", 2, []), checkpoints=kept)
    seen: list[Progress] = []

    done = extract_concept(base, TASK, "hybrid", HYBRID, seen.append, checkpoints=kept)

    whole = extract_concept(base, TASK, "hybrid", HYBRID)
    assert done.eraser.tensors_sha256 == whole.eraser.tensors_sha256
    assert done.plugin.tensors_sha256 == whole.plugin.tensors_sha256
    assert said(seen) == [("distilling", 3)], "nothing is drawn again"


@pytest.mark.parametrize("stage", ["unlearning", "memorising"])
def test_reverse_lora_goes_on_in_either_stage_to_the_very_same_eraser(
    sd: BaseCheckpoint, kept: Checkpoints, stage: str
) -> None:
    quick = QUICK["reverse-lora"]
    assert isinstance(quick, ReverseLoraConfig)
    config = replace(quick, steps=3)
    with pytest.raises(Killed):
        extract_concept(sd, TASK, "reverse-lora", config, at(stage, 2, []), checkpoints=kept)
    seen: list[Progress] = []

    done = extract_concept(sd, TASK, "reverse-lora", config, seen.append, checkpoints=kept)

    whole = extract_concept(sd, TASK, "reverse-lora", config)
    assert done.eraser.tensors_sha256 == whole.eraser.tensors_sha256
    left = [("unlearning", 3), ("memorising", 1), ("memorising", 2)] if stage == "unlearning" else []
    assert said(seen) == [*left, ("memorising", 3)], "nothing is drawn again"


def test_what_was_drawn_before_distillation_is_not_drawn_again(sd: BaseCheckpoint, kept: Checkpoints) -> None:
    begun: list[Progress] = []
    with pytest.raises(Killed):
        extract_concept(sd, TASK, "hybrid", HYBRID, at("drawing what is to stay", 1, begun), checkpoints=kept)
    seen: list[Progress] = []

    done = extract_concept(sd, TASK, "hybrid", HYBRID, seen.append, checkpoints=kept)

    assert done.eraser.tensors_sha256 == extract_concept(sd, TASK, "hybrid", HYBRID).eraser.tensors_sha256
    assert {each.message for each in begun} == {
        "drawing what is to go",
        "drawing what comes in its place",
        "drawing what is to stay",
    }
    assert {each.message for each in seen} == {"drawing what is to stay", "distilling"}


@pytest.mark.parametrize("method", EXTRACTION_METHODS)
def test_an_extraction_that_is_done_is_not_done_again(
    sd: BaseCheckpoint, kept: Checkpoints, method: ExtractionMethod
) -> None:
    done = extract_concept(sd, TASK, method, QUICK[method], checkpoints=kept)
    seen: list[Progress] = []

    again = extract_concept(sd, TASK, method, QUICK[method], seen.append, checkpoints=kept)

    assert not seen
    assert (again.eraser.tensors_sha256, again.seconds) == (done.eraser.tensors_sha256, done.seconds)


def pictures(found: Examination) -> list[bytes]:
    return [each.tobytes() for _, rows in found.grids.values() for _, row in rows for each in row]


@pytest.mark.parametrize("stage", ["drawing target after", "attacking the base after"])
def test_an_examination_goes_on_with_the_pictures_that_were_drawn(
    sd: BaseCheckpoint, kept: Checkpoints, stage: str
) -> None:
    result = extract_concept(sd, TASK, "closed-form", QUICK["closed-form"])
    begun: list[Progress] = []

    def stop(progress: Progress) -> None:
        begun.append(progress)
        if progress.message == stage:
            raise Killed

    with pytest.raises(Killed):
        examine(sd, result, None, LITTLE, stop, checkpoints=kept)
    seen: list[Progress] = []

    found = examine(sd, result, None, LITTLE, seen.append, checkpoints=kept)

    whole = examine(sd, result, None, LITTLE)
    assert found.figures == whole.figures
    assert pictures(found) == pictures(whole)
    earlier = {each.message for each in begun} - {stage}
    assert earlier
    assert not earlier & {each.message for each in seen}
    assert min(each.step for each in seen) >= begun[-1].step, "and it does not count from the beginning"


def test_the_test_of_a_release_goes_on_with_the_pictures_that_were_drawn(
    sd: BaseCheckpoint, kept: Checkpoints
) -> None:
    result = extract_concept(sd, TASK, "closed-form", QUICK["closed-form"])
    taken = [ErasedConcept(TASK, result.eraser, result.plugin)]
    combined = combine_erasers(sd, taken, RELEASE)
    with pytest.raises(Killed):
        check_release(sd, taken, combined, None, RELEASE, at("drawing Ink restored", 6, []), checkpoints=kept)
    seen: list[Progress] = []

    found = check_release(sd, taken, combined, None, RELEASE, seen.append, checkpoints=kept)

    assert found.figures == check_release(sd, taken, combined, None, RELEASE).figures
    assert said(seen) == [("drawing all else before", 8), ("drawing all else after", 10)]
