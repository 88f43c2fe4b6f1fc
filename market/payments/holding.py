"""How many days earnings are held before they can be paid out: a basic time, and more for each sign that they may be lost.

If a payment is charged back, or a plug-in turns out to be somebody else's, the money must still be there. So a person the
market knows waits the basic time. A new person waits longer, and so does one who was mostly paid by one person or with stolen
cards. Everything looks at the last 90 days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Sum
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, TransferKind
from market.ledger.queries import FEE_LINES
from market.payments.models import ChargeBack, ChargeBackState

LOOKS_AT = timedelta(days=90)
YOUNG = 30
"""Days during which an account counts as new."""
MOST_OF_INCOME = 0.5
AT_MOST = 3
"""The most charge-backs, and the most disputes, that count. Further ones add nothing."""
LINES_LOOKED_AT = 10_000
"""How many of the latest lines are read to find the payers. A popular artist does not depend on one payer."""


@dataclass(frozen=True)
class Signals:
    """What is known of a person who is paid.

    account_days: days since they joined.
    charge_backs: against people who paid them.
    disputes: about their plug-ins, open or lost, that froze something.
    largest_part: the largest share of their income that came from one payer, from 0 to 1.
    """

    account_days: int
    charge_backs: int = 0
    disputes: int = 0
    largest_part: float = 0.0


@dataclass(frozen=True)
class Reason:
    """A reason for holding earnings longer, in words for the person, and the days it adds."""

    text: str
    days: int


@dataclass(frozen=True)
class Held:
    """For how many days earnings are held, and the reasons beyond the shortest time. The longest time may cut the sum."""

    days: int
    reasons: tuple[Reason, ...] = ()


def days_held(signals: Signals, *, shortest: int, longest: int) -> Held:
    """Compute how long earnings are held. The table is in docs/explanation/ledger.md."""
    reasons = tuple(Reason(text, times * shortest) for text, times in _signs(signals) if shortest)
    return Held(min(shortest + sum(reason.days for reason in reasons), max(shortest, longest)), reasons)


def _signs(signals: Signals) -> Iterator[tuple[str, int]]:
    if signals.account_days < YOUNG:
        yield f"Your account is younger than {YOUNG} days", 1
    if signals.largest_part > MOST_OF_INCOME:
        yield "One person paid more than half of what you earned in the last 90 days", 1
    if signals.charge_backs:
        yield (
            "Payments by people who paid you were charged back in the last 90 days",
            2 * min(signals.charge_backs, AT_MOST),
        )
    if signals.disputes:
        yield (
            "Plug-ins of yours were disputed in the last 90 days, and the dispute is open or was decided against you",
            2 * min(signals.disputes, AT_MOST),
        )


def held_for(person: User) -> Held:
    """Give how long a person's earnings are held now, and why."""
    rules = settings.PAYOUTS
    return days_held(signals_of(person), shortest=rules.reserve_days, longest=rules.reserve_days_most)


def signals_of(person: User) -> Signals:
    """Read a person's signals as of now."""
    since = timezone.now() - LOOKS_AT
    account = ledger.account(AccountKind.EARNINGS, person)
    lately = Entry.objects.filter(account=account, created_at__gt=since)
    lines = lately.filter(line__in=FEE_LINES).order_by("-pk")[:LINES_LOOKED_AT]
    # The first entry of a payment is the payer's. The same is true of its reversal.
    paid = (
        Entry.objects.filter(pk__in=lines.values("pk"), transfer__entries__position=1)
        .order_by()
        .values(payer=F("transfer__entries__account__owner"))
        .annotate(total=Sum("amount"))
    )
    by_payer = {row["payer"]: int(row["total"]) for row in paid if row["payer"] is not None}
    income = sum(amount for amount in by_payer.values() if amount > 0)
    cases = ChargeBack.objects.filter(top_up__person__in=list(by_payer), opened_at__gt=since)
    frozen = (
        lately.filter(line=TransferKind.ESCROW, transfer__reference__startswith="dispute:")
        .order_by()
        .values("transfer__reference")
        .annotate(total=Sum("amount"))
        .filter(total__lt=0)
    )
    return Signals(
        account_days=(timezone.now() - person.joined_at).days,
        charge_backs=cases.exclude(state=ChargeBackState.WON).count(),
        disputes=frozen.count(),
        largest_part=max(by_payer.values()) / income if income else 0.0,
    )
