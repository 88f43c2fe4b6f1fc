"""Figures in words, and those of two runs or releases side by side."""

from __future__ import annotations

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.comparing import figures_of, releases_beside, runs_beside
from market.extractions.deciding import approve_extraction
from market.extractions.figures import (
    extraction_tables,
    release_tables,
    retest_words,
    side_by_side,
    summary,
)
from tests.market.extractions.stage import finish_build, judged, make_extraction, not_judged


def test_what_the_judge_saw_is_told_with_intervals() -> None:
    seen, overall, moved = extraction_tables(judged(target=0.02))
    assert seen.lines[0].label == "target, style"
    assert seen.lines[0].values == (
        "100.0% (100%\u00a0to\u00a0100%)",
        "2.0% (2%\u00a0to\u00a02%)",
        "100.0% (100%\u00a0to\u00a0100%)",
    )
    assert overall.lines[0].label == "H_o"
    assert moved.lines[0].values == ("0.200", "0.000")
    assert summary(judged(target=0.02)) == "100% → 2%, H_o 0.970"


def test_without_a_judge_only_how_far_pictures_moved_is_told() -> None:
    (moved,) = extraction_tables(not_judged())
    assert [line.label for line in moved.lines] == ["target", "retained"]
    assert summary(not_judged()) == "not counted"
    assert (extraction_tables({}), summary({}), release_tables({})) == ([], "", [])


def test_two_runs_lie_side_by_side() -> None:
    tables = side_by_side(*(extraction_tables(judged(target=each)) for each in (0.0, 0.1)))
    assert tables[0].columns[2:4] == ("after, first", "after, second")
    assert tables[0].lines[0].values[2:4] == ("0.0% (0%\u00a0to\u00a00%)", "10.0% (10%\u00a0to\u00a010%)")


def test_releases_lie_side_by_side_also_where_one_lacks_more(base: BaseModel, model_owner: User) -> None:
    releases = [
        finish_build(approve_extraction(make_extraction(base, model_owner, name), model_owner))
        for name in ("Noto", "Clay")
    ]
    first, second = (release_tables(figures_of(each)) for each in releases)
    labels = [line.label for line in side_by_side(first, second)[0].lines]
    assert "Clay" in labels
    plain = base.releases.get(number=1)
    assert side_by_side(release_tables(figures_of(plain)), second) == second

    (grid, *_) = releases_beside(plain, releases[0])
    assert [stage for stage, _ in grid.rows[0].pictures] == ["release 1", "release 2"]
    assert [picture.stage for _, picture in grid.rows[0].pictures] == ["before", "after"]


def test_pictures_of_two_runs_are_paired_by_their_prompts(base: BaseModel, model_owner: User) -> None:
    first, second = (make_extraction(base, model_owner) for _ in range(2))
    (grid,) = runs_beside(first, second)
    assert [picture.of for _, picture in grid.rows[0].pictures] == [first, first, second, second]  # type: ignore[attr-defined]  # of an extraction's grid


def test_how_a_plugin_does_on_a_release_is_said() -> None:
    assert retest_words({"moved": 0.25}) == "its pictures moved by 0.250"
    counted = {"moved": 0.0, "accuracy": {"before": 1.0, "after": 0.5}}
    assert retest_words(counted) == "recognised in 100% before and 50% now, its pictures moved by 0.000"
