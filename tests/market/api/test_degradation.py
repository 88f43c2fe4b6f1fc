"""What extractions cost a base, by the API: the figures of the page."""

from __future__ import annotations

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.deciding import approve_extraction
from market.extractions.degradation import degradation_of
from tests.market.api.conftest import ProgramOf, problem
from tests.market.extractions.stage import finish_build, make_extraction, not_judged


def test_every_figure_of_the_table_is_there_with_its_warnings(
    base: BaseModel, model_owner: User, stranger: User, program_of: ProgramOf
) -> None:
    finish_build(approve_extraction(make_extraction(base, model_owner), model_owner), kept=0.5)
    found = degradation_of(base)

    said = program_of(stranger).get("bases/tiny/degradation").json()

    assert said["base"] == "tiny"
    assert said["warnings"] == found.warnings
    assert said["warnings"]
    assert len(said["rows"]) == len(list(found.rows()))
    alone, released, ahead = said["rows"][:3]
    assert [each["release"] for each in (alone, released, ahead)] == ["", "2", "predicted"]
    assert (released["kept"], released["pictures"], released["below"]) == (0.5, 100, True)
    assert (ahead["pictures"], ahead["extractions"], ahead["in_use"]) == (None, 2, False)


def test_how_far_pictures_moved_is_there_where_nobody_counted(
    base: BaseModel, model_owner: User, program_of: ProgramOf
) -> None:
    extraction = make_extraction(base, model_owner, figures=not_judged())
    finish_build(approve_extraction(extraction, model_owner, reason="I looked."), kept=None)

    (row,) = program_of(model_owner).get("bases/tiny/degradation").json()["rows"]

    assert (row["what"], row["value"], row["low"], row["kept"]) == ("moved", 0.01, None, None)


def test_before_the_first_release_there_is_nothing_and_of_a_hidden_base_nobody_reads(
    base: BaseModel, stranger: User, program_of: ProgramOf
) -> None:
    program = program_of(stranger)
    assert program.get("bases/tiny/degradation").json() == {"base": "tiny", "rows": [], "warnings": []}

    BaseModel.objects.filter(pk=base.pk).update(listed=False)

    problem(program.get("bases/tiny/degradation"), 404, "not-found")
