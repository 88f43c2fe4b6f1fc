"""Move money. Every function is all or nothing and may be repeated with its key; errors are in `errors`.

Amounts are positive whole numbers of micro-units. A key names one request for ever, so make it of what it is
for ("generation:<uuid>:hold"), not of the time. Called inside a transaction, an error leaves that transaction
usable, and the money moves when it commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db import Error, connection, transaction
from django.db.models import Sum
from django.utils import timezone
from psycopg.types.json import Jsonb

from market.accounts.models import User
from market.ledger.errors import (
    AlreadyReversed,
    BadAmount,
    BadRequest,
    CurrencyMismatch,
    HoldAlreadyPosted,
    HoldAlreadyResolved,
    HoldAlreadyVoided,
    IdempotencyConflict,
    InsufficientFunds,
    LedgerBusy,
    LedgerError,
    NotAPayer,
    NotClosable,
    NotReversible,
    PeriodClosed,
    UnknownHold,
    UnknownTransfer,
    translated,
)
from market.ledger.models import (
    KEY_LENGTH,
    LARGEST,
    PAYER_KINDS,
    Account,
    AccountKind,
    ClosedPeriod,
    Entry,
    Hold,
    PayerBalance,
    PendingHold,
    Transfer,
)
from market.ledger.queries import (
    credits,  # noqa: A004  # a picture's credits; the builtin is for the shell
    paid_to,
)

__all__ = [
    "Account",
    "AccountKind",
    "AlreadyReversed",
    "BadAmount",
    "BadRequest",
    "Balance",
    "CurrencyMismatch",
    "Hold",
    "HoldAlreadyPosted",
    "HoldAlreadyResolved",
    "HoldAlreadyVoided",
    "IdempotencyConflict",
    "InsufficientFunds",
    "LedgerBusy",
    "LedgerError",
    "NotAPayer",
    "NotClosable",
    "NotReversible",
    "PeriodClosed",
    "Share",
    "Transfer",
    "UnknownHold",
    "UnknownTransfer",
    "account",
    "balance",
    "capture",
    "close_period",
    "credits",
    "expire_holds",
    "hold",
    "post",
    "reverse",
    "void",
]

CURRENCY = "EUR"


@dataclass(frozen=True)
class Balance:
    """An account's money in micro-units: posted, the part of it that is held, and what is left to spend."""

    posted: int
    held: int

    @property
    def available(self) -> int:
        return self.posted - self.held


@dataclass(frozen=True)
class Share:
    """One receiver's part of a hold. An amount of zero is kept with the hold's terms, but never posted."""

    account: Account
    amount: int
    line: str
    subject: str = ""
    memo: str = ""

    def as_json(self) -> dict[str, object]:
        return {
            "account": self.account.pk,
            "amount": self.amount,
            "line": self.line,
            "subject": self.subject,
            "memo": self.memo,
        }


def account(kind: AccountKind | str, owner: User | None = None, currency: str = CURRENCY) -> Account:
    """Return the one account of this owner, kind and currency; open it when there is none."""
    kind = AccountKind(kind).value
    known = Account.objects.filter(kind=kind, owner=owner, currency=currency).first()
    if known:
        return known
    with _ledger_errors():
        return Account.objects.raw(
            "SELECT * FROM ledger_open_account(%s, %s, %s)", [_actor(owner), kind, currency]
        )[0]


def post(
    *,
    key: str,
    debit: Account,
    credit: Account,
    amount: int,
    kind: str,
    subject: str = "",
    reference: str = "",
    memo: str = "",
    actor: User | None = None,
) -> Transfer:
    """Move an amount from one account to another. A wallet, earnings or escrow account must have enough."""
    _check_key(key)
    _check_amount(amount)
    if debit.pk == credit.pk:
        raise BadRequest(f"The debit and the credit are the same account, {debit}.")
    if debit.currency != credit.currency:
        raise CurrencyMismatch(f"{debit} pays {credit}: both need the same currency.")
    return _transfer(
        "SELECT * FROM ledger_post(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [key, debit.pk, credit.pk, amount, str(kind), reference, subject, memo, _actor(actor)],
    )


def hold(*, key: str, payer: Account, shares: Sequence[Share], reference: str, expires_at: datetime) -> Hold:
    """Set the shares' sum aside in the payer's account, together with the terms of its division.

    Raises InsufficientFunds if less is available. Some shares may be zero. If all are zero there is nothing to hold, and the
    caller should not call this.
    """
    _check_key(key)
    if not reference:
        raise BadRequest("A hold needs a reference, such as generation:<uuid>.")
    if timezone.is_naive(expires_at) or expires_at <= timezone.now():
        raise BadRequest(f"A hold expires at a time to come, with its time zone; found {expires_at}.")
    for share in shares:
        _check_amount(share.amount, least=0)
        if share.account.currency != payer.currency:
            raise CurrencyMismatch(f"{payer} pays {share.account}: both need the same currency.")
        if share.account.pk == payer.pk or not share.line:
            raise BadRequest("A share needs a line and a receiver other than the payer.")
    total = sum(share.amount for share in shares)
    _check_amount(total)
    with _ledger_errors():
        return Hold.objects.raw(
            "SELECT * FROM ledger_hold(%s, %s, %s, %s, %s, %s)",
            [key, payer.pk, total, Jsonb([share.as_json() for share in shares]), reference, expires_at],
        )[0]


def capture(*, hold: Hold | int, key: str) -> Transfer:
    """Post a pending hold: the payer is charged and every share is paid, in one transfer.

    A hold past its expiry can still be captured as long as nobody has voided it.
    """
    _check_key(key)
    return _transfer("SELECT * FROM ledger_capture(%s, %s)", [_pk(hold), key])


def void(*, hold: Hold | int, key: str, reason: str = "") -> None:
    """Release a pending hold. Nothing is charged."""
    _check_key(key)
    with _ledger_errors(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_void(%s, %s, %s)", [_pk(hold), key, reason[:200]])


def reverse(*, transfer: Transfer | int, key: str, reason: str, actor: User | None = None) -> Transfer:
    """Undo a transfer by its mirror image. This is the only correction, and possible once per transfer.

    A wallet must still have what it gives back. Earnings may go below zero; later income makes up for that.
    """
    _check_key(key)
    if not reason:
        raise BadRequest("A reversal needs a reason.")
    return _transfer(
        "SELECT * FROM ledger_reverse(%s, %s, %s, %s)", [_pk(transfer), key, reason, _actor(actor)]
    )


def expire_holds(limit: int = 100) -> list[int]:
    """Void expired holds and return their ids. Call again while it returns `limit` of them."""
    due = PendingHold.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    expired = []
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        # One transaction each: two sweepers that lock several wallets in different orders would deadlock.
        with _ledger_errors(), connection.cursor() as cursor:
            cursor.execute("SELECT ledger_expire(%s)", [pk])
            if cursor.fetchone()[0]:
                expired.append(pk)
    return expired


def balance(account: Account, at: datetime | None = None) -> Balance:
    """Return the account's balance now, or what was posted by a past moment (then without holds)."""
    if at is None and account.kind in PAYER_KINDS:
        kept = PayerBalance.objects.get(pk=account.pk)
        return Balance(posted=kept.posted, held=kept.held)
    if at is None:
        return Balance(posted=paid_to(account), held=0)
    entries = Entry.objects.filter(account=account, created_at__lte=at)
    before = 0
    if account.kind not in PAYER_KINDS:
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        before, entries = paid_to(account, day.date()), entries.filter(created_at__gte=day)
    return Balance(posted=before + int(entries.aggregate(total=Sum("amount"))["total"] or 0), held=0)


def close_period(*, until: date, actor: User | None = None) -> ClosedPeriod:
    """Close everything before a day (UTC): nothing is posted there any more, even if a clock goes wrong.

    Raises NotClosable if that day has not begun, or is closed already. Raises LedgerBusy if running transfers do not end.
    """
    moment = datetime.combine(until, time.min, UTC)
    with _ledger_errors():
        return ClosedPeriod.objects.raw("SELECT * FROM ledger_close_period(%s, %s)", [moment, _actor(actor)])[
            0
        ]


def _transfer(sql: str, arguments: list[object]) -> Transfer:
    with _ledger_errors():
        return Transfer.objects.raw(sql, arguments)[0]


def _actor(person: User | None) -> int | None:
    return person.pk if person else None


@contextmanager
def _ledger_errors() -> Iterator[None]:
    """Run in its own savepoint or transaction, and raise the database's refusals as ledger errors."""
    try:
        with transaction.atomic():
            yield
    except Error as error:
        refusal = translated(error)
        if refusal is None:
            raise
        raise refusal from error


def _pk(of: Hold | Transfer | int) -> int:
    return of if isinstance(of, int) else int(of.pk)


def _check_key(key: str) -> None:
    if not key or len(key) > KEY_LENGTH:
        raise BadRequest(f"A key has 1 to {KEY_LENGTH} characters; found {len(key)}.")


def _check_amount(amount: int, least: int = 1) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise BadAmount(f"An amount is a whole number of micro-units; found {amount!r}.")
    if not least <= amount <= LARGEST:
        raise BadAmount(f"An amount is from {least} to {LARGEST} micro-units; found {amount}.")
