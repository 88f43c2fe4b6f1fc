"""A small market over two months: two artists, a model owner, three queries, one taken back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.ledger.operations import Share
from market.reports.periods import Period, quick
from tests.market.ledger.conftest import date_back

EURO = 1_000_000


@dataclass(frozen=True)
class Market:
    last_month: Period
    query: Callable[..., Transfer]


@pytest.fixture
def market(user: User, artist: User, second_artist: User, model_owner: User) -> Market:
    """Fees last month: 0.09 and 0.045 to two artists, two base fees of 0.018; 10% commission; 20 EUR topped up."""
    wallet = ledger.account(AccountKind.WALLET, user)
    last_month = quick("last_month")
    tenth = timezone.make_aware(datetime.combine(last_month.first + timedelta(days=9), datetime.min.time()))

    def query(receiver: User, subject: str, name: str, fee: int, base: int, at: datetime | None) -> Transfer:
        reference = f"generation:{uuid.uuid4()}"
        shares = [
            Share(
                ledger.account("earnings", model_owner),
                base * 9 // 10,
                "base_fee",
                "base-release:7",
                "Embedded",
            ),
            Share(ledger.account("platform_revenue"), base // 10, "commission", "base-release:7", "Embedded"),
            Share(ledger.account("earnings", receiver), fee * 9 // 10, "plugin_fee", subject, name),
            Share(ledger.account("platform_revenue"), fee // 10, "commission", subject, name),
        ]
        hold = ledger.hold(
            key=f"{reference}:hold", payer=wallet, shares=shares, reference=reference,
            expires_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        transfer = ledger.capture(hold=hold, key=f"{reference}:capture")
        return date_back(transfer, at) if at else transfer

    top_up = ledger.post(
        key="top-up", debit=ledger.account("gateway_clearing"), credit=wallet, amount=20 * EURO, kind="top_up"
    )
    date_back(top_up, tenth)
    query(artist, "plugin-version:1", "FxEmoji", 100_000, 20_000, tenth + timedelta(hours=23, minutes=59))
    query(second_artist, "plugin-version:2", "=Brush & <Ink>", 50_000, 20_000, tenth + timedelta(days=2))
    taken_back = query(artist, "plugin-version:1", "FxEmoji", 100_000, 20_000, tenth + timedelta(days=3))
    reversal = ledger.reverse(transfer=taken_back, key="reversal", reason="drawn wrong")
    date_back(reversal, tenth + timedelta(days=4))
    query(artist, "plugin-version:1", "FxEmoji", 100_000, 20_000, None)  # this month
    return Market(last_month=last_month, query=query)
