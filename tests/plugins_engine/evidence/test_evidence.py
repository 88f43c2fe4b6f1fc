"""Evidence: what a base reproduces and predicts of works, beside controls."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plugins_engine.checkpoints import Checkpoints
from plugins_engine.cli import main
from plugins_engine.errors import BadRequest
from plugins_engine.evidence.config import EvidenceConfig
from plugins_engine.evidence.membership import area_interval, find_membership, log_errors, roc
from plugins_engine.evidence.reproduction import find_reproductions, largest_clique
from plugins_engine.evidence.tiles import tile_distances
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import Cancelled

Capture = pytest.CaptureFixture[str]
PROMPTS = ["a fox, Ink style", "a boat"]
QUICK = EvidenceConfig(seeds=3, steps=2, levels=4)


def noise(count: int, size: int = 64) -> list[tuple[Image.Image, str]]:
    """Pictures that no base draws."""
    generator = np.random.default_rng(0)
    return [
        (Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype=np.uint8)), f"noise {i}")
        for i in range(count)
    ]


def test_a_work_that_the_base_draws_is_found_with_its_prompt_and_seed(base: BaseCheckpoint) -> None:
    drawn = generate_each(base, ["a boat"] * 3, seed=0, steps=2)
    found = find_reproductions(base, [(drawn[1], "a boat")], noise(8), PROMPTS, QUICK)

    assert (found.works[0].prompt, found.works[0].seed) == ("a boat", 1)
    assert found.works[0].distance < 0.01
    assert found.reproduced(found.works).rate == 1
    assert found.reproduced(found.controls).rate == 0
    assert all(0 <= each.distance <= 1 for each in found.controls)
    assert [each.prompt for each in found.agreement] == PROMPTS
    assert all(1 <= each.clique <= each.seeds == 3 for each in found.agreement)


def test_evidence_goes_on_with_what_was_measured_and_drawn(sd: BaseCheckpoint, tmp_path: Path) -> None:
    kept, given = Checkpoints(tmp_path / "kept"), (noise(9)[8:], noise(8))
    told: list[tuple[str, int]] = []

    def stop_at_the_second_prompt(step: int, _steps: int, message: str, _error: float | None) -> None:
        told.append((message, step))
        if told[-1] == ("drawing", QUICK.steps + 1):
            raise Cancelled

    def note(step: int, _steps: int, message: str, _error: float | None) -> None:
        told.append((message, step))

    find_membership(sd, *given, QUICK, note, checkpoints=kept)
    with pytest.raises(Cancelled):
        find_reproductions(sd, *given, PROMPTS, QUICK, stop_at_the_second_prompt, checkpoints=kept)
    told.clear()

    membership = find_membership(sd, *given, QUICK, note, checkpoints=kept)
    found = find_reproductions(sd, *given, PROMPTS, QUICK, note, checkpoints=kept)

    assert told == [("drawing", 3), ("drawing", 4)]
    assert membership == find_membership(sd, *given, QUICK)
    whole = find_reproductions(sd, *given, PROMPTS, QUICK)
    assert found.agreement == whole.agreement
    for one, other in zip((*found.works, *found.controls), (*whole.works, *whole.controls), strict=True):
        assert (one.distance, one.picture.tobytes()) == (other.distance, other.picture.tobytes())


def test_the_worst_tile_counts() -> None:
    one = np.zeros((1, 4, 12))
    other = one.copy()
    other[0, 2] = 0.5
    assert tile_distances(one, other)[0, 0] == pytest.approx(0.5), "a quarter differs, the rest is alike"
    assert tile_distances(one, one)[0, 0] == 0


def test_a_clique_is_of_drawings_that_all_agree() -> None:
    close = np.eye(5, dtype=bool)
    for i, j in ((0, 1), (1, 2), (0, 2), (2, 3), (3, 4)):
        close[i, j] = close[j, i] = True
    assert largest_clique(close) == 3
    assert largest_clique(np.eye(4, dtype=bool)) == 1
    assert largest_clique(np.ones((16, 16), dtype=bool)) == 16


def test_the_area_is_the_chance_that_a_work_scores_above_a_control() -> None:
    assert roc([2.0, 3.0], [0.0, 1.0]).area == 1.0
    assert roc([0.0, 1.0], [2.0, 3.0]).area == 0.0
    alike = roc([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    assert alike.area == pytest.approx(0.5)
    assert alike.low < 0.2 < 0.8 < alike.high, "three of each say little"
    assert alike.curve[0] == (0.0, 0.0)
    assert alike.curve[-1] == (1.0, 1.0)
    mixed = roc([3.0, 1.0], [2.0, 0.0])
    assert mixed.area == pytest.approx(0.75)
    assert mixed.found_at(0.0) == 0.5
    assert mixed.found_at(0.5) == 1.0


def test_an_area_of_few_pictures_is_uncertain_also_where_all_works_score_above_all_controls() -> None:
    low, high = area_interval(1.0, works=12, controls=9)
    assert 0.75 < low < 0.85
    assert high == 1.0
    assert area_interval(1.0, works=1200, controls=900)[0] > 0.99
    assert area_interval(0.0, works=12, controls=9) == pytest.approx((0.0, 1 - low))

    low, high = area_interval(0.8, works=30, controls=30)
    for end in (low, high):  # each end lies 1.96 of its own standard errors from the area that was found
        shape = 1 + 29 * ((1 - end) / (2 - end) + end / (1 + end))
        assert abs(0.8 - end) == pytest.approx(1.96 * (end * (1 - end) * shape / 900) ** 0.5, rel=1e-4)


def test_works_and_controls_of_one_kind_cannot_be_told_apart(sd: BaseCheckpoint) -> None:
    pictures = noise(24)
    found = find_membership(sd, pictures[:12], pictures[12:], QUICK)
    assert found.roc.low < 0.5 < found.roc.high
    assert abs(float(np.mean(found.controls))) < 1, "controls are calibrated by each other"


def test_a_picture_is_measured_alike_whatever_is_beside_it(base: BaseCheckpoint) -> None:
    pictures = noise(3)
    together = log_errors(base, pictures, QUICK)
    assert together.shape == (3, 2)
    assert log_errors(base, pictures[2:], QUICK)[0] == pytest.approx(together[2], abs=1e-4)
    empty = log_errors(base, [(image, "") for image, _ in pictures], QUICK)
    assert np.abs(empty[:, 0] - empty[:, 1]).max() < 1e-5, "no caption, no gain"


@pytest.mark.parametrize(
    ("works", "controls", "prompts", "problem"),
    [
        (0, 8, ["a fox"], "at least one work"),
        (1, 7, ["a fox"], "at least 8 controls"),
        (1, 8, [" ", ""], "at least one prompt"),
    ],
)
def test_too_few_of_anything_is_refused(
    sd: BaseCheckpoint, works: int, controls: int, prompts: list[str], problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem):
        find_reproductions(sd, noise(works), noise(controls), prompts, QUICK)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, pictures in (("works", noise(9)[:1]), ("controls", noise(9)[1:])):
        (tmp_path / name).mkdir()
        for i, (image, _) in enumerate(pictures):
            image.save(tmp_path / name / f"a-{i}.png")
    (tmp_path / "prompts.txt").write_text("a fox\n\na boat\n")
    return tmp_path


def run(folder: Path, base: Path, *more: str) -> int:
    return main(
        ["evidence", "--base", str(base), "--works", str(folder / "works"), "--controls", str(folder / "controls"),
         "--prompts", str(folder / "prompts.txt"), "--report", str(folder / "report"), "--seeds", "2", *more]
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_writes_a_report_that_says_what_it_does_not_prove(
    folders: Path, pipelines: dict[str, Path], capsys: Capture
) -> None:
    assert run(folders, pipelines["sd1"]) == 0
    report = json.loads((folders / "report" / "report.json").read_text())
    assert len(report["reproduction"]["works"]) == 1
    assert len(report["reproduction"]["controls"]) == len(report["membership"]["controls"]) == 8
    assert [each["prompt"] for each in report["reproduction"]["agreement"]] == ["a fox", "a boat"]
    assert 0 <= report["membership"]["area"] <= 1
    page = (folders / "report" / "report.html").read_text()
    assert page.count('src="data:image/png') == 2 * 9  # every picture beside its nearest drawing
    assert "do not prove" in page
    assert "membership area" in capsys.readouterr().out


def test_what_is_wrong_is_said_before_any_work(
    folders: Path, pipelines: dict[str, Path], capsys: Capture
) -> None:
    wrong = [
        (("--seeds", "1"), "seeds 1"),
        (("--within", "nan"), "reproduced_within nan"),
        (("--prompts", str(folders / "none.txt")), "none.txt"),
        (("--works", str(folders / "none")), "expected a folder of pictures"),
        (("--report", str(folders / "prompts.txt" / "no" / "where")), "prompts.txt is a file"),
    ]
    for more, problem in wrong:
        assert run(folders, pipelines["sd1"], *more) == 2
        assert problem in capsys.readouterr().err
    assert not (folders / "report").exists()
