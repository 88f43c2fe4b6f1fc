"""Pay people what they earned: they ask for a payout, or cancel it. `batches` has what admins do with it.

The money leaves a person's earnings at the moment they ask, so that they cannot ask for it twice. If a payout ends without
payment, that transfer is reversed. What was earned within the reserve period stays: a dispute may still take it back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.crypto import salted_hmac

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.ledger import operations as ledger
from market.ledger.errors import InsufficientFunds
from market.ledger.models import AccountKind, Entry, Figure, FigureSort, Transfer, TransferKind
from market.ledger.money import formatted
from market.ledger.queries import FEE_LINES
from market.payments.holding import Held, held_for
from market.payments.models import (
    Payout,
    PayoutDetails,
    PayoutState,
    Schedule,
)
from market.payments.models.payouts import CENT
from market.payments.withholding import rate_of, withheld
from market.refusals import Refused, gone_on, invalid

MONTHLY_DAYS = 3  # days of a month in which monthly payouts are asked for


@dataclass(frozen=True)
class Payable:
    """What a person could be paid now, in micro-units: the balance without the reserve, in whole cents.

    held: for how long earnings are in reserve, and why.
    """

    balance: int
    in_reserve: int
    held: Held

    @property
    def amount(self) -> int:
        return max(0, self.balance - self.in_reserve) // CENT * CENT


def payable(person: User) -> Payable:
    """Give the balance of the person's earnings, and how much of it is too recent to be paid."""
    account = ledger.account(AccountKind.EARNINGS, person)
    held = held_for(person)
    since = timezone.now() - timedelta(days=held.days)
    lately = Entry.objects.filter(account=account, line__in=FEE_LINES, created_at__gt=since).order_by()
    # A reversal counts in the period of what it reverses. Else old money would pay for a new request that was taken back.
    lately = lately.filter(Q(transfer__reverses=None) | Q(transfer__reverses__created_at__gt=since))
    came_in = _by_subject(lately)
    # What lies in escrow is no longer in the balance. It counts as the latest of what its plug-in earned.
    escrowed = Figure.spans.ever().filter(sort=FigureSort.LINE, account=account, line=TransferKind.ESCROW)
    frozen = _by_subject(escrowed.filter(subject__in=came_in).order_by())
    in_reserve = sum(max(0, amount + min(0, frozen.get(subject, 0))) for subject, amount in came_in.items())
    return Payable(ledger.balance(account).posted, in_reserve, held)


def _by_subject(rows: QuerySet[Entry] | QuerySet[Figure]) -> dict[str, int]:
    return {row["subject"]: int(row["total"]) for row in rows.values("subject").annotate(total=Sum("amount"))}


def keep_details(person: User, details: PayoutDetails) -> PayoutDetails:
    """Save the account to which a person is paid. A changed name or account has to be checked again."""
    with transaction.atomic():
        before = PayoutDetails.objects.select_for_update().filter(person=person).first()
        details.person = person
        details.pk = before.pk if before else None
        if before and _destination(before) == _destination(details):
            details.verified_at, details.verified_by = before.verified_at, before.verified_by
            details.changed_at = before.changed_at
        else:
            details.verified_at = details.verified_by = None
            details.changed_at = timezone.now()
        details.save()
        return details


def _destination(of: PayoutDetails) -> tuple[str, ...]:
    return of.holder, of.iban, of.bic, of.stripe_account


def verify_details(details: PayoutDetails, admin: User) -> bool:
    """Note that an admin has checked whose account it is. If the details changed since the admin saw them, nothing is noted."""
    require_admin(admin)
    if details.person_id == admin.pk:
        raise Refused("Somebody else has to check your own details.")
    seen = PayoutDetails.objects.filter(pk=details.pk, changed_at=details.changed_at, verified_at=None)
    now = timezone.now()
    with transaction.atomic():
        if not seen.update(verified_at=now, verified_by=admin):
            return False
        record(
            "payout.details_verified",
            by=admin,
            target=details,
            changes={"verified_at": (None, now)},
            details={"person": str(details.person)},
        )
        return True


def request_payout(*, person: User, amount: int, request_id: uuid.UUID) -> Payout:
    """Take an amount out of a person's earnings, to pay it to them. The same request again gives the same payout."""
    with transaction.atomic():
        # Two requests at once take turns here: each sees what the other left.
        details = PayoutDetails.objects.select_for_update().filter(person=person).first()
        made = Payout.objects.filter(pk=request_id).first()
        if made is not None:
            if made.person_id != person.pk:
                raise invalid("This request was used by somebody else.")
            if made.gross != amount or not made.is_open:
                raise invalid("This form was sent before and is already answered. Open the page again.")
            return made
        if details is None:
            raise invalid("Say first where to pay it to.")
        if not details.is_verified:
            raise invalid("Your account still has to be checked. You can be paid after that.")
        most = payable(person).amount
        if amount % CENT:
            raise invalid("Banks move whole cents.")
        if amount < settings.PAYOUTS.minimum_micros:
            raise invalid(f"The least that can be paid out is {formatted(settings.PAYOUTS.minimum_micros)}.")
        if amount > most:
            raise invalid(f"At most {formatted(most)} can be paid out now.")
        tax = withheld(amount, rate_of(person))
        try:
            with transaction.atomic():
                sent = _leave(request_id, person, amount - tax, TransferKind.PAYOUT)
                kept = _leave(request_id, person, tax, TransferKind.WITHHOLDING) if tax else None
        except InsufficientFunds as error:
            raise invalid(f"At most {formatted(error.available)} can be paid out now.") from error
        return Payout.objects.create(
            pk=request_id, person=person, amount=amount - tax, withheld=tax, holder=details.holder, iban=details.iban,
            bic=details.bic, stripe_account=details.stripe_account, transfer=sent, withholding=kept,
        )  # fmt: skip


def _leave(request_id: uuid.UUID, person: User, amount: int, kind: TransferKind) -> Transfer:
    """Take the amount sent, or its tax, out of the earnings."""
    taxed = kind == TransferKind.WITHHOLDING
    return ledger.post(
        key=f"payout:{request_id}:tax" if taxed else f"payout:{request_id}",
        debit=ledger.account(AccountKind.EARNINGS, person),
        credit=ledger.account(AccountKind.TAX_WITHHELD if taxed else AccountKind.PAYOUT_CLEARING),
        amount=amount,
        kind=kind,
        reference=f"payout:{request_id}",
        subject=f"payout:{request_id}",
        actor=person,
    )


def cancel_payout(payout: Payout, person: User) -> None:
    """Return the money to the earnings, as long as no batch has the payout. Raises Refused after that."""
    if payout.person_id != person.pk:
        raise Refused("Only who asked for a payout can cancel it.")
    give_back(payout, PayoutState.REQUESTED, PayoutState.CANCELLED, "cancelled", person)


def request_monthly() -> int:
    """In the first days of a month, ask for payouts for everybody who wants them monthly. Give how many were made."""
    today = timezone.localdate()
    if today.day > MONTHLY_DAYS:
        return 0
    made = 0
    wanted = PayoutDetails.objects.filter(
        schedule=Schedule.MONTHLY, verified_at__isnull=False, person__is_active=True
    )
    for details in wanted.select_related("person"):
        # Nobody else can guess the number and use it first.
        name = f"{details.person_id}:{today:%Y-%m}"
        request_id = uuid.UUID(bytes=salted_hmac("payments.monthly", name, algorithm="sha256").digest()[:16])
        if Payout.objects.filter(pk=request_id).exists():
            continue
        amount = payable(details.person).amount
        if amount < settings.PAYOUTS.minimum_micros:
            continue
        try:
            request_payout(person=details.person, amount=amount, request_id=request_id)
        except Refused:
            continue  # changed meanwhile: the next sweep looks again
        made += 1
    return made


def give_back(
    payout: Payout, before: PayoutState, after: PayoutState, reason: str, actor: User | None
) -> None:
    with transaction.atomic():
        changed = Payout.objects.filter(pk=payout.pk, state=before).update(
            state=after, reason=reason, ended_at=timezone.now()
        )
        if not changed:
            raise gone_on("payout")
        ledger.reverse(
            transfer=payout.transfer_id, key=f"payout:{payout.pk}:back", reason=reason, actor=actor
        )
        if payout.withholding_id:
            ledger.reverse(
                transfer=payout.withholding_id,
                key=f"payout:{payout.pk}:tax:back",
                reason=reason,
                actor=actor,
            )
