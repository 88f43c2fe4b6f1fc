"""While a dispute is open, earnings go to escrow; if a payment is taken back, they return.

A plug-in earns the fees of its versions. From plug-ins combined from it, it earns the part that comes to people through it.
Every move is a transfer. Each minute the sweeper freezes the earnings that came in while a dispute is open; the reserve period
keeps them from being paid out before. Money that was paid out before the dispute opened is out of reach. If a request is taken
back, what was frozen of it leaves escrow by a transfer as well.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet, Sum

from market.accounts.models import User
from market.disputes.models import Dispute, DisputeState, Freeze
from market.disputes.reach import Reach, earned_between, paid_ever, reach_of
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import AccountKind, Entry, Transfer, TransferKind
from market.ledger.queries import total
from market.payments.freezing import frozen_of


def freeze(dispute: Dispute) -> int:
    """Move to escrow what the plug-in earned and is not there yet. Move back what was taken back since.

    Returns the number of transfers. Earlier earnings are frozen once, at the opening, if they were not paid out. Later earnings
    are frozen whenever this is called. A reversal counts in the same period as the request that it takes back.
    """
    with transaction.atomic():
        # Two sweepers take turns: the second sees what the first froze.
        locked = Dispute.objects.select_for_update().filter(pk=dispute.pk, state=DisputeState.OPEN).first()
        if locked is None or locked.opened_at is None or locked.accrued_from is None:
            return 0
        reach = reach_of(locked.plugin)
        before = earned_between(reach, locked.accrued_from, locked.opened_at)
        missing = {
            True: _missing(locked, reach, before, at_opening=True),
            False: _missing(locked, reach, earned_between(reach, locked.opened_at), at_opening=False),
        }
        # Money that goes back comes first: a reversal may have left the earnings below zero, and then nothing could be frozen.
        made = sum(
            _give_back(locked, person, subject, -amount, at_opening)
            for at_opening, amounts in missing.items()
            for (person, subject), amount in amounts.items()
            if amount < 0
        )
        made += sum(
            _freeze(locked, person, subject, amount, at_opening)
            for at_opening, amounts in missing.items()
            for (person, subject), amount in amounts.items()
            if amount > 0 and not (at_opening and locked.frozen_once)
        )
        if not locked.frozen_once:
            Dispute.objects.filter(pk=locked.pk).update(frozen_once=True)
    return made


def _missing(
    dispute: Dispute, reach: Reach, earned: QuerySet[Entry], *, at_opening: bool
) -> dict[tuple[User, str], int]:
    """Give, by person and version, what was earned minus what was frozen. It can be below zero."""
    amounts: dict[tuple[int, str], int] = {}
    for owner, subject, sum_ in earned.values_list("account__owner", "subject").annotate(Sum("amount")):
        amounts[owner, subject] = reach.disputed(owner, subject, int(sum_))
    frozen = dispute.freezes.filter(at_opening=at_opening).order_by().values_list("person", "subject")
    for owner, subject, sum_ in frozen.annotate(Sum("amount")):
        amounts[owner, subject] = amounts.get((owner, subject), 0) - int(sum_)
    people = User.objects.in_bulk({person for person, _ in amounts})
    return {(people[person], subject): amounts[person, subject] for person, subject in sorted(amounts)}


def _freeze(dispute: Dispute, person: User, subject: str, missing: int, at_opening: bool) -> int:
    earnings = ledger.account(AccountKind.EARNINGS, person)
    free = _not_disputed(person, subject)
    amount = min(missing, free, ledger.balance(earnings).posted)
    if amount <= 0:
        return 0
    try:
        transfer = ledger.post(
            key=f"{dispute.reference}:freeze:{dispute.freezes.count() + 1}",
            debit=earnings,
            credit=ledger.account(AccountKind.ESCROW, person),
            amount=amount,
            kind=TransferKind.ESCROW,
            reference=dispute.reference,
            subject=subject,
            memo=f"Disputed: {dispute.plugin.name}",
        )
    except InsufficientFunds:
        return 0  # paid out meanwhile: the next sweep looks again
    _keep_freeze(dispute, person, subject, amount, at_opening, transfer)
    return 1


def _not_disputed(person: User, subject: str) -> int:
    """Give what somebody earned for a version and is not frozen, or was returned. So nothing is frozen twice."""
    frozen = Freeze.objects.filter(person=person, subject=subject)
    kept = frozen.exclude(dispute__state=DisputeState.RELEASED).aggregate(total=Sum("amount"))["total"]
    return (
        total(paid_ever([subject]).filter(account__owner=person))
        - int(kept or 0)
        - frozen_of(person, subject)
    )


def _give_back(dispute: Dispute, person: User, subject: str, amount: int, at_opening: bool) -> int:
    """Return what was frozen of requests that were taken back since: their reversal took the amount from the earnings as well."""
    transfer = ledger.post(
        key=f"{dispute.reference}:unfreeze:{dispute.freezes.count() + 1}",
        debit=ledger.account(AccountKind.ESCROW, person),
        credit=ledger.account(AccountKind.EARNINGS, person),
        amount=amount,
        kind=TransferKind.ESCROW,
        reference=dispute.reference,
        subject=subject,
        memo=f"Taken back: {dispute.plugin.name}",
    )
    _keep_freeze(dispute, person, subject, -amount, at_opening, transfer)
    return 1


def _keep_freeze(
    dispute: Dispute, person: User, subject: str, amount: int, at_opening: bool, transfer: Transfer
) -> None:
    Freeze.objects.create(
        dispute=dispute,
        person=person,
        subject=subject,
        amount=amount,
        at_opening=at_opening,
        transfer=transfer,
    )
