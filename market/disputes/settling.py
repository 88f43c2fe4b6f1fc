"""A dispute's escrow, and where it goes by the decision: back, to the claimant, or to those who paid."""

from __future__ import annotations

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Sum, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from market.accounts.models import User
from market.disputes.models import DECIDED, Dispute, DisputeState
from market.disputes.reach import paid_for, reach_of
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, Transfer, TransferKind
from market.payments.escrow import Frozen, by_person

REFUNDS_AT_ONCE = 200


def in_escrow(dispute: Dispute) -> list[Frozen]:
    """Give what lies in escrow for a dispute, by person."""
    return by_person((person, left) for person, _, left in _left(dispute))


def settle(dispute: Dispute) -> bool:
    """Move a decided dispute's escrow where the decision says, if needed in several calls. Give whether anything moved."""
    with transaction.atomic():
        locked = (
            Dispute.objects.select_for_update()
            .filter(pk=dispute.pk, state__in=DECIDED, settled_at=None)
            .first()
        )
        if locked is None:
            return False
        if locked.state == DisputeState.REFUNDED and _refund_some(locked) == REFUNDS_AT_ONCE:
            return True
        for person, subject, left in _left(locked):
            to = locked.claimant if locked.state == DisputeState.AWARDED and locked.claimant else person
            ledger.post(
                key=f"{locked.reference}:{locked.state}:{person.pk}:{subject}",
                debit=ledger.account(AccountKind.ESCROW, person),
                credit=ledger.account(AccountKind.EARNINGS, to),
                amount=left,
                kind=TransferKind.ESCROW,
                reference=locked.reference,
                subject=subject,
                memo=f"{locked.get_state_display()}: {locked.plugin.name}",
                actor=locked.decided_by,
            )
        Dispute.objects.filter(pk=locked.pk).update(settled_at=timezone.now())
    dispute.refresh_from_db()
    return True


def _left(dispute: Dispute) -> list[tuple[User, str, int]]:
    """Give what lies in escrow for a dispute, by person and version."""
    rows = list(
        Entry.objects.filter(account__kind=AccountKind.ESCROW, transfer__reference=dispute.reference)
        .order_by()
        .values("account__owner", "subject")
        .annotate(total=Sum("amount"))
        .filter(total__gt=0)
        .order_by("account__owner", "subject")
    )
    people = User.objects.in_bulk([row["account__owner"] for row in rows])
    return [(people[row["account__owner"]], row["subject"], int(row["total"])) for row in rows]


def _refund_some(dispute: Dispute) -> int:
    """Refund the royalty of some requests to those who paid for the plug-in, the latest first. Give how many."""
    if dispute.accrued_from is None:
        return 0
    reach = reach_of(dispute.plugin)
    left = {(person.pk, subject): amount for person, subject, amount in _left(dispute)}
    key = Concat(Value(f"{dispute.reference}:refund:"), Cast(OuterRef("pk"), CharField()))
    owed = (
        paid_for(reach, dispute.accrued_from)
        .filter(transfer__kind=TransferKind.CAPTURE, transfer__reversed_by=None)
        .exclude(Exists(Transfer.objects.filter(key=key)))
        .select_related("account__owner", "transfer")
        .order_by("-pk")
    )
    refunded = 0
    for entry in owed.iterator(chunk_size=REFUNDS_AT_ONCE):
        place = (entry.account.owner_id or 0, entry.subject)
        amount = min(reach.disputed(*place, entry.amount), left.get(place, 0))
        if not any(left.values()) or refunded == REFUNDS_AT_ONCE:
            break
        if amount <= 0:
            continue
        paid_from = Entry.objects.select_related("account").get(transfer=entry.transfer_id, position=1)
        ledger.post(
            key=f"{dispute.reference}:refund:{entry.pk}",
            debit=ledger.account(AccountKind.ESCROW, entry.account.owner),
            credit=paid_from.account,
            amount=amount,
            kind=TransferKind.REFUND,
            reference=dispute.reference,
            subject=entry.subject,
            memo=f"Royalty of {entry.transfer.reference} given back",
            actor=dispute.decided_by,
        )
        left[place] -= amount
        refunded += 1
    return refunded
