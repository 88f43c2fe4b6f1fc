"""Taking an approval back: releases to come are made without it, those that were made stay, and the claimant is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.extractions import building
from market.extractions.building import complete_build, release_of_approved, start_build
from market.extractions.deciding import approve_extraction, take_back_extraction
from market.extractions.models import BuildState, Extraction, ExtractionState, ReleaseBuild
from market.extractions.releases import make_default, weights_of
from market.generation.guarding import lost_on
from market.jobs.lifecycle import BadResult, LeaseLost
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.extractions.stage import (
    build_output,
    claim_job,
    finish_build,
    make_claim,
    make_extraction,
    merged,
)

SignIn = Callable[[User], Client]
BECAUSE = "The claim was about another picture."


@pytest.fixture
def noto(base: BaseModel, model_owner: User) -> Extraction:
    return make_extraction(base, model_owner)


def test_before_its_release_is_built_the_build_is_cancelled_and_another_run_can_be_approved(
    noto: Extraction, base: BaseModel, model_owner: User
) -> None:
    build = approve_extraction(noto, model_owner)
    assert take_back_extraction(noto, model_owner, because=BECAUSE) is None

    build.refresh_from_db()
    assert (build.state, build.job.state) == (BuildState.FAILED, JobState.CANCELLED)
    assert (noto.state, noto.taken_back_by, noto.taken_back_because) == (
        ExtractionState.TAKEN_BACK,
        model_owner,
        BECAUSE,
    )
    assert AuditLine.objects.get(action="extraction.taken_back").details["reason"] == BECAUSE
    again = make_extraction(base, model_owner)
    assert finish_build(approve_extraction(again, model_owner)).notes == "Without Noto."


def test_a_build_that_a_worker_has_begun_makes_nothing_any_more(noto: Extraction, model_owner: User) -> None:
    build = approve_extraction(noto, model_owner)
    job = claim_job(building.KIND)
    merged(build, job.fencing_token)
    take_back_extraction(noto, model_owner, because=BECAUSE)

    with pytest.raises(LeaseLost):
        complete_build(job=job, token=job.fencing_token, output=build_output(build))
    assert not ReleaseBuild.objects.filter(state=BuildState.READY).exists()


def test_a_build_with_what_is_not_approved_makes_no_release(noto: Extraction, model_owner: User) -> None:
    build = approve_extraction(noto, model_owner)
    job = claim_job(building.KIND)
    merged(build, job.fencing_token)
    assert noto.take_back(by=model_owner, because=BECAUSE)
    with pytest.raises(BadResult, match="taken back meanwhile"):
        complete_build(job=job, token=job.fencing_token, output=build_output(build))


def test_of_a_release_in_use_one_without_it_is_built_from_what_remains(
    base: BaseModel, model_owner: User
) -> None:
    first, second = (make_extraction(base, model_owner, name) for name in ("Noto", "Clay"))
    for each in (first, second):
        release = finish_build(approve_extraction(each, model_owner))
    make_default(release, model_owner)

    build = take_back_extraction(first, model_owner, because=BECAUSE)
    assert build is not None
    assert [part.extraction for part in build.parts.all()] == [second]
    assert base.default_release() == release, "until its owner says so"
    made = finish_build(build)
    assert (made.number, made.notes) == (4, "Without Clay.")
    make_default(made, model_owner)
    assert [lost.names[0] for lost in lost_on(made)] == ["Clay"]
    assert [lost.names[0] for lost in lost_on(release)] == ["Noto", "Clay"], "what was made stays"


def test_where_a_release_that_lacks_just_the_rest_is_there_none_is_built(
    base: BaseModel, model_owner: User
) -> None:
    first, second = (make_extraction(base, model_owner, name) for name in ("Noto", "Clay"))
    without_noto = finish_build(approve_extraction(first, model_owner))
    finish_build(approve_extraction(second, model_owner))

    assert take_back_extraction(second, model_owner, because=BECAUSE) is None
    assert release_of_approved(base) == without_noto
    assert take_back_extraction(first, model_owner, because=BECAUSE) is None
    assert release_of_approved(base) == base.releases.get(number=1)
    with pytest.raises(Refused, match="Nothing is approved"):
        start_build(base, model_owner)


def test_the_claimants_plugin_stays_for_releases_that_lost_the_concept_and_they_are_told(
    base: BaseModel,
    model_owner: User,
    artist: User,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    claim = make_claim(artist, base)
    noto = make_extraction(base, model_owner, claim=claim)
    lost = finish_build(approve_extraction(noto, model_owner))
    plugin = PlugIn.objects.get()

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        take_back_extraction(noto, model_owner, because=BECAUSE)
    version = plugin.current_version
    assert version is not None
    assert weights_of(version, lost) is not None
    assert weights_of(version, base.releases.get(number=1)) is None, "nothing to restore"
    assert BECAUSE in claim.messages.get().text
    assert artist.email in [address for sent in mail.outbox for address in sent.to]


def test_only_what_is_approved_is_taken_back_by_who_decides_and_for_a_reason(
    noto: Extraction, model_owner: User, stranger: User
) -> None:
    with pytest.raises(Refused, match="Only what is approved"):
        take_back_extraction(noto, model_owner, because=BECAUSE)
    approve_extraction(noto, model_owner)
    with pytest.raises(Refused, match="Only the owner"):
        take_back_extraction(noto, stranger, because=BECAUSE)
    with pytest.raises(Refused, match="Say why"):
        take_back_extraction(noto, model_owner, because=" ")
    take_back_extraction(noto, model_owner, because=BECAUSE)
    with pytest.raises(Refused, match="taken back"):
        take_back_extraction(noto, model_owner, because=BECAUSE)


@pytest.mark.parametrize(
    "changes",
    [{"state": "approved", "taken_back_at": None}, {"taken_back_because": "Else"}, {"reason": "Else"}],
)
def test_what_was_taken_back_is_never_changed(
    noto: Extraction, model_owner: User, changes: dict[str, object]
) -> None:
    approve_extraction(noto, model_owner)
    take_back_extraction(noto, model_owner, because=BECAUSE)
    with pytest.raises(DatabaseError, match="what was decided"), transaction.atomic():
        Extraction.objects.filter(pk=noto.pk).update(**changes)


def test_the_database_takes_back_only_what_was_approved_and_for_a_reason(
    noto: Extraction, model_owner: User
) -> None:
    row = Extraction.objects.filter(pk=noto.pk)
    with pytest.raises(DatabaseError, match="only what was approved"), transaction.atomic():
        row.update(state="taken_back")
    approve_extraction(noto, model_owner)
    with pytest.raises(DatabaseError, match="taken_back_for_a_reason"), transaction.atomic():
        row.update(state="taken_back")
    with pytest.raises(DatabaseError, match="what was decided"), transaction.atomic():
        row.update(state="ready", decided_at=None, decided_by=None)


def test_it_is_taken_back_on_its_page_and_the_claim_says_so(
    base: BaseModel, model_owner: User, artist: User, client_for: SignIn
) -> None:
    claim = make_claim(artist, base)
    noto = make_extraction(base, model_owner, claim=claim)
    finish_build(approve_extraction(noto, model_owner))
    client, url = client_for(model_owner), reverse("extractions:take_back", args=[noto.pk])
    assert "Take the approval back" in client.get(noto.get_absolute_url()).content.decode()
    assert client.post(url, {"because": ""}).status_code == 422
    assert client.post(url, {"because": BECAUSE}).status_code == 302
    assert client.post(url, {"because": BECAUSE}).status_code == 422

    page = client.get(reverse("extractions:base", args=[base.slug])).content.decode()
    assert "release 1 lacks nothing" not in page, "release 1 is in use"
    assert BECAUSE in client.get(noto.get_absolute_url()).content.decode()
    assert BECAUSE in client_for(artist).get(claim.get_absolute_url()).content.decode()


def test_the_page_of_the_base_says_which_release_lacks_just_what_is_approved(
    noto: Extraction, base: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    make_default(finish_build(approve_extraction(noto, model_owner)), model_owner)
    take_back_extraction(noto, model_owner, because=BECAUSE)
    page = client_for(model_owner).get(reverse("extractions:base", args=[base.slug])).content.decode()
    assert "release 1 lacks nothing" in page


def test_the_command_takes_it_back_as_the_page_does(
    noto: Extraction, model_owner: User, capsys: pytest.CaptureFixture[str]
) -> None:
    approve_extraction(noto, model_owner)
    call_command("take_back_extraction", str(noto.pk), because=BECAUSE)
    assert "no release has to be built" in capsys.readouterr().out
    for arguments, said in (((noto.pk,), "Only what is approved"), ((0,), "no extraction 0")):
        with pytest.raises(CommandError, match=said):
            call_command("take_back_extraction", *map(str, arguments), because=BECAUSE)
    with pytest.raises(CommandError, match="nobody"):
        call_command("take_back_extraction", str(noto.pk), because=BECAUSE, by="no@example.org")
