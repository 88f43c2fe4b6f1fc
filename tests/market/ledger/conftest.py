"""A payer with money, an artist to pay, and the market's own accounts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import connection
from django.utils import timezone

from market.accounts.models import User
from market.ledger import merkle, seal_verification
from market.ledger import operations as ledger
from market.ledger.models import Account, AccountKind, Hold, Transfer
from market.ledger.operations import Share
from market.ledger.sealing import seal_some
from market.ledger.statements import Month, proved, statement
from market.ledger.verification import verify

EURO = 1_000_000


def soon() -> datetime:
    return timezone.now() + timedelta(hours=1)


@dataclass
class Till:
    """The accounts that a test moves money between, and short ways to do it."""

    wallet: Account
    earnings: Account
    model_earnings: Account
    revenue: Account
    clearing: Account
    numbers: Iterator[int]

    def key(self) -> str:
        return f"test:{next(self.numbers)}"

    def top_up(self, amount: int) -> None:
        ledger.post(key=self.key(), debit=self.clearing, credit=self.wallet, amount=amount, kind="top_up")

    def shares(self, fee: int = 90, base: int = 45, commission: int = 15) -> list[Share]:
        return [
            Share(self.earnings, fee, "plugin_fee", "plugin-version:1", "FxEmoji"),
            Share(self.model_earnings, base, "base_fee", "base-release:1", "Embedded"),
            Share(self.revenue, commission, "commission", "plugin-version:1", "FxEmoji"),
        ]

    def hold(self, amount: int = 150, reference: str = "", expires_at: datetime | None = None) -> Hold:
        key = self.key()
        return ledger.hold(
            key=key,
            payer=self.wallet,
            shares=self.shares(fee=amount - 60) if amount > 60 else self.shares(amount, 0, 0),
            reference=reference or f"generation:{key}",
            expires_at=expires_at or soon(),
        )

    def balances(self) -> list[ledger.Balance]:
        return [
            ledger.balance(account)
            for account in (self.wallet, self.earnings, self.model_earnings, self.revenue, self.clearing)
        ]


def make_till(payer: User, artist: User, owner: User) -> Till:
    return Till(
        wallet=ledger.account(AccountKind.WALLET, payer),
        earnings=ledger.account(AccountKind.EARNINGS, artist),
        model_earnings=ledger.account(AccountKind.EARNINGS, owner),
        revenue=ledger.account(AccountKind.PLATFORM_REVENUE),
        clearing=ledger.account(AccountKind.GATEWAY_CLEARING),
        numbers=count(1),
    )


@contextmanager
def triggers_off() -> Iterator[None]:
    """What somebody with the rights of a superuser could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def date_back(transfer: Transfer, to: datetime) -> Transfer:
    """Pretend that a transfer was posted earlier, which nothing but a superuser's trick can."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_transfer SET created_at = %s WHERE id = %s", [to, transfer.pk])
        cursor.execute("UPDATE ledger_entry SET created_at = %s WHERE transfer_id = %s", [to, transfer.pk])
    return transfer


def let_expire(hold: Hold, seconds_ago: int = 1) -> Hold:
    """Pretend that a hold's time was over some seconds ago."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_hold SET expires_at = now() - make_interval(secs => %s), created_at = now() - interval '1 hour'"
            " WHERE id = %s",
            [seconds_ago, hold.pk],
        )
        cursor.execute(
            "UPDATE ledger_pendinghold p SET expires_at = h.expires_at FROM ledger_hold h WHERE h.id = p.hold_id AND h.id = %s",
            [hold.pk],
        )
    return hold


@pytest.fixture
def till(user: User, artist: User, model_owner: User) -> Till:
    """A wallet with 1000 micro-units, and who is paid from it."""
    till = make_till(user, artist, model_owner)
    till.top_up(1000)
    return till


@pytest.fixture
def busy(till: Till) -> Till:
    """A ledger with a row of every kind."""
    transfer = ledger.capture(hold=till.hold(), key="c")
    ledger.reverse(transfer=transfer, key="r", reason="a mistake")
    ledger.capture(hold=till.hold(), key="c2")
    ledger.void(hold=till.hold(), key="v")
    seal_some()
    ledger.close_period(until=timezone.localdate())
    till.hold()
    return till


@pytest.fixture
def small_subtrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the hashes of subtrees of 2 leaves, 4, 8 and so on, instead of 256: a small tree has several levels of them."""
    monkeypatch.setattr(merkle, "BITS", 1)
    for module in (merkle, seal_verification):
        monkeypatch.setattr(module, "WIDE", 2)


@pytest.fixture
def a_day_ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine's own time zone be fourteen hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def unchanged(till: Till) -> Iterator[Callable[[], None]]:
    """Check at the end of the test that no balance moved since it began, and that the ledger verifies."""
    before = till.balances()

    def check() -> None:
        assert till.balances() == before
        assert verify().ok

    yield check
    check()


def this_month() -> Month:
    """Asked anew by each test: a run may go on into the next month."""
    return Month.of(timezone.now().date())


@pytest.fixture
def earned(till: Till) -> Till:
    """Two queries of the artist's, one of them taken back."""
    ledger.capture(hold=till.hold(200), key="first")
    second = ledger.capture(hold=till.hold(170), key="second")
    ledger.reverse(transfer=second, key="back", reason="drawn wrong")
    return till


@pytest.fixture
def content(earned: Till) -> bytes:
    """The artist's statement of this month, with its proof."""
    return proved(statement(earned.earnings, this_month()))
