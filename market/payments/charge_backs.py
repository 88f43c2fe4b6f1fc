"""What a charge-back does: until an admin decides, it stops the payer, and freezes what their money paid to others.

A wallet does not say which top-up paid for what. So the missing money (all that was taken back, less what the wallet still has)
counts as having paid for the latest requests. What the receivers of these still have in their earnings goes to escrow. Payouts
use up the oldest earnings first. What was paid out is never replaced by what other plug-ins or payers brought. Requests that
were still running are captured later: the sweeper freezes what those pay, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.formats import date_format

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, Transfer, TransferKind
from market.ledger.money import formatted
from market.ledger.queries import FEE_LINES
from market.payments.escrow import Frozen, by_person
from market.payments.freezing import freeze, frozen_for, return_all, return_refunded
from market.payments.models import ChargeBack, ChargeBackState, TakenBackBy, TopUp, TopUpState
from market.refusals import Refused


def open_case_of(person: User) -> ChargeBack | None:
    """Give the first charge-back that stops a person's account. None if there is none."""
    return (
        ChargeBack.objects.filter(top_up__person=person, state=ChargeBackState.OPEN)
        .select_related("top_up")
        .order_by("opened_at")
        .first()
    )


def why_stopped(person: User) -> str:
    """Say why a person can neither order anything that costs money nor top up, and what to do. "" if they can."""
    case = open_case_of(person)
    if case is None:
        return ""
    how = "charged back" if case.top_up.taken_back_by == TakenBackBy.DISPUTE else "taken back"
    return (
        f"Your account has been stopped for payments since {date_format(case.opened_at, 'j F Y')}: a top-up of {formatted(case.top_up.amount)} was "
        f"{how}. Until an admin has decided, you can neither ask for pictures or combinations nor top up. If it was a mistake, withdraw it "
        "at your bank, and write to the market's admins."
    )


def require_not_stopped(person: User) -> None:
    """Raise Refused while a charge-back of the person's is undecided."""
    if why := why_stopped(person):
        raise Refused(why)


def look_at(top_up: TopUp) -> ChargeBack | None:
    """Open a case for a top-up that was charged back, or taken back after it was spent. Freeze what it paid. Safe to repeat."""
    with transaction.atomic():
        top_up = TopUp.objects.select_for_update(of=("self",)).select_related("person").get(pk=top_up.pk)
        spent = top_up.state == TopUpState.OWED and _missing(top_up.person, top_up.currency) > 0
        charged_back = top_up.is_taken_back and top_up.taken_back_by == TakenBackBy.DISPUTE
        if not spent and not charged_back:
            return None
        case, made = ChargeBack.objects.get_or_create(top_up=top_up)
        if not made and top_up.state == TopUpState.OWED and case.state != ChargeBackState.OPEN:
            # More was taken back than the decision was about.
            case.state, case.opened_at = ChargeBackState.OPEN, timezone.now()
            case.decided_at, case.decided_by, case.decision = None, None, ""
            case.save(update_fields=["state", "opened_at", "decided_at", "decided_by", "decision"])
        follow(case)
    return case


def follow(case: ChargeBack) -> int:
    """Freeze what an open case reaches and is not frozen yet. Return what it no longer reaches. Give how many transfers."""
    with transaction.atomic():
        # Two sweepers take turns: the second sees what the first froze.
        locked = (
            ChargeBack.objects.select_for_update(of=("self",))
            .select_related("top_up__person")
            .filter(pk=case.pk, state=ChargeBackState.OPEN)
            .first()
        )
        if locked is None:
            return 0
        if locked.top_up.state != TopUpState.OWED:
            return release(locked, "The wallet has given it back")
        moved = return_refunded(locked.reference)
        return moved + sum(
            freeze(entry, amount, held_for=locked.reference, why="Charged back", charge_back=locked)
            for entry, amount in _paid_with(locked.top_up)
        )


def sweep_charge_backs() -> int:
    """Open cases for money that was spent meanwhile, and continue open ones. Give how many changed."""
    unseen = TopUp.objects.filter(state=TopUpState.OWED).exclude(charge_back__state=ChargeBackState.OPEN)
    opened = sum(look_at(top_up) is not None for top_up in unseen)
    return opened + sum(bool(follow(case)) for case in ChargeBack.objects.filter(state=ChargeBackState.OPEN))


def in_escrow(case: ChargeBack) -> list[Frozen]:
    """Give what lies in escrow for a charge-back, by person."""
    return by_person((each.person, each.amount) for each in frozen_for(case.reference))


def release(case: ChargeBack, why: str) -> int:
    """Return a case's escrow to those who earned it. Give how many transfers."""
    return return_all(case.reference, why)


def take(case: ChargeBack, by: User) -> None:
    """Pay a case's escrow to the gateway, which has taken the money back."""
    top_up = case.top_up
    for each in frozen_for(case.reference).select_related("entry"):
        each.settled_by = ledger.post(
            key=f"{case.reference}:taken:{each.pk}",
            debit=ledger.account(AccountKind.ESCROW, each.person, currency=top_up.currency),
            credit=ledger.account(AccountKind.GATEWAY_CLEARING, currency=top_up.currency),
            amount=each.amount,
            kind=TransferKind.CHARGEBACK,
            reference=f"top-up:{top_up.pk}",
            subject=each.entry.subject,
            memo=f"Charged back: {each.entry.memo}"[:200],
            actor=by,
        )
        each.save(update_fields=["settled_by"])


def borne_by(top_up: TopUp) -> QuerySet[Transfer]:
    """Give the transfers by which people other than the payer paid back what was taken back of a top-up."""
    return Transfer.objects.filter(
        reference=f"top-up:{top_up.pk}", kind=TransferKind.CHARGEBACK, reversed_by=None
    )


def borne(top_up: TopUp) -> int:
    return int(borne_by(top_up).aggregate(total=Sum("amount"))["total"] or 0)


def _missing(person: User, currency: str) -> int:
    """Give how much of the money taken back was spent: the wallet neither has it nor gave it back since."""
    owed = TopUp.objects.filter(person=person, currency=currency, state=TopUpState.OWED)
    taken_back = {f"top-up:{top_up.pk}": top_up.taken_back for top_up in owed}
    wallet = ledger.account(AccountKind.WALLET, person, currency)
    given = Entry.objects.filter(
        account=wallet,
        transfer__kind=TransferKind.CHARGEBACK,
        transfer__reference__in=taken_back,
        transfer__reversed_by=None,
    ).aggregate(total=Sum("amount"))["total"]
    return sum(taken_back.values()) + int(given or 0) - ledger.balance(wallet).posted


def _paid_with(top_up: TopUp) -> Iterator[tuple[Entry, int]]:
    """Give the lines by which the missing money paid others, the latest first, each with the part of it that counts."""
    left = _missing(top_up.person, top_up.currency)
    if left <= 0 or top_up.transfer is None:
        return
    wallet = ledger.account(AccountKind.WALLET, top_up.person, top_up.currency)
    charges = Entry.objects.filter(
        account=wallet,
        line="charge",
        created_at__gte=top_up.transfer.created_at,
        transfer__kind=TransferKind.CAPTURE,
        transfer__reversed_by=None,
    )
    for charge in charges.order_by("-pk").iterator(chunk_size=200):
        counted = min(left, -charge.amount)
        lines = Entry.objects.filter(
            transfer=charge.transfer_id, account__kind=AccountKind.EARNINGS, line__in=FEE_LINES
        )
        for line in lines.select_related("account__owner"):
            yield line, line.amount * counted // -charge.amount
        left -= counted
        if left <= 0:
            return
