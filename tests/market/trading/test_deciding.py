"""How a flag ends: upheld, the money goes to who paid; dismissed, or not decided in time, to who earned it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from market.accounts.models import Role, User
from market.accounts.roles import grant
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.disputes.opening import file_dispute, open_dispute
from market.generation.models import GenerationRequest
from market.generation.refunds import refund_query
from market.ledger.models import AccountKind
from market.payments.models import TraceSort
from market.refusals import Refused
from market.trading import holding
from market.trading.deciding import answer_flag, decide_flag, lapse, may_decide
from market.trading.flagging import look_at_trade
from market.trading.holding import held
from market.trading.models import FlagState, TradeFlag
from market.trading.sweeping import sweep_flags
from tests.market.conftest import make_person
from tests.market.races import at_once
from tests.market.stage import commission, earnings, escrow
from tests.market.trading.stage import SHARE, buy, buy_with_credit, paid, share

pytestmark = pytest.mark.django_db


def wallet_of(person: User) -> int:
    return paid(person, AccountKind.WALLET)


def test_upheld_peoples_own_money_goes_back_to_their_wallet(
    flagged: TradeFlag, user: User, artist: User, admin: User
) -> None:
    before = wallet_of(user)
    decide_flag(flagged, admin, FlagState.UPHELD, "It is their own second account.")
    assert (flagged.state, flagged.decided_by) == (FlagState.UPHELD, admin)
    assert (earnings(artist), escrow(artist)) == (0, 0)
    assert wallet_of(user) == before + 5 * SHARE
    (line,) = AuditLine.objects.filter(action="trade.upheld")
    assert (line.person, line.reason) == (admin, "It is their own second account.")


def test_upheld_credit_goes_back_to_the_market(artist: User, admin: User, plugin: PlugIn) -> None:
    hands = [make_person(f"Hand {number}") for number in range(3)]
    share(TraceSort.DEVICE, *hands)
    for each in hands:
        buy_with_credit(each, plugin, 2)
    (flag,) = look_at_trade().flags
    before, credit = commission(), paid(hands[0], AccountKind.PROMOTION)

    decide_flag(flag, admin, FlagState.UPHELD, "One person with three accounts.")

    assert commission() == before + 6 * SHARE
    assert paid(hands[0], AccountKind.PROMOTION) == credit
    assert escrow(artist) == 0


def test_upheld_what_the_market_refunded_already_goes_to_the_market(
    flagged: TradeFlag, user: User, admin: User
) -> None:
    request = GenerationRequest.objects.earliest("created_at")
    refund_query(request, admin, "drawn wrong", from_receivers=False)
    before, market = wallet_of(user), commission()
    decide_flag(flagged, admin, FlagState.UPHELD, "A second account.")
    assert (wallet_of(user) - before, commission() - market) == (4 * SHARE, SHARE)


def test_lines_of_which_nothing_is_left_do_not_keep_the_next_from_being_held(
    flagged: TradeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "AT_ONCE", 1)
    flagged.earnings.update(tried_at=None)  # all of it is in escrow already, so trying it moves nothing
    holding.hold_all(flagged)
    assert not flagged.earnings.filter(tried_at=None).exists()


def test_what_was_given_back_is_not_refunded_a_second_time(
    flagged: TradeFlag, user: User, admin: User
) -> None:
    decide_flag(flagged, admin, FlagState.UPHELD, "A second account.")
    before = wallet_of(user)
    request = GenerationRequest.objects.earliest("created_at")
    for from_receivers in (True, False):
        with pytest.raises(Refused, match="An upheld flag of trade gave"):
            refund_query(request, admin, "drawn wrong", from_receivers=from_receivers)
    assert wallet_of(user) == before


def test_dismissed_the_earnings_are_released(flagged: TradeFlag, artist: User, admin: User) -> None:
    decide_flag(flagged, admin, FlagState.DISMISSED, "They are a couple.")
    assert (earnings(artist), escrow(artist), held(flagged)) == (5 * SHARE, 0, 0)
    assert AuditLine.objects.filter(action="trade.dismissed").exists()


def test_if_nobody_decides_the_sweeper_releases_them_at_the_deadline(
    flagged: TradeFlag, artist: User
) -> None:
    assert sweep_flags(flagged.due_at - timedelta(seconds=1)) == 0
    assert escrow(artist) == 5 * SHARE

    assert sweep_flags(flagged.due_at) == 1

    flagged.refresh_from_db()
    assert (flagged.state, flagged.decided_by, flagged.decision) == (FlagState.LAPSED, None, "")
    assert (earnings(artist), escrow(artist)) == (5 * SHARE, 0)
    assert sweep_flags(flagged.due_at + timedelta(days=1)) == 0
    # It is not held again: each line is flagged once.
    assert look_at_trade().flags == ()
    (line,) = AuditLine.objects.filter(action="trade.lapsed")
    assert line.acting_as == "system"


def test_after_the_deadline_nothing_can_be_decided(flagged: TradeFlag, admin: User) -> None:
    assert lapse(flagged, flagged.due_at)
    with pytest.raises(Refused, match="the flag has gone on meanwhile"):
        decide_flag(flagged, admin, FlagState.UPHELD, "Too late.")


def test_an_admin_who_was_paid_or_paid_does_not_decide(
    user: User, model_owner: User, base: BaseModel, plugin: PlugIn, flagged: TradeFlag
) -> None:
    for party in (flagged.person, user):
        grant(party, Role.ADMIN)
        assert not may_decide(party, flagged)
        with pytest.raises(
            Refused, match="Another admin has to decide: you were paid by this trade, or paid"
        ):
            decide_flag(flagged, party, FlagState.DISMISSED, "I am honest.")
    assert TradeFlag.objects.get().state == FlagState.OPEN


def test_only_an_admin_decides(
    flagged: TradeFlag, stranger: User, second_artist: User, model_owner: User
) -> None:
    for person in (stranger, second_artist, model_owner):
        with pytest.raises(Refused, match="Only an admin"):
            decide_flag(flagged, person, FlagState.DISMISSED, "Please.")


@pytest.mark.parametrize(
    ("outcome", "decision", "says"),
    [
        (FlagState.UPHELD, "  ", "Say why it is decided so"),
        (FlagState.UPHELD, "x" * 2001, "At most 2000 characters, please: this has 2001"),
        (FlagState.LAPSED, "Because.", "Uphold it, or dismiss it"),
        (FlagState.OPEN, "Because.", "Uphold it, or dismiss it"),
    ],
)
def test_a_bad_decision_is_refused_and_moves_nothing(
    flagged: TradeFlag, artist: User, admin: User, outcome: FlagState, decision: str, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        decide_flag(flagged, admin, outcome, decision)
    assert escrow(artist) == 5 * SHARE


def test_a_flag_that_grew_since_it_was_looked_at_is_not_decided(
    flagged: TradeFlag, user: User, admin: User, plugin: PlugIn
) -> None:
    buy(user, plugin, 1)
    look_at_trade()
    with pytest.raises(Refused, match="It has grown since you looked"):
        decide_flag(flagged, admin, FlagState.UPHELD, "A second account.", seen=flagged.amount)


@pytest.mark.django_db(transaction=True)
def test_two_admins_at_once_decide_it_once(flagged: TradeFlag, admin: User, artist: User) -> None:
    outcomes = (FlagState.UPHELD, FlagState.DISMISSED)
    ended = at_once(2, lambda number: decide_flag(flagged, admin, outcomes[number], "at once"))
    assert ended == {"done": 1, "Refused": 1}
    assert escrow(artist) == 0


def test_what_a_dispute_froze_is_not_held_twice(
    user: User, artist: User, second_artist: User, admin: User, plugin: PlugIn, flagged: TradeFlag
) -> None:
    dispute = file_dispute(
        plugin=plugin, claimant=second_artist, reason="This is my drawing of 2019, in my book."
    )
    open_dispute(dispute, admin)
    assert (earnings(artist), escrow(artist)) == (0, 5 * SHARE)


def test_the_artist_answers_once_while_it_is_open(
    flagged: TradeFlag, artist: User, stranger: User, admin: User
) -> None:
    with pytest.raises(Refused, match="Write what the admins should know"):
        answer_flag(flagged, artist, " ")
    with pytest.raises(Refused, match="Only the person whose earnings are held"):
        answer_flag(flagged, stranger, "It is me.")
    answer_flag(flagged, artist, "She is my sister.")
    with pytest.raises(Refused, match="You have answered already"):
        answer_flag(flagged, artist, "And another thing.")
    flagged.refresh_from_db()
    assert flagged.answer == "She is my sister."
    decide_flag(flagged, admin, FlagState.DISMISSED, "Sisters may buy.")
    with pytest.raises(Refused, match="the flag has gone on"):
        answer_flag(flagged, artist, "Thank you.")


def test_the_time_is_the_deployments(flagged: TradeFlag) -> None:
    assert flagged.due_at <= timezone.now() + timedelta(days=14)
