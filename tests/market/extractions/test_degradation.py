"""What extractions cost a base: measured by every release, predicted for the next, and asked about when one is approved."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel, BaseRelease
from market.extractions.deciding import approve_extraction, limits_for
from market.extractions.degradation import HEADER, degradation_of, degradations, limits_ahead
from market.extractions.releases import make_default
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.extractions.stage import REASON, finish_build, make_extraction, not_judged
from tests.market.stage import make_base


def without(
    base: BaseModel, name: str, *, kept: float | None = 1.0, moved_by: float | None = None
) -> BaseRelease:
    """Release a base without one concept more; of its test see `stage.build_output`."""
    figures = not_judged() if kept is None else None
    extraction = make_extraction(base, base.owner, name, figures=figures)
    return finish_build(
        approve_extraction(extraction, base.owner, reason=REASON), kept=kept, moved_by=moved_by
    )


def test_every_release_is_a_point_after_the_base_alone_and_the_next_is_predicted(base: BaseModel) -> None:
    releases = [without(base, "Noto", kept=0.98), without(base, "Clay", kept=0.97)]

    found = degradation_of(base)

    assert [each.kind for each in found.families] == ["style", "character"]
    for family in found.families:
        assert [point.release for point in family.points] == [None, *releases]
        assert [point.extractions for point in family.points] == [0, 1, 2]
        assert [point.kept for point in family.points] == [1.0, 0.98, 0.97]
        assert family.ahead.extractions == 3
        assert 0.95 < family.kept_ahead < 0.98
    assert found.warnings == []
    assert found.movements == ()


def test_before_the_first_release_nothing_is_measured_or_predicted(base: BaseModel) -> None:
    assert not degradation_of(base)
    assert limits_ahead(base) == []
    assert degradations([base]) == []


def test_releases_of_other_weights_say_nothing_of_these(base: BaseModel) -> None:
    without(base, "Noto")
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)
    base.refresh_from_db()

    assert not degradation_of(base)


def test_a_build_that_failed_is_no_point(base: BaseModel, model_owner: User) -> None:
    without(base, "Noto")
    build = approve_extraction(make_extraction(base, model_owner, "Clay"), model_owner)
    Job.objects.request_cancel(build.job_id)
    build.refresh_from_db()
    assert build.state == "failed"

    family, _ = degradation_of(base).families

    assert len(family.points) == 2
    assert family.ahead.extractions == 3, "the next approval takes out one more than were approved"


def test_a_release_that_keeps_less_than_the_line_and_a_prediction_below_it_are_warned_of(
    base: BaseModel,
) -> None:
    without(base, "Noto", kept=0.97)
    without(base, "Clay", kept=0.85)

    warnings = degradation_of(base).warnings

    assert "Styles kept by release 3: 85.0%, at least 90% is asked for." in warnings
    assert any(each.startswith("Subjects kept, predicted with 3 taken out: ") for each in warnings)
    assert len(warnings) == 4


def test_the_line_itself_is_kept_and_the_setting_moves_it(base: BaseModel, settings: Any) -> None:
    without(base, "Noto", kept=0.9)
    family, _ = degradation_of(base).families
    assert family.newest.limit.met

    settings.EXTRACTIONS = replace(settings.EXTRACTIONS, release_min_kept=91)
    assert not family.newest.limit.met


def test_the_release_in_use_is_told_from_the_newest(base: BaseModel, model_owner: User) -> None:
    second = without(base, "Noto", kept=0.85)
    third = without(base, "Clay", kept=0.99)
    family, _ = degradation_of(base).families
    assert family.in_use == family.points[0], "the release as it was registered is in use"

    make_default(second, model_owner)
    family, _ = degradation_of(base).families

    assert family.in_use is not None
    assert family.in_use.release == second
    assert family.newest.release == third
    assert "Styles kept by release 2: 85.0%, at least 90% is asked for." in family.warnings


def test_of_a_release_in_use_that_nobody_counted_nothing_is_said(base: BaseModel, model_owner: User) -> None:
    without(base, "Noto", kept=0.98)
    make_default(without(base, "Clay", kept=None), model_owner)

    found = degradation_of(base)

    assert [family.in_use for family in found.families] == [None, None]
    assert len(found.movements) == 1


def test_an_extraction_predicted_to_leave_too_little_is_approved_only_with_a_reason(
    base: BaseModel, model_owner: User
) -> None:
    without(base, "Noto", kept=0.97)
    without(base, "Clay", kept=0.85)
    third = make_extraction(base, model_owner, "Blobs")

    with pytest.raises(Refused, match="Styles kept, predicted with 3 taken out"):
        approve_extraction(third, model_owner)
    assert base.builds.count() == 2

    approve_extraction(third, model_owner, reason=REASON)
    third.refresh_from_db()
    assert [each.split(",")[0] for each in third.missed] == ["Styles kept", "Subjects kept"]
    line = AuditLine.objects.filter(action="extraction.approved").latest("pk")
    assert line.details["missed"] == third.missed


def test_an_extraction_predicted_to_leave_enough_needs_no_reason(base: BaseModel, model_owner: User) -> None:
    without(base, "Noto", kept=0.98)
    second = make_extraction(base, model_owner, "Clay")

    assert [each.met for each in limits_for(second)[-2:]] == [True, True]
    approve_extraction(second, model_owner)
    second.refresh_from_db()
    assert second.missed == []


def test_where_no_judge_counts_it_is_said_how_far_pictures_moved_and_nothing_is_predicted(
    base: BaseModel,
) -> None:
    release = without(base, "Noto", kept=None)

    found = degradation_of(base)

    assert found.families == ()
    assert [(each.release, each.mean, each.interval) for each in found.movements] == [(release, 0.01, None)]
    assert found.warnings == []


def test_where_pictures_moved_so_far_that_they_are_others_it_is_warned_of(base: BaseModel) -> None:
    without(base, "Noto", kept=None)
    without(base, "Clay", kept=None, moved_by=0.2)

    found = degradation_of(base)

    assert found.movements[-1].interval == pytest.approx((0.19, 0.21))
    assert found.warnings == [
        "On release 3 the pictures of all else moved by 0.200: from about 0.1 on they are others."
    ]


def test_bases_are_listed_with_those_first_that_are_predicted_to_keep_least(
    base: BaseModel, model_owner: User
) -> None:
    worse = make_base(model_owner, slug="worse", fingerprint="cd" * 32)
    without(base, "Noto", kept=0.99)
    without(worse, "Noto", kept=0.9)

    assert [each.base for each in degradations(BaseModel.objects.order_by("pk"))] == [worse, base]


def test_the_command_prints_every_figure_and_the_warnings(base: BaseModel) -> None:
    without(base, "Noto", kept=0.85)
    out = StringIO()

    call_command("degradation", base.slug, stdout=out)

    lines = out.getvalue().splitlines()
    assert lines[0].split() == list(HEADER)
    assert [line.split()[1:4] for line in lines[1:4]] == [
        ["style", "0", "1.0000"],
        ["style", "2", "1"],
        ["style", "predicted", "2"],
    ]
    assert "Styles kept by release 2: 85.0%, at least 90% is asked for." in lines


def test_the_command_says_where_there_is_nothing_and_which_bases_there_are(base: BaseModel) -> None:
    out = StringIO()
    call_command("degradation", base.slug, stdout=out)
    assert "No release" in out.getvalue()

    with pytest.raises(CommandError, match=f"registered are: {base.slug}"):
        call_command("degradation", "other")
