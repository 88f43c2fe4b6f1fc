"""Earnings that are frozen line by line: what a payment paid somebody goes to their escrow, and back, whatever the case.

Charge-backs and flags of trade freeze here. A case is known by its reference in the ledger. What its receiver was paid out is out
of reach: payouts use up the oldest earnings first, and what other plug-ins or payers brought never replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet, Sum

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import Account, AccountKind, Entry, Figure, FigureSort, Transfer, TransferKind
from market.ledger.queries import total
from market.payments.models import ChargeBack, FrozenEarning

_PAYOUTS = (TransferKind.PAYOUT.value, TransferKind.WITHHOLDING.value)
FROZEN_BY_LINE = ("charge-back:", "trade-flag:")
"""How the references of cases that freeze here begin. Disputes freeze sums of plug-ins."""


def frozen_for(reference: str) -> QuerySet[FrozenEarning]:
    """Give what lies in escrow for a case."""
    return FrozenEarning.objects.filter(held_for=reference, settled_by=None).select_related("person")


def frozen_amounts(references: Collection[str]) -> dict[str, int]:
    """Give how much lies in escrow for each of these cases, where something does, in micro-euros."""
    frozen = FrozenEarning.objects.filter(held_for__in=references, settled_by=None)
    return {
        held_for: int(total) for held_for, total in frozen.values_list("held_for").annotate(Sum("amount"))
    }


def freeze(
    entry: Entry, wanted: int, *, held_for: str, why: str, charge_back: ChargeBack | None = None
) -> int:
    """Move up to `wanted` of what a line paid to its receiver's escrow. Give how many transfers that made.

    What lies in escrow already, or was given back from it, counts. So two cases about one line freeze it once.
    """
    frozen = FrozenEarning.objects.filter(entry=entry)
    kept = frozen.exclude(settled_by__kind=TransferKind.ESCROW)
    missing = wanted - int(kept.aggregate(total=Sum("amount"))["total"] or 0)
    amount = min(missing, _left_of(entry)) if missing > 0 else 0
    person = entry.account.owner
    if amount <= 0 or person is None:
        return 0
    try:
        transfer = ledger.post(
            key=f"{held_for}:freeze:{entry.pk}:{frozen.count() + 1}",
            debit=entry.account,
            credit=ledger.account(AccountKind.ESCROW, person, currency=entry.account.currency),
            amount=amount,
            kind=TransferKind.ESCROW,
            reference=held_for,
            subject=entry.subject,
            memo=f"{why}: {entry.memo}"[:200],
        )
    except InsufficientFunds:
        return 0  # paid out meanwhile
    FrozenEarning.objects.create(
        held_for=held_for,
        charge_back=charge_back,
        person=person,
        entry=entry,
        amount=amount,
        transfer=transfer,
    )
    return 1


def return_all(reference: str, why: str) -> int:
    """Return a case's escrow to those who earned it. Give how many transfers."""
    return _return(frozen_for(reference), why)


def return_refunded(reference: str) -> int:
    """Return what a case froze of requests that were reversed since: the reversal took it from the earnings a second time."""
    return _return(frozen_for(reference).filter(entry__transfer__reversed_by__isnull=False), "Refunded")


def frozen_of(person: User, subject: str) -> int:
    """Give how much of a person's earnings for one thing was frozen by line: it lies in escrow, or was given back."""
    cases = Q()
    for prefix in FROZEN_BY_LINE:
        cases |= Q(transfer__reference__startswith=prefix)
    moved = Entry.objects.filter(
        cases,
        account__owner=person,
        account__kind=AccountKind.EARNINGS,
        line=TransferKind.ESCROW,
        subject=subject,
    )
    return -int(moved.aggregate(total=Sum("amount"))["total"] or 0)


def given_back_of(payment: Transfer) -> int:
    """Give how much of a payment its payer has back out of earnings that were frozen by line."""
    back = FrozenEarning.objects.filter(entry__transfer=payment, settled_by__kind=TransferKind.REFUND)
    return int(back.aggregate(total=Sum("amount"))["total"] or 0)


def _left_of(entry: Entry) -> int:
    """Give how much of a line is still in its receiver's earnings, neither paid out nor in escrow."""
    account: Account = entry.account
    later = Entry.objects.filter(account=account, pk__gt=entry.pk).exclude(
        Q(transfer__kind__in=_PAYOUTS) | Q(transfer__reverses__kind__in=_PAYOUTS)
    )
    after = int(later.aggregate(total=Sum("amount"))["total"] or 0)
    of_subject = total(
        Figure.spans.ever().filter(sort=FigureSort.LINE, account=account, subject=entry.subject)
    )
    return min(entry.amount, ledger.balance(account).posted - max(0, after), of_subject)


def _return(frozen: Iterable[FrozenEarning], why: str) -> int:
    return sum(_to_earnings(each, why) for each in frozen)


def _to_earnings(frozen: FrozenEarning, why: str) -> int:
    entry = Entry.objects.select_related("account").get(pk=frozen.entry_id)
    frozen.settled_by = ledger.post(
        key=f"{frozen.held_for}:released:{frozen.pk}",
        debit=ledger.account(AccountKind.ESCROW, frozen.person, currency=entry.account.currency),
        credit=entry.account,
        amount=frozen.amount,
        kind=TransferKind.ESCROW,
        reference=frozen.held_for,
        subject=entry.subject,
        memo=f"{why}: {entry.memo}"[:200],
    )
    frozen.save(update_fields=["settled_by"])
    return 1
