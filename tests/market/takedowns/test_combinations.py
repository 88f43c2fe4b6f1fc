"""What is combined on the market goes with its parts, also while it is being combined, and where it was never published."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.refusals import Refused
from market.takedowns.taking_down import restore
from tests.market.combinations.stage import ask, finish
from tests.market.stage import earnings, escrow, make_part, wallet
from tests.market.takedowns.conftest import SORRY, asked, query, taken_down

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def parts(base: BaseModel, artist: User, plugin: PlugIn) -> tuple[PlugIn, PlugIn]:
    return plugin, make_part(artist, base, "Other")


def test_what_is_being_combined_from_it_is_stopped_and_costs_nothing(
    parts: tuple[PlugIn, PlugIn], user: User, admin: User
) -> None:
    before = ledger.balance(wallet(user)).available
    combination = ask(user, *parts, name="Duet")

    taken_down(parts[0], admin)

    ended = Job.objects.get(pk=combination.job_id)
    assert ended.state == JobState.FAILED
    assert "taken down" in ended.error
    assert ledger.balance(wallet(user)).available == before


def test_what_it_earned_through_them_lies_in_escrow_until_it_is_restored(
    parts: tuple[PlugIn, PlugIn], user: User, artist: User, second_artist: User, admin: User
) -> None:
    duet = finish(ask(user, *parts, name="Duet")).plugin
    query(user, duet)
    earned = earnings(second_artist)
    other = earnings(artist)

    made = taken_down(parts[0], admin)
    assert (escrow(second_artist), earnings(second_artist), earnings(artist)) == (earned, 0, other)

    restore(made, admin, SORRY)
    assert (escrow(second_artist), earnings(second_artist)) == (0, earned)


def test_nothing_is_combined_from_it_any_more(
    parts: tuple[PlugIn, PlugIn], user: User, second_artist: User, admin: User
) -> None:
    taken_down(parts[0], admin)

    for person in (user, second_artist):
        assert not PlugIn.objects.combinable_by(person).filter(pk=parts[0].pk).exists()
        with pytest.raises(Refused, match="taken down"):
            ask(person, *parts, name="Duet")


def test_what_somebody_combined_for_themselves_is_not_used_meanwhile(
    parts: tuple[PlugIn, PlugIn], user: User, admin: User
) -> None:
    own = finish(ask(user, *parts, name="Duet")).plugin
    asked(user, own)

    made = taken_down(parts[0], admin)
    with pytest.raises(Refused, match="A chosen plug-in is not offered"):
        asked(user, own)

    restore(made, admin, SORRY)
    asked(user, own)


def test_pictures_that_show_what_somebody_combined_are_not_shown_meanwhile(
    parts: tuple[PlugIn, PlugIn], user: User, artist: User, admin: User, client_for: SignIn
) -> None:
    combination = ask(user, *parts, name="Duet")
    version = finish(combination)
    (picture, *_), (sample,) = combination.grid.all(), version.samples.all()
    client, pages = client_for(user), (combination.get_absolute_url(), version.plugin.get_absolute_url())
    assert picture.url in client.get(pages[0]).content.decode()
    assert client.get(picture.url).status_code == client.get(sample.url).status_code == 200

    made = taken_down(parts[0], admin)

    refused = client.get(picture.url)
    assert (refused.status_code, refused["Cache-Control"]) == (451, "no-store")
    assert client.get(sample.url).status_code == 404
    for page in pages:
        shown = client.get(page).content.decode()
        assert "taken down at present" in shown
        assert picture.url not in shown
        assert sample.url not in shown
    assert client_for(admin).get(picture.url).status_code == 200, "who decides on it looks at it"

    restore(made, admin, SORRY)
    assert client.get(picture.url).status_code == client.get(sample.url).status_code == 200
