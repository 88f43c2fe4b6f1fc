"""Refund a request, once: by reversing its payment, or from the market's own revenue."""

from __future__ import annotations

from django.db import transaction

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.generation.models import GenerationRequest
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, Transfer, TransferKind
from market.ledger.money import formatted
from market.payments.freezing import given_back_of
from market.refusals import Refused


def capture_of(request: GenerationRequest) -> Transfer | None:
    return Transfer.objects.filter(reference=request.reference, kind=TransferKind.CAPTURE).first()


def refund_of(capture: Transfer) -> Transfer | None:
    """Give the transfer that refunded a request, if there is one."""
    given_back = Transfer.objects.filter(reference=capture.reference, kind=TransferKind.REFUND)
    return Transfer.objects.filter(reverses=capture).first() or given_back.first()


def refund_query(request: GenerationRequest, admin: User, reason: str, *, from_receivers: bool) -> Transfer:
    """Refund a request's price to its payer, from what its receivers got or from the market's revenue.

    Raises Refused for a request that was not charged, was refunded before, or of which a flag of trade gave some back.
    """
    require_admin(admin)
    if request.person_id == admin.pk:
        raise Refused("Another admin has to refund your own requests.")
    reason = reason.strip()[:200]
    if not reason:
        raise Refused("Say why it is refunded.")
    with transaction.atomic():
        # Two admins at once take turns here: the second sees what the first did.
        GenerationRequest.objects.select_for_update().get(pk=request.pk)
        capture = capture_of(request)
        if capture is None:
            raise Refused("This request was not charged: there is nothing to refund.")
        if refund_of(capture):
            raise Refused("This request was refunded before.")
        if given_back := given_back_of(capture):
            raise Refused(f"An upheld flag of trade gave {formatted(given_back)} of it back to who paid.")
        if from_receivers:
            made = ledger.reverse(
                transfer=capture, key=f"{request.reference}:refund", reason=reason, actor=admin
            )
        else:
            payer = Entry.objects.select_related("account").get(transfer=capture, position=1).account
            made = ledger.post(
                key=f"{request.reference}:refund",
                debit=ledger.account(AccountKind.PLATFORM_REVENUE, currency=capture.currency),
                credit=payer,
                amount=capture.amount,
                kind=TransferKind.REFUND,
                reference=request.reference,
                memo=reason,
                actor=admin,
            )
        record(
            "query.refunded",
            by=admin,
            target=request,
            reason=reason,
            details={
                "transfer": made.pk,
                "amount": formatted(made.amount),
                "paid_by": "receivers" if from_receivers else "market",
            },
        )
    return made
