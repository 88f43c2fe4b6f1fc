"""An artist accepts or declines what was carried over; no answer counts as no; nothing is drawn with it before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying.answering import accept, decline, sweep_carry_overs
from market.carrying.models import CarryOver, CarryOverState
from market.carrying.starting import start_carrying
from market.catalog import coowners
from market.catalog.addition import start_addition
from market.catalog.models import CoOwnerTerms, PlugIn
from market.catalog.versions import complete_version
from market.generation.orders import QuoteOrder
from market.generation.requesting import settle_terms
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.refusals import Refused
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_plugin
from tests.market.carrying.stage import finish
from tests.market.catalog.conftest import claimed, output
from tests.market.stage import earnings, paid_query, share_with, top_up

CENT = 10_000


def quote(base: BaseModel, plugin: PlugIn, person: User) -> object:
    return settle_terms(QuoteOrder(base=base, plugins=((plugin.pk, 1.0),)), person)


def test_nothing_is_drawn_with_it_before_it_is_accepted(
    offered: CarryOver, next_base: BaseModel, user: User, artist: User
) -> None:
    assert offered.carried is not None
    draft = offered.carried.plugin
    assert (draft.current_version, draft.is_published) == (None, False)
    with pytest.raises(Refused):
        quote(next_base, draft, user)

    accept(offered, artist)

    assert quote(next_base, draft, user)


def test_once_accepted_it_earns_on_the_new_base_and_the_old_one_goes_on_selling(
    offered: CarryOver, plugin: PlugIn, next_base: BaseModel, artist: User, user: User
) -> None:
    new = accept(offered, artist)
    top_up(user, 100 * CENT)

    for sold in (plugin, new):
        before = earnings(artist)
        paid_query(user, sold)
        assert earnings(artist) > before
    assert (new.base, new.price_micros) == (next_base, plugin.price_micros)


def test_only_its_artist_answers(offered: CarryOver, model_owner: User, admin: User, stranger: User) -> None:
    for person in (model_owner, admin, stranger):
        for answer in (accept, decline):
            with pytest.raises(Refused, match="Only its artist"):
                answer(offered, person)


def test_a_no_can_become_a_yes_and_a_yes_is_taken_back_by_withdrawing(
    offered: CarryOver, artist: User
) -> None:
    decline(offered, artist)
    with pytest.raises(Refused, match="declined"):
        decline(offered, artist)

    new = accept(offered, artist)

    assert (new.is_published, offered.state) == (True, CarryOverState.ACCEPTED)
    with pytest.raises(Refused, match="accepted"):
        accept(offered, artist)
    with pytest.raises(Refused, match="accepted"):
        decline(offered, artist)


def test_who_does_not_answer_in_time_has_declined_and_is_told(
    offered: CarryOver, artist: User, django_capture_on_commit_callbacks: object
) -> None:
    assert offered.due_at is not None
    assert sweep_carry_overs(offered.due_at - timedelta(seconds=1)) == 0

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture
        assert sweep_carry_overs(offered.due_at) == 1

    offered.refresh_from_db()
    assert offered.state == CarryOverState.LAPSED
    assert "stays on Tiny" in mail.outbox[-1].subject
    assert sweep_carry_overs(timezone.now() + timedelta(days=400)) == 0
    assert accept(offered, artist).is_published


def test_the_artist_is_asked_by_mail_with_the_deadline(
    begun: CarryOver, artist: User, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # as above
        done = finish()

    (sent,) = mail.outbox
    assert sent.to == [artist.email]
    assert "Is Riverink to be offered on Tiny-2?" in sent.subject
    assert done.get_absolute_url() in sent.body


def test_what_is_not_good_enough_is_not_offered(begun: CarryOver, next_base: BaseModel, artist: User) -> None:
    done = finish(is_good_enough=False)

    assert (done.state, done.carried) == (CarryOverState.UNFIT, None)
    with pytest.raises(Refused, match="not good enough"):
        accept(done, artist)
    assert PlugIn.objects.get(base=next_base).current_version is None


def test_what_was_withdrawn_meanwhile_is_not_kept(begun: CarryOver, plugin: PlugIn) -> None:
    plugin.withdraw()
    with pytest.raises(BadResult, match="withdrawn meanwhile"):
        finish()
    assert Job.objects.get(pk=begun.job_id).state == "running"


def test_a_plug_in_taken_down_after_it_was_carried_over_cannot_be_accepted(
    offered: CarryOver, plugin: PlugIn, artist: User, admin: User
) -> None:
    take_down_plugin(plugin, admin, Cause(Ground.RULES, "It shows who has not agreed."))
    with pytest.raises(Refused, match="taken down"):
        accept(offered, artist)
    offered.refresh_from_db()
    assert offered.state == CarryOverState.OFFERED


def test_who_shares_the_old_fee_is_offered_the_same_share_and_is_waited_for(
    plugin: PlugIn,
    base: BaseModel,
    next_base: BaseModel,
    model_owner: User,
    artist: User,
    second_artist: User,
) -> None:
    share_with(plugin, second_artist, 3000)
    start_carrying(base, next_base, model_owner)
    offered = finish()
    with pytest.raises(Refused, match="has not answered"):
        accept(offered, artist)
    offered.refresh_from_db()
    assert offered.carried is not None
    (terms,) = CoOwnerTerms.objects.living([offered.carried.plugin_id])
    coowners.accept(terms, second_artist)

    new = accept(offered, artist)

    (shared,) = CoOwnerTerms.objects.sharing([new.pk])[new.pk]
    assert (shared.person, shared.share_bps) == (second_artist, 3000)


def test_an_artist_who_made_another_version_meanwhile_chooses_on_the_desk(
    offered: CarryOver, next_base: BaseModel, artist: User
) -> None:
    assert offered.carried is not None
    job = claimed(start_addition(offered.carried.plugin.concept, next_base, artist))
    complete_version(
        job=job, token=job.fencing_token, output=output(b"anew", fingerprint=next_base.fingerprint)
    )

    with pytest.raises(Refused, match="another version"):
        accept(offered, artist)


def test_the_database_keeps_state_version_and_deadline_together(offered: CarryOver) -> None:
    for changes in ({"state": "carrying"}, {"due_at": None}, {"carried": None}, {"state": "nonsense"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            CarryOver.objects.filter(pk=offered.pk).update(**changes)
