"""What is noticed about trade, as the ledger, the requests and the traces show it; and what honest people do that is not flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from market.accounts.models import Role, User
from market.basemodels.models import BaseModel
from market.catalog.models import PastPlugInPrice, PlugIn
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.payments.models import TraceSort
from market.trading.flagging import look_at_trade, scores_since
from market.trading.rings import rings_in
from market.trading.scoring import Market
from market.trading.signs import POINTS, WORDS, Sign
from market.trading.trades import Trade, trades_since
from tests.market.conftest import make_person
from tests.market.trading.stage import SHARE, buy, buy_with_credit, plugin_of, share

pytestmark = pytest.mark.django_db


def noticed(payer: User, receiver: User, line: str = "plugin_fee") -> set[Sign]:
    for each in scores_since(timezone.now() - timedelta(days=30)):
        if (each.trade.payer, each.trade.receiver, each.trade.line) == (payer.pk, receiver.pk, line):
            return set(each.signs)
    raise AssertionError("they did not trade")


def test_every_sign_has_points_and_words() -> None:
    assert set(POINTS) == set(WORDS) == set(Sign)


def test_trade_is_summed_up_by_payer_receiver_and_fee(
    user: User, artist: User, model_owner: User, plugin: PlugIn
) -> None:
    buy(user, plugin, 3)
    of_plugin, of_base = sorted(
        trades_since(timezone.now() - timedelta(days=1)), key=lambda each: -each.amount
    )

    assert of_plugin == Trade(user.pk, artist.pk, "plugin_fee", 3 * SHARE, requests=3, different=3)
    assert (of_base.receiver, of_base.line, of_base.requests) == (model_owner.pk, "base_fee", 3)


def test_what_was_reversed_and_what_is_older_is_no_trade(user: User, plugin: PlugIn, admin: User) -> None:
    buy(user, plugin, 1)
    assert trades_since(timezone.now() + timedelta(minutes=1)) == []
    capture = Transfer.objects.get(kind="capture")
    ledger.reverse(transfer=capture, key="back", reason="drawn wrong", actor=admin)
    assert trades_since(timezone.now() - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("sort", "sign"),
    [(TraceSort.CARD, Sign.CARD), (TraceSort.DEVICE, Sign.DEVICE), (TraceSort.ADDRESS, Sign.ADDRESS)],
)
def test_payer_and_artist_share_something(
    user: User, artist: User, stranger: User, plugin: PlugIn, sort: TraceSort, sign: Sign
) -> None:
    share(sort, user, artist)
    buy(user, plugin, 1)
    buy(stranger, plugin, 1)
    assert sign in noticed(user, artist)
    assert noticed(stranger, artist) == set()


def test_a_household_that_shares_everything_counts_for_the_strongest_alone(
    user: User, artist: User, plugin: PlugIn
) -> None:
    for sort in TraceSort:
        share(sort, user, artist)
    buy(user, plugin, 1)
    assert noticed(user, artist) == {Sign.CARD}


def test_an_address_of_many_says_nothing_of_two(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.ADDRESS, user, artist, *(make_person(f"Pupil {number}") for number in range(6)))
    buy(user, plugin, 1)
    assert noticed(user, artist) == set()


def test_several_payers_who_are_one(artist: User, stranger: User, plugin: PlugIn) -> None:
    hands = [make_person(f"Hand {number}") for number in range(3)]
    share(TraceSort.DEVICE, *hands, stranger)
    for each in hands:
        buy(each, plugin, 1)
    assert {Sign.ONE_HAND, Sign.JOINED} <= noticed(hands[0], artist)


def test_a_school_whose_pupils_buy_from_many_is_not_one_hand(
    artist: User, base: BaseModel, plugin: PlugIn
) -> None:
    pupils = [make_person(f"Pupil {number}") for number in range(8)]
    share(TraceSort.DEVICE, *pupils)
    other = plugin_of(make_person("Olga Other", Role.ARTIST), base, name="Other")
    for number, each in enumerate(pupils):
        buy(each, plugin if number < 3 else other, 1)
    assert Sign.ONE_HAND not in noticed(pupils[0], artist)


def test_two_artists_who_pay_mostly_each_other_are_a_ring(
    artist: User, second_artist: User, user: User, plugin: PlugIn, base: BaseModel
) -> None:
    theirs = plugin_of(second_artist, base, name="Theirs")
    buy(artist, theirs, 2)
    buy(second_artist, plugin, 2)
    buy(user, plugin, 1)
    assert Sign.RING in noticed(artist, second_artist)
    assert Sign.RING not in noticed(user, artist)


def test_artists_who_live_on_others_are_no_ring() -> None:
    paid = {(1, 2): 10, (2, 1): 10, (7, 1): 50, (8, 2): 50}
    assert rings_in(paid) == []


def test_a_ring_of_three_is_found_and_a_whole_market_is_not_one() -> None:
    assert rings_in({(1, 2): 10, (2, 3): 10, (3, 1): 10}) == [frozenset({1, 2, 3})]
    assert rings_in({(one, (one + 1) % 40): 10 for one in range(40)}) == []


@pytest.mark.parametrize(
    ("changes", "sign"),
    [
        ({"weight": 0.1}, Sign.IDLE),
        ({"steps": 1}, Sign.HURRIED),
        ({"seed": 7}, Sign.SAME),
    ],
)
def test_requests_that_nobody_makes_for_a_picture(
    user: User, artist: User, plugin: PlugIn, changes: dict[str, Any], sign: Sign
) -> None:
    buy(user, plugin, 5, **changes)
    assert sign in noticed(user, artist)


@pytest.mark.parametrize("changes", [{"weight": 0.1}, {"steps": 1}, {"seed": 7}])
def test_a_few_of_them_are_a_trial(user: User, artist: User, plugin: PlugIn, changes: dict[str, Any]) -> None:
    buy(user, plugin, 4, **changes)
    assert noticed(user, artist) == set()


def test_one_step_on_a_base_that_needs_one_is_usual(
    user: User, artist: User, plugin: PlugIn, base: BaseModel
) -> None:
    type(base).objects.filter(pk=base.pk).update(default_steps=1)
    buy(user, plugin, 5, steps=1)
    assert Sign.HURRIED not in noticed(user, artist)


@pytest.mark.parametrize(
    ("before", "days", "jumped"), [(1_000_000, 2, True), (1_500_000, 2, False), (1_000_000, 9, False)]
)
def test_bought_after_a_jump_of_the_price(
    user: User, artist: User, plugin: PlugIn, before: int, days: int, jumped: bool
) -> None:
    PastPlugInPrice.objects.create(
        plugin=plugin, micros=before, offered=True, until=timezone.now() - timedelta(days=days)
    )
    buy(user, plugin, 5)
    assert (Sign.JUMPED in noticed(user, artist)) is jumped


def test_credit_and_an_artist_who_lives_on_it(artist: User, plugin: PlugIn) -> None:
    for number in range(3):
        buy_with_credit(make_person(f"New {number}"), plugin, 1)
    signs = noticed(User.objects.get(email="new.0@example.org"), artist)
    assert {Sign.CREDIT, Sign.LIVES_ON_CREDIT} <= signs


def test_a_faithful_customer_is_noticed_and_not_flagged(user: User, artist: User, plugin: PlugIn) -> None:
    buy(user, plugin, 6)
    assert noticed(user, artist) == {Sign.ONLY_ONE, Sign.MAINSTAY}
    assert look_at_trade().flags == ()


def test_a_couple_at_one_address_is_not_flagged(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.ADDRESS, user, artist)
    buy(user, plugin, 6)
    assert look_at_trade().flags == ()


def test_people_who_joined_on_different_days_did_not_join_together() -> None:
    now = timezone.now()
    trades = [Trade(payer, 9, "plugin_fee", 10, 1, 1) for payer in (1, 2, 3)]
    joined = {payer: now - timedelta(days=2 * payer) for payer in (1, 2, 3)}
    assert [each.signs for each in Market(trades, [], joined).scored()] == [frozenset()] * 3
    close = {payer: now - timedelta(hours=payer) for payer in (1, 2, 3)}
    assert [each.signs for each in Market(trades, [], close).scored()] == [frozenset({Sign.JOINED})] * 3


def test_whom_everybody_pays_is_nobodys_only_one() -> None:
    now = timezone.now()
    trades = [Trade(payer, 99, "base_fee", 10, 6, 6) for payer in range(30)]
    scored = Market(trades, [], dict.fromkeys(range(30), now)).scored()
    assert {each.signs for each in scored} == {frozenset()}


def test_the_score_from_which_trade_is_flagged_is_the_deployments(
    user: User, artist: User, plugin: PlugIn, settings: Any
) -> None:
    buy(user, plugin, 6)
    settings.TRADE = replace(settings.TRADE, score=25)
    (flag,) = look_at_trade().flags
    assert (flag.person, flag.score, flag.amount) == (artist, 25, 6 * SHARE)
