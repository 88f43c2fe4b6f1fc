"""Takedowns at the same moment as everything else: a request either was paid before, and is disputed, or costs nothing."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import Picture
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.ledger.verification import verify
from market.refusals import Refused
from market.takedowns import taking_down
from market.takedowns.models import Takedown
from tests.market.races import at_once
from tests.market.stage import earnings, escrow, make_part, wallet
from tests.market.takedowns.conftest import FEE, NOTICE, SORRY, asked, drawn, taken_down

pytestmark = pytest.mark.django_db(transaction=True)


def test_taken_down_at_once_it_is_taken_down_once(plugin: PlugIn, admin: User) -> None:
    assert at_once(4, lambda _: taking_down.take_down_plugin(plugin, admin, NOTICE)) == {"done": 4}

    made = Takedown.objects.get()
    assert made.steps.count() == 1


def test_restored_at_once_it_is_restored_once(plugin: PlugIn, admin: User) -> None:
    made = taken_down(plugin, admin)

    def restore(_: int) -> None:
        taking_down.restore(Takedown.objects.with_everything().get(pk=made.pk), admin, SORRY)

    assert at_once(4, restore) == {"done": 1, "Refused": 3}


@pytest.mark.parametrize("attempt", range(3))
def test_a_request_that_is_just_being_paid_for_is_disputed_or_costs_nothing(
    plugin: PlugIn, user: User, second_artist: User, admin: User, attempt: int
) -> None:
    made = asked(user, plugin)

    def work(number: int) -> None:
        if number:
            taking_down.take_down_plugin(plugin, admin, NOTICE, pictures=True)
        else:
            drawn(made)

    outcomes = at_once(2, work)

    state = Job.objects.get(pk=made.pk).state
    pictures = list(Picture.objects.kept().filter(request=made))
    held = ledger.balance(wallet(user)).held
    assert (earnings(second_artist), held) == (0, 0)
    if state == JobState.SUCCEEDED:
        assert outcomes == {"done": 2}
        assert escrow(second_artist) == FEE
        assert all(each.hidden_because for each in pictures)
    else:
        assert state == JobState.FAILED
        assert (escrow(second_artist), pictures) == (0, [])
    assert verify().ok


def test_requests_made_at_the_same_moment_are_stopped_or_refused(
    plugin: PlugIn, user: User, admin: User
) -> None:
    def work(number: int) -> str:
        try:
            if number == 3:
                taking_down.take_down_plugin(plugin, admin, NOTICE)
            else:
                asked(user, plugin)
        except Refused as refusal:
            return str(refusal)
        return "done"

    outcomes = at_once(6, work)

    gone = "A chosen plug-in is not offered (any more). Remove it and choose another."
    assert set(outcomes) <= {"done", gone}
    assert not Job.objects.live().filter(kind="generation").exists()
    balance = ledger.balance(wallet(user))
    assert balance.held == 0
    assert balance.available == balance.posted


def test_takedowns_of_plug_ins_in_one_request_do_not_wait_for_each_other(
    plugin: PlugIn, base: BaseModel, artist: User, user: User, admin: User
) -> None:
    other = make_part(artist, base, "Other")
    requests = [asked(user, plugin, other) for _ in range(4)]

    assert at_once(
        2, lambda number: taking_down.take_down_plugin((plugin, other)[number], admin, NOTICE)
    ) == {"done": 2}
    ended = Job.objects.filter(pk__in=[each.pk for each in requests])
    assert {each.state for each in ended} == {JobState.FAILED}
