"""A claim's draft: what it may say, whose works it may hold, and what it lacks before it can be submitted."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.catalog.uploads import remove_work
from market.claims import drafting
from market.claims.models import Claim, ClaimPicture, ClaimState, PictureSort, StepKind
from market.refusals import Refused
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.claims.conftest import PROMPTS, MakeDraft, files, notice
from tests.market.stage import make_base

pytestmark = pytest.mark.django_db


def said(**fields: object) -> drafting.Draft:
    return drafting.Draft(**{"prompts": PROMPTS, "rights": "Mine."} | fields)  # type: ignore[arg-type]  # a test may say anything


def test_a_draft_is_about_a_concept_of_ones_own_and_something_of_somebody_elses(
    concept: Concept, base: BaseModel, artist: User, second_artist: User
) -> None:
    with pytest.raises(Refused, match="concept of your own"):
        drafting.draft_claim(concept=concept, about=base, by=second_artist, draft=said())
    with pytest.raises(Refused, match="is yours"):
        drafting.draft_claim(
            concept=concept,
            about=make_base(artist, slug="own", fingerprint="cd" * 32),
            by=artist,
            draft=said(),
        )
    claim = drafting.draft_claim(concept=concept, about=base, by=artist, draft=said())
    assert [step.kind for step in claim.steps.all()] == [StepKind.DRAFTED]
    assert claim.target == base.name
    assert not claim.accepted


def test_one_claim_of_a_concept_about_a_thing_is_open_at_a_time(
    draft: Claim, concept: Concept, base: BaseModel, artist: User, plugin: PlugIn
) -> None:
    with pytest.raises(Refused, match="already"):
        drafting.draft_claim(concept=concept, about=base, by=artist, draft=said())
    about_another = drafting.draft_claim(concept=concept, about=plugin, by=artist, draft=said())
    assert about_another.respondent == plugin.owner


@pytest.mark.parametrize(
    ("prompts", "problem"), [(["a fox"] * 13, "at most 12"), (["x" * 10_000], "has 10000")]
)
def test_prompts_are_few_and_short(prompts: list[str], problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        said(prompts=prompts)


def test_somebody_elses_works_and_those_of_another_concept_are_refused(
    draft: Claim, artist: User, second_artist: User
) -> None:
    foreign = with_works(make_concept(second_artist, "Other"), 1).works.get()
    other = with_works(make_concept(artist, "Second"), 1).works.get()
    for work in (foreign, other):
        with pytest.raises(Refused, match="works of Riverink only"):
            drafting.choose_works(draft, artist, [work])
    assert draft.counts()[PictureSort.WORK] == 2


def test_a_work_needs_a_caption(draft: Claim, artist: User, concept: Concept) -> None:
    concept.works.update(caption="")
    with pytest.raises(Refused, match="no caption"):
        drafting.choose_works(draft, artist, list(concept.works.all()))


def test_choosing_again_leaves_exactly_what_is_chosen(draft: Claim, artist: User, concept: Concept) -> None:
    works = list(concept.works.all())
    drafting.choose_works(draft, artist, works[1:])
    chosen = draft.pictures.filter(sort=PictureSort.WORK)
    assert set(chosen.values_list("work", flat=True)) == {work.pk for work in works[1:]}
    drafting.choose_works(draft, artist, [])
    assert not chosen.exists()


def test_a_deleted_work_leaves_its_copy_in_the_claim(submitted: Claim, concept: Concept) -> None:
    for work in list(concept.works.all()):
        assert remove_work(work)
    kept = submitted.pictures.filter(sort=PictureSort.WORK)
    assert [picture.work for picture in kept] == [None, None]
    assert all(default_storage.exists(str(picture.file.name)) for picture in kept)


def test_controls_are_taken_or_refused_one_by_one(draft: Claim, artist: User) -> None:
    twice, unnamed, none = files(1)[0], files(1, first=50)[0], SimpleUploadedFile("a-fox.png", b"no picture")
    unnamed.name = "IMG_2041.png"
    taken, refused = drafting.add_controls(draft, artist, [twice, unnamed, none, files(1, first=60)[0]])
    assert taken == 1
    assert ["already" in refused[0].reason, "what it shows" in refused[1].reason] == [True, True]
    assert refused[2].reason == "The file is not a PNG, JPEG, WebP, GIF, AVIF, HEIC, BMP or TIFF picture."


def test_there_are_no_more_controls_than_one_measuring_may_cost(
    draft: Claim, artist: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafting, "MAX_CONTROLS", 9)
    taken, refused = drafting.add_controls(draft, artist, files(2, first=60))
    assert (taken, [each.reason for each in refused]) == (1, ["A claim has at most 9 controls."])


def test_a_control_can_be_removed_from_a_draft_only(draft: Claim, artist: User) -> None:
    control = draft.pictures.filter(sort=PictureSort.CONTROL)[0]
    drafting.remove_control(draft, artist, control)
    assert draft.counts()[PictureSort.CONTROL] == 7
    drafting.add_controls(draft, artist, files(1, first=60))
    drafting.submit_claim(draft, artist, notice())
    with pytest.raises(Refused, match="no draft any more"):
        drafting.remove_control(draft, artist, draft.pictures.all()[0])


@pytest.mark.parametrize(
    ("lacking", "problem"),
    [
        ({"works": 0}, "at least one work"),
        ({"prompts": []}, "at least one prompt"),
        ({"rights": "  "}, "State your rights"),
        ({"controls": 7}, "at least 8 controls, there are 7"),
    ],
)
def test_a_draft_that_lacks_something_is_not_submitted(
    make_draft: MakeDraft, artist: User, lacking: dict[str, object], problem: str
) -> None:
    draft = make_draft(**lacking)
    with pytest.raises(Refused, match=problem):
        drafting.submit_claim(draft, artist, notice())
    draft.refresh_from_db()
    assert (draft.state, draft.notice) == (ClaimState.DRAFT, None)


def test_submitting_keeps_the_notice_and_asks_for_the_evidence(submitted: Claim, artist: User) -> None:
    assert submitted.state == ClaimState.SUBMITTED
    assert submitted.notice is not None
    assert submitted.notice.person == artist
    assert submitted.is_measuring
    kinds = [step.kind for step in submitted.steps.all()]
    assert kinds == [StepKind.DRAFTED, StepKind.SUBMITTED, StepKind.MEASURING]
    assert {step.by for step in submitted.steps.all()} == {artist}


def test_what_is_submitted_stays_as_it_is(submitted: Claim, artist: User, concept: Concept) -> None:
    for act in (
        lambda: drafting.change_draft(submitted, artist, said()),
        lambda: drafting.choose_works(submitted, artist, list(concept.works.all())),
        lambda: drafting.add_controls(submitted, artist, files(1, first=60)),
        lambda: drafting.submit_claim(submitted, artist, notice()),
    ):
        with pytest.raises(Refused):
            act()
    assert ClaimPicture.objects.count() == 10


def test_only_the_claimant_changes_a_draft(
    draft: Claim, stranger: User, admin: User, model_owner: User
) -> None:
    for person in (stranger, admin, model_owner):
        for act in (
            lambda person=person: drafting.change_draft(draft, person, said()),
            lambda person=person: drafting.choose_works(draft, person, []),
            lambda person=person: drafting.add_controls(draft, person, files(1, first=60)),
            lambda person=person: drafting.submit_claim(draft, person, notice()),
        ):
            with pytest.raises(Refused):
                act()
    assert Claim.objects.get().state == ClaimState.DRAFT


def test_where_the_artist_has_no_controls_an_admin_adds_them(
    make_draft: MakeDraft, artist: User, admin: User
) -> None:
    claim = drafting.submit_claim(make_draft(controls=0, controls_by_market=True), artist, notice())
    assert claim.job is None
    assert list(Claim.objects.for_admins()) == [claim]

    assert drafting.add_controls(claim, admin, files(8)) == (8, [])
    assert {picture.added_by for picture in claim.pictures.filter(sort=PictureSort.CONTROL)} == {admin}
    with pytest.raises(Refused):
        drafting.add_controls(claim, artist, files(1, first=60))
