"""Disputed earnings go to escrow while a dispute is open, and back where what was paid is taken back.

What a plug-in earns are the fees of its versions, and of what was combined from it the part that comes to people by way of it.
All of it are transfers. Earnings that come in while a dispute is open are frozen by the sweeper, minute by minute; the reserve
period keeps them from being paid out before. What was paid out before a dispute was opened is out of reach. What was frozen of a
query that is then taken back leaves escrow the same way.
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
from market.payments.charge_backs import frozen_of


def freeze(dispute: Dispute) -> int:
    """Move to escrow what the plug-in earned and is not there yet, and back what was taken back since; give the transfers it took.

    What it earned before the opening is frozen at the opening, as far as it was not paid out, and never again; what it earns from
    then on, whenever this is called. A reversal counts where the query that it takes back does.
    """
    with transaction.atomic():
        # Two sweepers take turns: the second finds what the first froze.
        locked = Dispute.objects.select_for_update().filter(pk=dispute.pk, state=DisputeState.OPEN).first()
        if locked is None or locked.opened_at is None or locked.accrued_from is None:
            return 0
        reach = reach_of(locked.plugin)
        before = earned_between(reach, locked.accrued_from, locked.opened_at)
        missing = {
            True: _missing(locked, reach, before, at_opening=True),
            False: _missing(locked, reach, earned_between(reach, locked.opened_at), at_opening=False),
        }
        # What goes back comes first: a reversal may have left the earnings below zero, and then nothing could be frozen of them.
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
    """Give how much more each person earned for each version than was frozen of it; below zero, how much less."""
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
    """Give what somebody earned for a version and nothing froze, but what gave it back: nothing is frozen twice."""
    frozen = Freeze.objects.filter(person=person, subject=subject)
    kept = frozen.exclude(dispute__state=DisputeState.RELEASED).aggregate(total=Sum("amount"))["total"]
    return (
        total(paid_ever([subject]).filter(account__owner=person))
        - int(kept or 0)
        - frozen_of(person, subject)
    )


def _give_back(dispute: Dispute, person: User, subject: str, amount: int, at_opening: bool) -> int:
    """Return what was frozen of queries that were taken back since: their reversal took it from the earnings once more."""
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
