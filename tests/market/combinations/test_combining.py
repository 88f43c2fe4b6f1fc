"""From the wish to combine to a plug-in that can be drawn with: money, parts, and every way a job can end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import ConceptKind, PlugIn, PlugInState, PlugInVersion
from market.combinations.choosing import draw_quote
from market.combinations.finishing import TOO_LATE, give_up_expired
from market.combinations.models import Combination
from market.combinations.orders import CombinationOrder
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.refusals import BalanceTooLow, PriceChanged, Refused
from tests.market.combinations.stage import ask, claimed, combined, finish
from tests.market.stage import commission, make_part, top_up, wallet

pytestmark = pytest.mark.django_db

FEE = 500_000


def test_two_plugins_become_one_that_is_the_persons_alone(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    version = finish(ask(rich, ink, pip))

    plugin = version.plugin
    assert (plugin.name, plugin.owner, plugin.state) == ("Ink & Pip", rich, PlugInState.DRAFT)
    assert plugin.concept.kind == ConceptKind.COMBINATION
    plugin.refresh_from_db()
    assert plugin.current_version == version
    assert [(each.part, each.share) for each in version.parts.all()] == [
        (ink.current_version, 7500),
        (pip.current_version, 2500),
    ]
    assert version.affirmation is None
    assert version.samples.count() == 1


def test_combining_is_charged_when_it_is_done_and_goes_to_the_market(
    rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    asked = ask(rich, ink, pip)
    assert ledger.balance(wallet(rich)) == ledger.Balance(posted=1_000_000, held=FEE)
    assert commission() == 0

    finish(asked)
    assert ledger.balance(wallet(rich)) == ledger.Balance(posted=1_000_000 - FEE, held=0)
    assert commission() == FEE


@override_settings(FEES=replace(settings.FEES, combination_micros=0))
def test_where_combining_is_free_nothing_is_held(user: User, ink: PlugIn, pip: PlugIn) -> None:
    asked = ask(user, ink, pip)
    assert (asked.fee_micros, asked.hold) == (0, None)
    assert finish(asked).parts_count == 2


def test_one_who_cannot_pay_is_told_what_is_missing(user: User, ink: PlugIn, pip: PlugIn) -> None:
    top_up(user, 200_000)
    with pytest.raises(BalanceTooLow, match=r"costs €0\.50, and your balance is €0\.20") as refused:
        ask(user, ink, pip)
    assert refused.value.missing == 300_000
    assert not Job.objects.filter(kind="combination").exists()
    assert not PlugIn.objects.filter(owner=user).exists()


def test_asking_twice_with_one_key_combines_once(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    key = uuid.uuid4()
    assert ask(rich, ink, pip, key=key) == ask(rich, ink, pip, key=key)
    assert Combination.objects.count() == 1
    assert ledger.balance(wallet(rich)).held == FEE


def test_what_was_not_shown_is_not_agreed_to(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    shown = draw_quote(rich, CombinationOrder([ink, pip]))
    PlugIn.objects.filter(pk=ink.pk).update(price_micros=90_000)
    with pytest.raises(PriceChanged, match="has changed"):
        ask(rich, ink, pip, agreed=shown.digest)
    assert (
        ask(rich, ink, pip, agreed=draw_quote(rich, CombinationOrder([ink, pip])).digest).price_micros
        == 110_000
    )


def test_a_cancelled_combination_costs_nothing(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    asked = ask(rich, ink, pip)
    assert Job.objects.request_cancel(asked.job_id)
    assert ledger.balance(wallet(rich)) == ledger.Balance(posted=1_000_000, held=0)


def test_a_failed_combination_costs_nothing_and_can_be_asked_for_again(
    rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    asked = ask(rich, ink, pip)
    job = claimed(asked)
    Job.objects.fail(job.pk, token=job.fencing_token, error="The device is gone.")
    assert ledger.balance(wallet(rich)).held == 0

    again = ask(rich, ink, pip)
    assert again.plugin == asked.plugin
    assert finish(again).number == 1


def test_one_that_nobody_did_in_time_is_given_up(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    asked = ask(rich, ink, pip)
    assert give_up_expired() == 0
    assert give_up_expired(asked.expires_at + timedelta(seconds=1)) == 1
    asked.job.refresh_from_db()
    assert (asked.job.state, asked.job.error) == (JobState.FAILED, TOO_LATE)
    assert ledger.balance(wallet(rich)).held == 0


def test_a_worker_that_lost_its_lease_keeps_and_charges_nothing(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    asked = ask(rich, ink, pip)
    first = claimed(asked)
    Job.objects.release(first.pk, token=first.fencing_token)
    version = finish(asked)
    assert ledger.balance(wallet(rich)).posted == 1_000_000 - FEE
    assert PlugInVersion.objects.filter(plugin=asked.plugin).get() == version


def test_a_part_withdrawn_meanwhile_ends_it_without_a_charge(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    asked = ask(rich, ink, pip)
    ink.withdraw()
    with pytest.raises(BadResult, match="“Ink” by Ada Artist is not on the market"):
        finish(asked)
    asked.job.refresh_from_db()
    assert asked.job.state == JobState.RUNNING
    assert ledger.balance(wallet(rich)).held == FEE
    assert not PlugInVersion.objects.filter(plugin=asked.plugin).exists()


def test_the_same_name_again_is_the_next_version(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    first = combined(rich, ink, pip, name="Duet")
    second = finish(ask(rich, ink, pip, name="duet"), "again")
    assert (second.plugin, second.number) == (first, 2)


def test_one_under_way_is_not_started_twice(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    ask(rich, ink, pip)
    with pytest.raises(Refused, match="is being combined already"):
        ask(rich, ink, pip)


def test_a_person_has_three_unfinished_ones_at_most(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    top_up(rich, 5_000_000)
    for name in ("One", "Two", "Three"):
        ask(rich, ink, pip, name=name)
    with pytest.raises(Refused, match="3 unfinished combinations"):
        ask(rich, ink, pip, name="Four")


def test_a_combination_of_a_combination_pays_all_the_way_down(
    rich: User, second_artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip, name="Duet")
    wool = make_part(second_artist, base, "Wool", price=80_000)
    trio = finish(ask(rich, duet, wool, name="Trio"), "trio")
    assert [(str(each), each.share) for each in trio.parts.all()] == [("Duet", 5000), ("Wool", 5000)]
