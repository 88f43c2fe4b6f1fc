"""Co-owners at the same moment: offers never sum to more than there is, and an answer is given once."""

from __future__ import annotations

import pytest

from market.accounts.models import Role, User
from market.catalog import coowners
from market.catalog.models import CoOwnerTerms, PlugIn
from tests.market.conftest import make_person
from tests.market.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 6


def test_offers_made_at_once_leave_the_owner_a_share(artist: User, plugin: PlugIn) -> None:
    people = [make_person(f"Artist {number}", Role.ARTIST) for number in range(CONNECTIONS)]

    def offer(number: int) -> None:
        coowners.offer(plugin, artist, handle=people[number].handle, share_bps=3000)

    assert at_once(CONNECTIONS, offer) == {"done": 3, "Refused": CONNECTIONS - 3}
    assert sum(each.offered_bps for each in CoOwnerTerms.objects.living([plugin.pk])) == 9000


def test_an_offer_answered_at_once_is_answered_once(
    artist: User, second_artist: User, plugin: PlugIn
) -> None:
    offered = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)

    def answer(number: int) -> None:
        (coowners.accept if number % 2 else coowners.decline)(offered, second_artist)

    assert at_once(CONNECTIONS, answer) == {"done": 1, "Refused": CONNECTIONS - 1}
    assert CoOwnerTerms.objects.count() == 2
