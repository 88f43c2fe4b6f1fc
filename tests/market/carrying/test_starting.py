"""The owner of two generations of a base has its plug-ins carried over: which, by whom, and how often."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying.models import CarryOver, CarryOverState, Upgrade
from market.carrying.starting import calling_prompts, candidates, start_carrying
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn, PlugInState
from market.catalog.versions import complete_version
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.carrying.stage import NEXT_FINGERPRINT, make_next_base
from tests.market.catalog.conftest import claimed, make_concept, make_version, output, with_works
from tests.market.stage import make_combined, make_part, make_plugin


def reasons(source: BaseModel, target: BaseModel) -> dict[str, str]:
    return {each.plugin.name: each.reason for each in candidates(source, target)}


def test_a_plug_in_on_sale_becomes_a_draft_on_the_next_generation_with_its_price_and_licence(
    begun: CarryOver, plugin: PlugIn, next_base: BaseModel
) -> None:
    draft = PlugIn.objects.get(base=next_base)

    assert (draft.concept, draft.owner, draft.state) == (plugin.concept, plugin.owner, PlugInState.DRAFT)
    assert (draft.price_micros, draft.current_version) == (plugin.price_micros, None)
    assert (begun.state, begun.version) == (CarryOverState.CARRYING, plugin.current_version)
    assert begun.job.description == "Riverink carried over from Tiny to Tiny-2"
    assert begun.job.owner == plugin.owner


def test_a_second_call_begins_with_what_is_new_alone(
    begun: CarryOver, base: BaseModel, next_base: BaseModel, model_owner: User, second_artist: User
) -> None:
    with pytest.raises(Refused, match="carried over already"):
        start_carrying(base, next_base, model_owner)
    make_plugin(second_artist, base, name="Willow")

    (second,) = start_carrying(base, next_base, model_owner)

    assert second.version.plugin.name == "Willow"
    assert Upgrade.objects.get() == begun.upgrade


def test_what_failed_is_begun_again(
    begun: CarryOver, base: BaseModel, next_base: BaseModel, model_owner: User
) -> None:
    (job,) = Job.objects.claim(kinds=["carrying"], worker="test")
    Job.objects.fail(job.pk, token=job.fencing_token, error="The memory ran out.")
    begun.refresh_from_db()
    assert begun.state == CarryOverState.FAILED

    (again,) = start_carrying(base, next_base, model_owner)

    assert again.pk != begun.pk


def test_only_who_owns_both_bases_starts_it(
    plugin: PlugIn, base: BaseModel, next_base: BaseModel, artist: User, stranger: User, admin: User
) -> None:
    for person in (artist, stranger):
        with pytest.raises(Refused, match="Only the owner"):
            start_carrying(base, next_base, person)
    anothers = make_next_base(stranger, slug="anothers", fingerprint="ef" * 32)
    with pytest.raises(Refused, match="two generations of a base have one owner"):
        start_carrying(base, anothers, admin)
    assert start_carrying(base, next_base, admin)


def test_bases_of_another_kind_without_weights_or_unlisted_are_refused(
    plugin: PlugIn, base: BaseModel, next_base: BaseModel, model_owner: User
) -> None:
    with pytest.raises(Refused, match="that they are for already"):
        start_carrying(base, base, model_owner)
    next_base.family = "SDXL"
    with pytest.raises(Refused, match="two generations of one base"):
        start_carrying(base, next_base, model_owner)
    next_base.family, next_base.listed = base.family, False
    with pytest.raises(Refused, match="is not listed"):
        start_carrying(base, next_base, model_owner)
    next_base.fingerprint = ""
    with pytest.raises(Refused, match="not checked yet"):
        start_carrying(base, next_base, model_owner)
    assert not Upgrade.objects.exists()


def test_what_cannot_be_carried_over_is_said_with_its_reason(
    plugin: PlugIn, base: BaseModel, next_base: BaseModel, second_artist: User, artist: User
) -> None:
    make_part(second_artist, base, "Clay")
    make_part(second_artist, base, "Ghost")
    make_combined(artist, base, "Both", ("Clay", 5000), ("Ghost", 5000))
    make_plugin(second_artist, base, name="Draft", publish=False)
    there = with_works(make_concept(artist, "There"))
    for of, fingerprint in ((base, base.fingerprint), (next_base, NEXT_FINGERPRINT)):
        job = claimed(start_addition(there, of, artist))
        made = complete_version(
            job=job, token=job.fencing_token, output=output(of.slug.encode(), fingerprint=fingerprint)
        )
        made.plugin.publish()

    found = reasons(base, next_base)

    assert found["Riverink"] == ""
    assert "combined from other plug-ins" in found["Both"]
    assert "There is a plug-in of it for Tiny-2 already" in found["There"]
    assert "Draft" not in found


def test_an_artist_who_has_to_affirm_their_rights_first_is_not_carried_over(
    plugin: PlugIn, base: BaseModel, next_base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.catalog.models.concepts.RIGHTS_VERSION", "2099-01")

    assert "Affirm your rights" in reasons(base, next_base)["Riverink"]


def test_a_style_is_called_on_every_subject_and_a_character_in_every_style(
    base: BaseModel, artist: User
) -> None:
    style = make_version(with_works(make_concept(artist, "Riverink")), base)
    pip = make_version(with_works(make_concept(artist, "Pip", kind="character")), base)

    assert "a thing, Riverink style" in calling_prompts(style)
    assert calling_prompts(pip)[0] == "Pip"
