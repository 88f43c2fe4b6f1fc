"""A dispute reaches what its plug-in earned by way of what was combined from it, and no more of that than came through it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.disputes.deciding import decide_dispute
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.disputes.settling import in_escrow
from market.disputes.sweeping import sweep_disputes
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.ledger.verification import verify
from tests.market.stage import (
    EURO,
    earnings,
    escrow,
    make_base,
    make_combined,
    make_part,
    share_with,
    top_up,
    wallet,
)
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db

PRICE = 100_000
PAID = 90_000  # less the commission


@pytest.fixture
def base(model_owner: User, user: User) -> BaseModel:
    top_up(user, 5 * EURO)
    return make_base(model_owner)


@pytest.fixture
def ink(artist: User, base: BaseModel) -> PlugIn:
    return make_part(artist, base, "Ink", price=PRICE)


@pytest.fixture
def pip(second_artist: User, base: BaseModel) -> PlugIn:
    return make_part(second_artist, base, "Pip", price=PRICE)


@pytest.fixture
def duet(ink: PlugIn, pip: PlugIn, model_owner: User) -> PlugIn:
    """Six tenths of its price are Ink's, four tenths Pip's."""
    return make_combined(model_owner, ink.base, "Duet", ("Ink", 6000), ("Pip", 4000), price=PRICE)


def opened(plugin: PlugIn, claimant: User, admin: User) -> Dispute:
    filed = file_dispute(plugin=plugin, claimant=claimant, reason="This is my drawing of 2019.")
    return open_dispute(filed, admin)


def test_what_came_by_way_of_it_is_frozen_and_the_other_parts_royalty_is_not(
    duet: PlugIn, ink: PlugIn, artist: User, second_artist: User, user: User, stranger: User, admin: User
) -> None:
    query(user, duet)
    dispute = opened(ink, stranger, admin)
    assert (earnings(artist), escrow(artist)) == (0, 54_000)

    query(user, duet)
    query(user, ink)
    sweep_disputes()

    assert [(each.person, each.amount) for each in in_escrow(dispute)] == [(artist, 2 * 54_000 + PAID)]
    assert (earnings(second_artist), escrow(second_artist)) == (2 * 36_000, 0)
    assert verify().ok


def test_its_page_says_what_was_frozen_of_pictures_with_which_plugin(
    duet: PlugIn, ink: PlugIn, user: User, stranger: User, admin: User, client_for: Callable[[User], Client]
) -> None:
    query(user, duet)
    query(user, ink)
    dispute = opened(ink, stranger, admin)

    shown = client_for(admin).get(dispute.get_absolute_url())

    assert sorted(paid_for.label for _, paid_for in shown.context["freezes"]) == ["Duet", "Ink"]
    assert ">Duet</td>" in shown.content.decode()


def test_of_an_artist_with_two_parts_in_it_only_the_one_is_frozen(
    ink: PlugIn, artist: User, model_owner: User, user: User, stranger: User, admin: User
) -> None:
    make_part(artist, ink.base, "Charcoal")
    both = make_combined(model_owner, ink.base, "Both", ("Ink", 3000), ("Charcoal", 7000), price=PRICE)
    query(user, both)

    opened(ink, stranger, admin)

    assert (earnings(artist), escrow(artist)) == (63_000, 27_000)


def test_however_deep_it_is_in_it(
    duet: PlugIn, ink: PlugIn, artist: User, model_owner: User, user: User, stranger: User, admin: User
) -> None:
    trio = make_combined(model_owner, duet.base, "Trio", ("Duet", 5000), ("Pip", 5000), price=PRICE)
    query(user, trio)

    opened(ink, stranger, admin)

    assert (earnings(artist), escrow(artist)) == (0, 27_000)


def test_also_what_its_co_owners_got(
    duet: PlugIn, ink: PlugIn, artist: User, second_artist: User, user: User, stranger: User, admin: User
) -> None:
    """The second artist, a co-owner of one part and the artist of the other, keeps what the other brings."""
    share_with(ink, second_artist, 5000)
    query(user, duet)
    assert (earnings(artist), earnings(second_artist)) == (27_000, 63_000)

    opened(ink, stranger, admin)

    assert (escrow(artist), escrow(second_artist), earnings(second_artist)) == (27_000, 27_000, 36_000)


@pytest.mark.parametrize("whole_first", [True, False])
def test_nothing_is_frozen_twice_where_the_whole_is_disputed_too(
    duet: PlugIn, ink: PlugIn, artist: User, second_artist: User, user: User, stranger: User, admin: User,
    whole_first: bool,
) -> None:  # fmt: skip
    other = make_part(artist, ink.base, "Charcoal", price=PRICE)
    query(user, duet)
    query(user, other)
    for plugin in (duet, ink) if whole_first else (ink, duet):
        opened(plugin, stranger, admin)
    query(user, duet)
    sweep_disputes()

    assert (escrow(artist), earnings(artist)) == (2 * 54_000, PAID)
    assert (escrow(second_artist), earnings(second_artist)) == (2 * 36_000, 0)
    assert sweep_disputes() == 0
    assert verify().ok


def test_what_one_dispute_took_away_another_does_not_take_once_more(
    duet: PlugIn, ink: PlugIn, artist: User, user: User, stranger: User, second_artist: User, admin: User
) -> None:
    other = make_part(artist, ink.base, "Charcoal", price=PRICE)
    for plugin in (duet, ink, other):
        query(user, plugin)
    decide_dispute(opened(ink, stranger, admin), admin, DisputeState.AWARDED, "The book shows it.")
    assert (earnings(artist), earnings(stranger)) == (PAID, 54_000 + PAID)

    opened(ink, second_artist, admin)

    assert (earnings(artist), escrow(artist)) == (PAID, 0)


def test_what_one_dispute_gave_back_another_may_freeze(
    duet: PlugIn, ink: PlugIn, artist: User, user: User, stranger: User, second_artist: User, admin: User
) -> None:
    query(user, duet)
    decide_dispute(opened(ink, stranger, admin), admin, DisputeState.RELEASED, "It is theirs.")
    assert earnings(artist) == 54_000

    opened(ink, second_artist, admin)

    assert (earnings(artist), escrow(artist)) == (0, 54_000)


def test_those_who_paid_get_back_what_came_by_way_of_it(
    duet: PlugIn, ink: PlugIn, artist: User, second_artist: User, user: User, stranger: User, admin: User
) -> None:
    query(user, duet)
    before = ledger.balance(wallet(user)).posted
    dispute = opened(ink, stranger, admin)

    decide_dispute(dispute, admin, DisputeState.REFUNDED, "Nobody's to sell.")

    assert ledger.balance(wallet(user)).posted == before + 54_000
    assert (earnings(artist), escrow(artist), earnings(second_artist)) == (0, 0, 36_000)
    assert verify().ok


def test_of_a_query_that_is_taken_back_its_part_goes_back(
    duet: PlugIn, ink: PlugIn, artist: User, user: User, stranger: User, admin: User
) -> None:
    made = query(user, duet)
    opened(ink, stranger, admin)
    capture = Transfer.objects.get(reference=made.reference, kind="capture")
    ledger.reverse(transfer=capture, key=f"{made.reference}:back", reason="drawn wrong")
    assert (earnings(artist), escrow(artist)) == (-54_000, 54_000)

    sweep_disputes()

    assert (earnings(artist), escrow(artist)) == (0, 0)
    assert verify().ok
