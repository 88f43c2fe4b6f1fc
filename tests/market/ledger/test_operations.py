"""What each operation does, and what it refuses with the ledger unchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import timezone as offset
from typing import Any

import pytest
from django.db import transaction

from market.accounts.models import User
from market.ledger import errors
from market.ledger import operations as ledger
from market.ledger.models import LARGEST, Account, AccountKind, Hold, HoldResolution, PendingHold, Transfer
from market.ledger.operations import Balance, Share
from tests.market.ledger.conftest import Till, date_back, soon

pytestmark = pytest.mark.django_db


def test_an_account_is_opened_once(user: User) -> None:
    first = ledger.account(AccountKind.WALLET, user)
    again = ledger.account("wallet", user)

    assert first == again
    assert ledger.account(AccountKind.EARNINGS, user) != first
    assert ledger.account(AccountKind.WALLET, user, currency="USD") != first
    assert Account.objects.filter(owner=user).count() == 3


def test_an_account_that_is_open_is_found_by_one_query(
    till: Till, user: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert ledger.account(AccountKind.WALLET, user) == till.wallet
    with django_assert_num_queries(1):
        assert ledger.account(AccountKind.GATEWAY_CLEARING) == till.clearing


def test_a_top_up_moves_money_from_the_gateway_to_the_wallet(till: Till) -> None:
    assert ledger.balance(till.wallet) == Balance(posted=1000, held=0)
    assert ledger.balance(till.clearing) == Balance(posted=-1000, held=0)


def test_what_is_not_said_of_a_transfer_is_left_empty(till: Till) -> None:
    transfer = Transfer.objects.get()
    assert (transfer.reference, transfer.memo, transfer.actor) == ("", "", None)
    assert set(transfer.entries.values_list("line", "subject")) == {("top_up", "")}


def test_a_hold_sets_money_aside_and_charges_nothing(till: Till) -> None:
    hold = till.hold(150)

    assert hold.state == "pending"
    assert ledger.balance(till.wallet) == Balance(posted=1000, held=150)
    assert ledger.balance(till.wallet).available == 850
    assert ledger.balance(till.earnings).posted == 0


def test_a_capture_charges_the_payer_and_pays_every_share(till: Till) -> None:
    hold = till.hold(150)

    transfer = ledger.capture(hold=hold, key="capture")

    assert transfer.kind == "capture"
    assert transfer.amount == 150
    assert transfer.reference == hold.reference
    assert Hold.objects.get(pk=hold.pk).state == "posted"
    assert [balance.posted for balance in till.balances()] == [850, 90, 45, 15, -1000]
    assert ledger.balance(till.wallet).held == 0
    assert list(transfer.entries.values_list("amount", "line", "subject", "memo")) == [
        (-150, "charge", "", ""),
        (90, "plugin_fee", "plugin-version:1", "FxEmoji"),
        (45, "base_fee", "base-release:1", "Embedded"),
        (15, "commission", "plugin-version:1", "FxEmoji"),
    ]


def test_a_share_of_zero_is_kept_with_the_terms_and_not_posted(till: Till, second_artist: User) -> None:
    own = ledger.account(AccountKind.EARNINGS, second_artist)
    shares = [*till.shares(), Share(own, 0, "plugin_fee", "plugin-version:9", "your own")]
    hold = ledger.hold(key="h", payer=till.wallet, shares=shares, reference="generation:a", expires_at=soon())

    transfer = ledger.capture(hold=hold, key="c")

    assert transfer.entry_count == 4
    assert hold.shares[3]["memo"] == "your own"


def test_a_void_frees_the_money(till: Till, unchanged: Callable[[], None]) -> None:
    hold = till.hold()

    ledger.void(hold=hold, key="void", reason="cancelled")

    assert HoldResolution.objects.get(hold=hold).reason == "cancelled"
    assert not PendingHold.objects.exists()


def test_a_hold_may_use_the_whole_balance_and_not_a_micro_unit_more(till: Till) -> None:
    with pytest.raises(errors.InsufficientFunds) as refusal:
        till.hold(1001)
    till.hold(1000)

    assert (refusal.value.available, refusal.value.needed) == (1000, 1001)
    assert ledger.balance(till.wallet) == Balance(posted=1000, held=1000)


def test_held_money_can_neither_be_held_again_nor_posted_away(till: Till) -> None:
    till.hold(900)

    with pytest.raises(errors.InsufficientFunds, match="100 micro-units are available, 101"):
        till.hold(101)
    with pytest.raises(errors.InsufficientFunds):
        ledger.post(key="k", debit=till.wallet, credit=till.clearing, amount=101, kind="refund")


def test_earnings_cannot_be_paid_out_twice(till: Till) -> None:
    ledger.capture(hold=till.hold(150), key="c")
    out = ledger.account(AccountKind.PAYOUT_CLEARING)
    ledger.post(key="p1", debit=till.earnings, credit=out, amount=60, kind="payout")

    with pytest.raises(errors.InsufficientFunds, match="30 micro-units are available, 31"):
        ledger.post(key="p2", debit=till.earnings, credit=out, amount=31, kind="payout")


def test_a_transfer_keeps_what_it_was_for_and_who_made_it(till: Till, admin: User) -> None:
    transfer = ledger.post(
        key="k", debit=till.clearing, credit=till.earnings, amount=7, kind="plugin_fee", subject="plugin-version:1",
        reference="generation:1", memo="by hand", actor=admin,
    )  # fmt: skip

    assert (transfer.key, transfer.kind, transfer.reference, transfer.memo, transfer.actor) == (
        "k",
        "plugin_fee",
        "generation:1",
        "by hand",
        admin,
    )
    assert {entry.subject for entry in transfer.entries.all()} == {"plugin-version:1"}
    assert ledger.reverse(transfer=transfer, key="r", reason="a mistake", actor=admin).actor == admin
    assert (
        ledger.post(key="k2", debit=till.clearing, credit=till.earnings, amount=7, kind="top_up").actor
        is None
    )


def test_a_hold_keeps_its_terms_and_what_it_is_for(till: Till) -> None:
    shares = [
        Share(till.earnings, 7, "plugin_fee", "plugin-version:1", "Fox"),
        Share(till.revenue, 1, "commission"),
    ]
    expires_at = soon()
    hold = ledger.hold(
        key="h", payer=till.wallet, shares=shares, reference="generation:1", expires_at=expires_at
    )

    assert (hold.payer, hold.amount, hold.reference, hold.expires_at) == (
        till.wallet,
        8,
        "generation:1",
        expires_at,
    )
    assert hold.shares == [
        {
            "account": till.earnings.pk, "amount": 7, "line": "plugin_fee", "subject": "plugin-version:1", "memo": "Fox",
        },
        {"account": till.revenue.pk, "amount": 1, "line": "commission", "subject": "", "memo": ""},
    ]  # fmt: skip


def test_a_reason_is_kept_as_far_as_it_fits(till: Till) -> None:
    hold, other = till.hold(), till.hold()

    ledger.void(hold=hold, key="v", reason="r" * 300)
    ledger.void(hold=other, key="v2")

    assert HoldResolution.objects.get(hold=hold).reason == "r" * 200
    assert HoldResolution.objects.get(hold=other).reason == ""


def test_a_key_may_be_as_long_as_it_is_kept(till: Till) -> None:
    longest = "k" * 200
    assert (
        ledger.post(key=longest, debit=till.clearing, credit=till.wallet, amount=1, kind="top_up").key
        == longest
    )


def test_the_largest_amount_is_posted(till: Till, stranger: User) -> None:
    other = ledger.account(AccountKind.WALLET, stranger)
    assert (
        ledger.post(key="k", debit=till.clearing, credit=other, amount=LARGEST, kind="top_up").amount
        == LARGEST
    )


def test_a_balance_of_the_past_is_of_what_was_posted_until_then(till: Till, a_day_ahead: None) -> None:
    """Of the days there is a sum for, too; and those are days of UTC, wherever the machine stands."""
    at = datetime(2024, 2, 2, 12, 34, 56, 789, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    paid = {
        1: datetime(2024, 2, 2, tzinfo=UTC) - moment,
        10: datetime(2024, 2, 2, tzinfo=UTC),
        100: at,
        300: at + moment,
    }
    for fee, when in paid.items():
        date_back(ledger.capture(hold=till.hold(fee + 60), key=f"paid {fee}"), when)
    till.hold(100)

    assert ledger.balance(till.earnings, at) == Balance(posted=111, held=0)
    assert ledger.balance(till.earnings, at.astimezone(offset(timedelta(hours=14)))) == Balance(
        posted=111, held=0
    )
    assert ledger.balance(till.wallet, at) == Balance(posted=-61 - 70 - 160, held=0)
    assert ledger.balance(till.earnings, at - timedelta(days=2)) == Balance(posted=0, held=0)
    assert ledger.balance(till.earnings) == Balance(posted=411, held=0)
    assert ledger.balance(till.wallet) == Balance(posted=1000 - 651, held=100)


def test_an_error_inside_a_transaction_leaves_it_usable(till: Till) -> None:
    with transaction.atomic():
        with pytest.raises(errors.InsufficientFunds):
            till.hold(5000)
        hold = till.hold(500)

    assert hold.state == "pending"


def test_a_rolled_back_transaction_moves_no_money(till: Till, unchanged: Callable[[], None]) -> None:
    def crash_after_the_capture() -> None:
        with transaction.atomic():
            ledger.capture(hold=till.hold(), key="c")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash_after_the_capture()


class TestRepeating:
    """The same key asks for the same thing once."""

    def test_a_repeated_post_returns_the_first_transfer(self, till: Till) -> None:
        ask: dict[str, Any] = {
            "key": "t",
            "debit": till.clearing,
            "credit": till.wallet,
            "amount": 7,
            "kind": "top_up",
        }
        assert ledger.post(**ask) == ledger.post(**ask)
        assert ledger.balance(till.wallet).posted == 1007

    def test_a_repeated_hold_returns_the_first_even_with_a_later_expiry(self, till: Till) -> None:
        ask: dict[str, Any] = {
            "key": "h",
            "payer": till.wallet,
            "shares": till.shares(),
            "reference": "generation:1",
        }
        first = ledger.hold(**ask, expires_at=soon())

        assert ledger.hold(**ask, expires_at=soon() + timedelta(hours=1)) == first
        assert ledger.balance(till.wallet).held == 150

    def test_a_repeated_capture_returns_the_first_transfer(self, till: Till) -> None:
        hold = till.hold()
        assert ledger.capture(hold=hold, key="c") == ledger.capture(hold=hold.pk, key="c")
        assert ledger.balance(till.wallet).posted == 850

    def test_a_repeated_void_changes_nothing(self, till: Till) -> None:
        hold = till.hold()
        ledger.void(hold=hold, key="v")
        ledger.void(hold=hold, key="v")
        assert HoldResolution.objects.count() == 1

    def test_a_repeated_reversal_returns_the_first(self, till: Till) -> None:
        transfer = ledger.capture(hold=till.hold(), key="c")
        first = ledger.reverse(transfer=transfer, key="r", reason="a mistake")
        assert ledger.reverse(transfer=transfer.pk, key="r", reason="a mistake") == first

    @pytest.mark.parametrize(
        "change", [{"amount": 8}, {"kind": "refund"}, {"subject": "other"}, {"memo": "other"}]
    )
    def test_another_post_under_the_key_is_a_conflict(self, till: Till, change: dict[str, Any]) -> None:
        ask: dict[str, Any] = {
            "key": "t",
            "debit": till.clearing,
            "credit": till.wallet,
            "amount": 7,
            "kind": "top_up",
        }
        ledger.post(**ask)
        with pytest.raises(errors.IdempotencyConflict):
            ledger.post(**ask | change)
        assert ledger.balance(till.wallet).posted == 1007

    def test_another_hold_under_the_key_is_a_conflict(self, till: Till) -> None:
        ask: dict[str, Any] = {
            "key": "h",
            "payer": till.wallet,
            "reference": "generation:1",
            "expires_at": soon(),
        }
        ledger.hold(**ask, shares=till.shares())
        with pytest.raises(errors.IdempotencyConflict):
            ledger.hold(**ask, shares=till.shares(fee=91))
        assert ledger.balance(till.wallet).held == 150

    def test_a_key_serves_one_hold_only(self, till: Till) -> None:
        ledger.capture(hold=till.hold(), key="k")
        ledger.void(hold=till.hold(), key="v")
        other = till.hold()
        with pytest.raises(errors.IdempotencyConflict):
            ledger.capture(hold=other, key="k")
        with pytest.raises(errors.IdempotencyConflict):
            ledger.void(hold=other, key="k")
        with pytest.raises(errors.IdempotencyConflict):
            ledger.capture(hold=other, key="v")
        assert Hold.objects.get(pk=other.pk).state == "pending"


class TestResolvedHolds:
    """A hold is captured or voided, exactly once."""

    def test_a_second_capture_is_refused(self, till: Till) -> None:
        hold = till.hold()
        ledger.capture(hold=hold, key="c")
        with pytest.raises(errors.HoldAlreadyPosted):
            ledger.capture(hold=hold, key="c2")
        assert ledger.balance(till.wallet).posted == 850

    def test_a_capture_after_a_void_is_refused(self, till: Till, unchanged: Callable[[], None]) -> None:
        hold = till.hold()
        ledger.void(hold=hold, key="v")
        with pytest.raises(errors.HoldAlreadyVoided):
            ledger.capture(hold=hold, key="c")

    def test_a_void_after_a_capture_is_refused(self, till: Till) -> None:
        hold = till.hold()
        ledger.capture(hold=hold, key="c")
        with pytest.raises(errors.HoldAlreadyPosted):
            ledger.void(hold=hold, key="v")

    def test_a_second_void_under_another_key_is_refused(self, till: Till) -> None:
        hold = till.hold()
        ledger.void(hold=hold, key="v")
        with pytest.raises(errors.HoldAlreadyVoided):
            ledger.void(hold=hold, key="v2")

    def test_an_unknown_hold_is_refused(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.UnknownHold):
            ledger.capture(hold=12345, key="c")
        with pytest.raises(errors.UnknownHold):
            ledger.void(hold=12345, key="v")
