"""Co-owners at the same moment: offers never sum to more than there is, and an answer is given once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from market.accounts.models import Role, User
from market.catalog import coowners
from market.catalog.models import CoOwnerTerms, PlugIn
from tests.market.conftest import make_person

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 6


def at_once(work: Callable[[int], object]) -> Counter[str]:
    """Run the work on every connection from one starting shot; count how each ended."""
    start = threading.Barrier(CONNECTIONS)
    outcomes: list[str] = []

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            work(number)
            outcomes.append("done")
        except Exception as error:  # noqa: BLE001  # every way to end is an outcome that the test compares
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(outcomes)


def test_offers_made_at_once_leave_the_owner_a_share(artist: User, plugin: PlugIn) -> None:
    people = [make_person(f"Artist {number}", Role.ARTIST) for number in range(CONNECTIONS)]

    def offer(number: int) -> None:
        coowners.offer(plugin, artist, handle=people[number].handle, share_bps=3000)

    assert at_once(offer) == {"done": 3, "CoOwnershipRefused": CONNECTIONS - 3}
    assert sum(each.offered_bps for each in CoOwnerTerms.objects.living([plugin.pk])) == 9000


def test_an_offer_answered_at_once_is_answered_once(
    artist: User, second_artist: User, plugin: PlugIn
) -> None:
    offered = coowners.offer(plugin, artist, handle=second_artist.handle, share_bps=3000)

    def answer(number: int) -> None:
        (coowners.accept if number % 2 else coowners.decline)(offered, second_artist)

    assert at_once(answer) == {"done": 1, "CoOwnershipRefused": CONNECTIONS - 1}
    assert CoOwnerTerms.objects.count() == 2
