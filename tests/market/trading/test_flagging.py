"""Flagged trade: an admin is shown why and how much, what it paid is held, and it is flagged once."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.models import TraceSort
from market.payments.payouts import payable
from market.trading.deciding import decide_flag
from market.trading.flagging import look_at_trade
from market.trading.holding import held, hold
from market.trading.models import FlaggedEarning, FlagState, TradeFlag, TradeLook
from market.trading.signs import Sign
from market.trading.sweeping import look_nightly
from tests.market.races import at_once
from tests.market.stage import earnings, escrow
from tests.market.trading.stage import SHARE, buy, plugin_of, share

pytestmark = pytest.mark.django_db


def test_a_flag_says_who_paid_why_and_how_much(flagged: TradeFlag, user: User, artist: User) -> None:
    assert (flagged.person, flagged.state, flagged.amount) == (artist, FlagState.OPEN, 5 * SHARE)
    assert flagged.due_at - flagged.flagged_at == timedelta(days=14)
    reasons = {reason.sign: reason for reason in flagged.reasons.all()}
    assert set(reasons) == {Sign.CARD, Sign.ONLY_ONE, Sign.MAINSTAY}
    card = reasons["card"]
    assert (card.payer, card.points, card.amount) == (user, 60, 5 * SHARE)
    assert card.words == "Uma User and Ada Artist paid with the same card."
    assert flagged.score == 85
    assert AuditLine.objects.filter(action="trade.flagged", target=f"trade-flag:{flagged.pk}").exists()


def test_what_it_paid_is_held_in_escrow_and_cannot_be_paid_out(flagged: TradeFlag, artist: User) -> None:
    assert (earnings(artist), escrow(artist), held(flagged)) == (0, 5 * SHARE, 5 * SHARE)
    assert payable(artist).amount == 0


def test_what_others_paid_stays_free(
    flagged: TradeFlag, artist: User, stranger: User, plugin: PlugIn
) -> None:
    buy(stranger, plugin, 2)
    look_at_trade()
    assert (earnings(artist), escrow(artist)) == (2 * SHARE, 5 * SHARE)


def test_what_was_paid_out_before_is_out_of_reach(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    ledger.post(
        key="paid out", debit=ledger.account(AccountKind.EARNINGS, artist), amount=4 * SHARE, kind="payout",
        credit=ledger.account(AccountKind.PAYOUT_CLEARING), subject="payout:1",
    )  # fmt: skip
    (flag,) = look_at_trade().flags
    assert (flag.amount, held(flag), earnings(artist)) == (5 * SHARE, SHARE, 0)


def test_it_is_flagged_once(flagged: TradeFlag, artist: User) -> None:
    assert look_at_trade().flags == ()
    assert TradeFlag.objects.count() == 1
    assert escrow(artist) == 5 * SHARE


def test_an_open_flag_grows_with_what_comes_in_and_keeps_its_deadline(
    flagged: TradeFlag, user: User, artist: User, plugin: PlugIn
) -> None:
    buy(user, plugin, 2)
    (grown,) = look_at_trade().flags
    assert grown.pk == flagged.pk
    assert (grown.amount, grown.due_at, escrow(artist)) == (7 * SHARE, flagged.due_at, 7 * SHARE)
    assert {reason.amount for reason in grown.reasons.all()} == {7 * SHARE}


def test_too_little_is_not_worth_an_admins_time(
    user: User, artist: User, plugin: PlugIn, settings: Any
) -> None:
    share(TraceSort.CARD, user, artist)
    buy(user, plugin, 2)
    assert look_at_trade().flags == ()
    settings.TRADE = replace(settings.TRADE, least_micros=2 * SHARE)
    assert len(look_at_trade().flags) == 1


def test_what_an_admin_dismissed_is_flagged_again_for_new_signs_alone(
    flagged: TradeFlag, user: User, admin: User, artist: User, plugin: PlugIn
) -> None:
    decide_flag(flagged, admin, FlagState.DISMISSED, "A couple.")
    buy(user, plugin, prompt="a heron")
    assert look_at_trade().flags == ()
    buy(user, plugin, 20, seed=7)
    (again,) = look_at_trade().flags
    assert again.pk != flagged.pk
    assert again.reasons.filter(sign=Sign.SAME).exists()
    # What was released is not held again.
    assert (again.amount, escrow(artist)) == (25 * SHARE, 25 * SHARE)


def test_a_refunded_request_leaves_escrow(flagged: TradeFlag, artist: User, admin: User) -> None:
    some = flagged.earnings.select_related("entry").earliest("pk")
    ledger.reverse(transfer=some.entry.transfer_id, key="back", reason="drawn wrong", actor=admin)

    assert hold(flagged) == 1
    assert (earnings(artist), escrow(artist)) == (0, 4 * SHARE)


def test_a_deployment_that_holds_nothing_looks_at_nothing(
    user: User, artist: User, plugin: PlugIn, settings: Any
) -> None:
    settings.TRADE = replace(settings.TRADE, held_days=0)
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    assert look_at_trade().pairs == 0
    assert look_nightly() == 0
    with pytest.raises(CommandError, match="TRADE_HELD_DAYS is 0"):
        call_command("look_at_trade")


def test_the_market_looks_once_a_night(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    night = (timezone.now().astimezone(UTC) + timedelta(days=1)).replace(hour=3, minute=5)
    assert look_nightly(night) == 1
    assert look_nightly(night + timedelta(hours=20)) == 0
    look = TradeLook.objects.get()
    assert (look.pairs, look.flags) == (2, 1)
    assert look_nightly(night + timedelta(days=1)) == 0
    assert TradeLook.objects.count() == 2


def test_before_three_it_is_still_last_night(db: None) -> None:
    look_nightly(datetime(2026, 5, 2, 2, 59, tzinfo=UTC))
    assert str(TradeLook.objects.get().night) == "2026-05-01"


def test_the_command_says_what_it_found(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    said = io.StringIO()
    call_command("look_at_trade", stdout=said)
    assert "of Ada Artist: €9.00, 85 points" in said.getvalue()
    assert "Uma User and Ada Artist paid with the same card. 60 points, €9.00" in said.getvalue()
    assert "2 pairs of payer and receiver looked at, 1 flags made or grown." in said.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_once_flag_once(user: User, artist: User, plugin: PlugIn) -> None:
    share(TraceSort.CARD, user, artist)
    buy(user, plugin)
    ended = at_once(2, lambda _number: look_at_trade())
    assert ended == {"done": 2}
    assert TradeFlag.objects.get().amount == 5 * SHARE
    assert escrow(artist) == 5 * SHARE


def test_the_database_refuses_a_flag_that_contradicts_itself(
    flagged: TradeFlag, artist: User, admin: User
) -> None:
    now = timezone.now()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"state": "who knows"}, "trading_flag_"),
        ({"state": "upheld", "decided_at": now, "decided_by": admin}, "trading_flag_decided_with_a_note"),
        ({"state": "dismissed", "decided_at": now, "decision": "x"}, "trading_flag_decided_with_a_note"),
        ({"state": "lapsed", "decided_at": now, "decision": "x"}, "trading_flag_decided_with_a_note"),
        ({"state": "upheld", "decided_at": now, "decided_by": artist, "decision": "x"}, "trading_flag_not_decided_by"),
        ({"decision": "x"}, "trading_flag_decided_with_a_note"),
        ({"amount": 0}, "trading_flag_amount"),
        ({"score": 0}, "trading_flag_score"),
        ({"due_at": F("flagged_at")}, "trading_flag_due_later"),
        ({"answer": "x"}, "trading_flag_answered"),
    ]  # fmt: skip
    for changes, name in wrong:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            TradeFlag.objects.update(**changes)
    with pytest.raises(IntegrityError, match="trading_flag_one_open"), transaction.atomic():
        TradeFlag.objects.create(person=artist, score=60, amount=1, due_at=now + timedelta(days=1))
    with pytest.raises(IntegrityError, match="trading_reason_"), transaction.atomic():
        flagged.reasons.update(sign="a hunch")
    with pytest.raises(IntegrityError, match="trading_reason_counts"), transaction.atomic():
        flagged.reasons.update(points=0)
    some = flagged.earnings.all()[0]
    with pytest.raises(IntegrityError, match="entry_id"), transaction.atomic():
        FlaggedEarning.objects.create(flag=flagged, entry=some.entry, payer=some.payer, amount=1)
    with pytest.raises(IntegrityError, match="trading_earning_amount"), transaction.atomic():
        flagged.earnings.update(amount=0)


def test_the_owner_of_a_base_can_be_flagged_as_an_artist_can(
    user: User, model_owner: User, base: BaseModel, artist: User
) -> None:
    type(base).objects.filter(pk=base.pk).update(fee_micros=2_000_000)
    base.refresh_from_db()
    share(TraceSort.CARD, user, model_owner)
    buy(user, plugin_of(artist, base), 5)
    (flag,) = look_at_trade().flags
    assert (flag.person, flag.amount) == (model_owner, 5 * SHARE)
