"""What operations refuse: amounts and requests that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.ledger import errors
from market.ledger import operations as ledger
from market.ledger.models import LARGEST, Account, AccountKind
from market.ledger.operations import Share
from tests.market.ledger.conftest import Till, soon

pytestmark = pytest.mark.django_db


class TestBadAmounts:
    @pytest.mark.parametrize("amount", [0, -1, 0.5, 1.0, Decimal(1), "1", True, None, LARGEST + 1])
    def test_only_whole_amounts_above_zero_are_posted(
        self, till: Till, unchanged: Callable[[], None], amount: Any
    ) -> None:
        with pytest.raises(errors.BadAmount):
            ledger.post(key="k", debit=till.clearing, credit=till.wallet, amount=amount, kind="top_up")

    @pytest.mark.parametrize("amount", [-1, 0.5, 1.0, Decimal(1), "1", True, None, LARGEST + 1])
    def test_only_whole_amounts_are_held(
        self, till: Till, unchanged: Callable[[], None], amount: Any
    ) -> None:
        shares = [Share(till.earnings, 1, "plugin_fee"), Share(till.revenue, amount, "commission")]
        with pytest.raises(errors.BadAmount):
            ledger.hold(key="k", payer=till.wallet, shares=shares, reference="x", expires_at=soon())

    def test_a_hold_over_nothing_is_refused(self, till: Till, unchanged: Callable[[], None]) -> None:
        for shares in ([], [Share(till.earnings, 0, "plugin_fee")]):
            with pytest.raises(errors.BadAmount):
                ledger.hold(key="k", payer=till.wallet, shares=shares, reference="x", expires_at=soon())

    def test_a_sum_of_shares_beyond_64_bits_is_refused(
        self, till: Till, unchanged: Callable[[], None]
    ) -> None:
        shares = [Share(till.earnings, LARGEST, "plugin_fee"), Share(till.revenue, 1, "commission")]
        with pytest.raises(errors.BadAmount):
            ledger.hold(key="k", payer=till.wallet, shares=shares, reference="x", expires_at=soon())

    def test_a_balance_beyond_64_bits_is_refused(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.BadAmount, match="out of range"):
            ledger.post(key="k", debit=till.clearing, credit=till.wallet, amount=LARGEST, kind="top_up")

    def test_sums_of_the_markets_accounts_may_pass_64_bits(self, till: Till, stranger: User) -> None:
        other = ledger.account(AccountKind.WALLET, stranger)
        ledger.post(key="k", debit=till.clearing, credit=other, amount=LARGEST, kind="top_up")
        assert ledger.balance(till.clearing).posted == -LARGEST - 1000


class TestBadRequests:
    def test_accounts_of_two_currencies_do_not_mix(
        self, till: Till, artist: User, unchanged: Callable[[], None]
    ) -> None:
        dollars = ledger.account(AccountKind.EARNINGS, artist, currency="USD")
        with pytest.raises(errors.CurrencyMismatch):
            ledger.post(key="k", debit=till.clearing, credit=dollars, amount=1, kind="top_up")
        with pytest.raises(errors.CurrencyMismatch):
            ledger.hold(
                key="k",
                payer=till.wallet,
                shares=[Share(dollars, 1, "plugin_fee")],
                reference="x",
                expires_at=soon(),
            )

    def test_only_payer_accounts_can_be_held(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.NotAPayer):
            ledger.hold(
                key="k",
                payer=till.clearing,
                shares=[Share(till.earnings, 1, "x")],
                reference="x",
                expires_at=soon(),
            )

    def test_an_account_does_not_pay_itself(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.BadRequest, match="same account"):
            ledger.post(key="k", debit=till.wallet, credit=till.wallet, amount=1, kind="top_up")
        with pytest.raises(errors.BadRequest, match="other than the payer"):
            ledger.hold(
                key="k",
                payer=till.wallet,
                shares=[Share(till.wallet, 1, "x")],
                reference="x",
                expires_at=soon(),
            )

    @pytest.mark.parametrize("key", ["", "k" * 201])
    def test_a_key_is_needed_and_fits(self, till: Till, unchanged: Callable[[], None], key: str) -> None:
        with pytest.raises(errors.BadRequest, match="1 to 200 characters"):
            ledger.post(key=key, debit=till.clearing, credit=till.wallet, amount=1, kind="top_up")

    @pytest.mark.parametrize(
        "expires_at",
        [datetime(2020, 1, 1, tzinfo=timezone.get_default_timezone()), datetime(2999, 1, 1)],  # noqa: DTZ001  # the naive one is what is refused
    )
    def test_a_hold_expires_at_an_aware_time_to_come(
        self, till: Till, unchanged: Callable[[], None], expires_at: datetime
    ) -> None:
        with pytest.raises(errors.BadRequest, match="expires"):
            ledger.hold(
                key="k", payer=till.wallet, shares=till.shares(), reference="x", expires_at=expires_at
            )

    def test_a_hold_names_what_it_is_for(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.BadRequest, match="reference"):
            ledger.hold(key="k", payer=till.wallet, shares=till.shares(), reference="", expires_at=soon())

    def test_a_share_names_its_line(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.BadRequest, match="needs a line"):
            ledger.hold(
                key="k",
                payer=till.wallet,
                shares=[Share(till.earnings, 1, "")],
                reference="x",
                expires_at=soon(),
            )

    def test_an_account_is_of_a_known_kind(self, user: User) -> None:
        with pytest.raises(ValueError, match="piggy_bank"):
            ledger.account("piggy_bank", user)

    def test_a_kind_is_a_word(self, till: Till, unchanged: Callable[[], None]) -> None:
        with pytest.raises(errors.BadRequest):
            ledger.post(key="k", debit=till.clearing, credit=till.wallet, amount=1, kind="Top up!")

    def test_an_account_that_is_not_in_the_database_is_refused(
        self, till: Till, unchanged: Callable[[], None]
    ) -> None:
        ghost = Account(pk=999_999, kind=AccountKind.EARNINGS, currency="EUR")
        with pytest.raises(errors.UnknownAccount):
            ledger.post(key="k", debit=till.clearing, credit=ghost, amount=1, kind="top_up")
        with pytest.raises(errors.UnknownAccount):
            ledger.hold(
                key="k", payer=till.wallet, shares=[Share(ghost, 1, "x")], reference="x", expires_at=soon()
            )
        with pytest.raises(errors.UnknownAccount):
            ledger.hold(key="k", payer=ghost, shares=till.shares(), reference="x", expires_at=soon())

    @pytest.mark.parametrize(
        ("kind", "owned"),
        [("wallet", False), ("earnings", False), ("platform_revenue", True), ("promotion", False)],
    )
    def test_an_account_has_an_owner_if_its_kind_says_so(self, user: User, kind: str, owned: bool) -> None:
        with pytest.raises(errors.InvariantBroken, match="owner_fits_kind"):
            ledger.account(kind, user if owned else None)

    def test_a_currency_is_three_letters(self, user: User) -> None:
        with pytest.raises(errors.InvariantBroken, match="currency_is_three_letters"):
            ledger.account("wallet", user, currency="eur")
