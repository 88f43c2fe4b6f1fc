"""Batches of payouts: made, approved, sent to the bank or through Stripe, settled; and payouts that came back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.ledger.money import formatted
from market.payments.four_eyes import for_one_batch, require_another
from market.payments.models import (
    BatchApproval,
    BatchState,
    Payout,
    PayoutBatch,
    PayoutState,
)
from market.payments.payouts import give_back
from market.payments.sepa import NotWritable, pain_file
from market.refusals import Refused

BY_BANK = Q(stripe_account="")


def make_batch(admin: User) -> PayoutBatch:
    """Put the waiting payouts that another admin can approve into one batch. Raises Refused if there is none."""
    require_admin(admin)
    with transaction.atomic():
        waiting = list(
            Payout.objects.select_for_update(skip_locked=True)
            .filter(state=PayoutState.REQUESTED)
            .order_by("created_at")
        )
        if not waiting:
            raise Refused("Nobody waits to be paid.")
        waiting = for_one_batch(waiting, admin)
        total = sum(payout.amount for payout in waiting)
        batch = PayoutBatch.objects.create(total=total, made_by=admin)
        Payout.objects.filter(pk__in=[payout.pk for payout in waiting]).update(
            state=PayoutState.BATCHED, batch=batch
        )
        record(
            "payout.batch_made",
            by=admin,
            target=batch,
            details={
                "total": formatted(total),
                "payouts": [str(payout) for payout in waiting],
                "approvals_needed": batch.approvals_needed,
            },
        )
        return batch


def approve_batch(batch: PayoutBatch, admin: User) -> PayoutBatch:
    """Add an admin's approval. With the last needed one the bank's file is made. Nobody approves their own payout."""
    require_admin(admin)
    with transaction.atomic():
        batch = PayoutBatch.objects.select_for_update().get(pk=batch.pk)
        if batch.state != BatchState.DRAFT:
            raise Refused(f"This batch is approved already: it is {batch.get_state_display().lower()}.")
        if batch.payouts.filter(person=admin).exists():
            raise Refused("This batch has a payout to you: others have to approve it.")
        require_another(batch, admin)
        _, added = BatchApproval.objects.get_or_create(batch=batch, admin=admin)
        if not added:
            raise Refused("You have approved this batch already. Another admin has to, too.")
        if batch.approvals.count() >= batch.approvals_needed:
            batch.state = BatchState.APPROVED
            try:
                batch.pain = pain_file(
                    batch, list(batch.payouts.filter(BY_BANK).order_by("created_at", "pk"))
                )
            except NotWritable as error:
                raise Refused(f"{error} Refuse that payout, or correct the setting.") from error
            batch.save(update_fields=["state", "pain"])
        record(
            "payout.batch_approved",
            by=admin,
            target=batch,
            changes={"state": (BatchState.DRAFT, batch.state)} if batch.state != BatchState.DRAFT else None,
            details={
                "total": formatted(batch.total),
                "approvals": batch.approvals.count(),
                "approvals_needed": batch.approvals_needed,
            },
        )
        return batch


def dissolve_batch(batch: PayoutBatch, admin: User) -> None:
    """Undo a batch that is not approved: its payouts wait again. Raises Refused if it is approved."""
    require_admin(admin)
    with transaction.atomic():
        draft = PayoutBatch.objects.select_for_update().filter(pk=batch.pk, state=BatchState.DRAFT).first()
        if draft is None:
            raise Refused("Only a batch that is not approved yet can be dissolved.")
        freed = draft.payouts.update(state=PayoutState.REQUESTED, batch=None)
        record(
            "payout.batch_dissolved",
            by=admin,
            target=draft,
            details={"total": formatted(draft.total), "payouts": freed},
        )
        draft.delete()


def send_batch(batch: PayoutBatch, admin: User) -> None:
    """Note that the bank has the file, and let the sweeper transfer the rest.

    Raises Refused unless the batch is approved and not sent yet.
    """
    require_admin(admin)
    require_another(batch, admin)
    with transaction.atomic():
        if not PayoutBatch.objects.filter(pk=batch.pk, state=BatchState.APPROVED).update(
            state=BatchState.SENT, sent_at=timezone.now()
        ):
            raise Refused("Only an approved batch can be sent, and only once.")
        Payout.objects.filter(batch=batch, state=PayoutState.BATCHED).update(state=PayoutState.SENT)
        record(
            "payout.batch_sent",
            by=admin,
            target=batch,
            changes={"state": (BatchState.APPROVED, BatchState.SENT)},
            details={"total": formatted(batch.total)},
        )


def settle_batch(batch: PayoutBatch, admin: User) -> int:
    """Note that the bank has paid every payout of a sent batch that was not returned. Give how many."""
    require_admin(admin)
    with transaction.atomic():
        sent = PayoutBatch.objects.select_for_update().filter(pk=batch.pk, state=BatchState.SENT).first()
        if sent is None:
            raise Refused("Only a batch that was sent can be settled, and only once.")
        left = sent.payouts.filter(state=PayoutState.SENT)
        if left.exclude(BY_BANK).exists():
            raise Refused("Some of it is still on its way through Stripe. Try again in a few minutes.")
        paid = left.update(state=PayoutState.PAID, ended_at=timezone.now())
        _settle(sent)
        record(
            "payout.batch_settled",
            by=admin,
            target=batch,
            changes={"state": (BatchState.SENT, BatchState.SETTLED)},
            details={"total": formatted(batch.total), "payouts_paid": paid},
        )
        return paid


def _settle(batch: PayoutBatch) -> None:
    batch.state, batch.settled_at = BatchState.SETTLED, timezone.now()
    batch.save(update_fields=["state", "settled_at"])


def note_transferred(payout: Payout, number: str) -> None:
    """Note that Stripe has transferred a payout. A batch that has nothing for the bank is settled with its last one."""
    with _ending(payout):
        Payout.objects.filter(pk=payout.pk, state=PayoutState.SENT).update(
            state=PayoutState.PAID, stripe_transfer=number, ended_at=timezone.now()
        )


def note_returned(payout: Payout, reason: str) -> None:
    """Give back a payout that Stripe refused to transfer."""
    with _ending(payout):
        give_back(payout, PayoutState.SENT, PayoutState.RETURNED, reason[:200], None)


@contextmanager
def _ending(payout: Payout) -> Iterator[None]:
    """End a payout that goes through Stripe. If it was the last of a batch without payouts by the bank, end the batch."""
    with transaction.atomic():
        batch = PayoutBatch.objects.select_for_update(of=("self",)).get(payouts=payout)
        yield
        through_bank = batch.payouts.filter(BY_BANK)
        left = batch.payouts.filter(state=PayoutState.SENT)
        if batch.state == BatchState.SENT and not through_bank.exists() and not left.exists():
            _settle(batch)


def return_payout(payout: Payout, admin: User, reason: str) -> None:
    """Give a payout back that cannot be paid. It was refused before the bank had it, or the bank returned it, even after paying."""
    require_admin(admin)
    if not reason.strip():
        raise Refused("Say why it is given back.")
    if payout.state != PayoutState.REQUESTED and not payout.is_returnable:
        raise Refused(
            "That is not possible now: dissolve its batch first, or wait until it is with the bank or Stripe has answered."
        )
    after = PayoutState.CANCELLED if payout.state == PayoutState.REQUESTED else PayoutState.RETURNED
    before, reason = PayoutState(payout.state), reason.strip()[:200]
    with transaction.atomic():
        give_back(payout, before, after, reason, admin)
        record(
            "payout.refused" if after == PayoutState.CANCELLED else "payout.returned",
            by=admin,
            target=payout,
            changes={"state": (before, after)},
            reason=reason,
            details={"person": str(payout.person), "amount": formatted(payout.amount)},
        )
