"""Put money into a wallet: start a top-up, and settle it exactly once, however often and by whomever it is reported.

If the gateway takes money back later, it leaves the wallet again, if the wallet has it. Otherwise it is noted as owed, tried
again, and shown to admins, who decide about it (`taken_back`).
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.ledger import operations as ledger
from market.ledger.errors import AlreadyReversed, InsufficientFunds
from market.ledger.models import MICROS, AccountKind, Transfer, TransferKind
from market.ledger.money import formatted
from market.payments.charge_backs import borne_by, look_at, release, require_not_stopped
from market.payments.gateways.protocol import (
    TAKEN_BACK,
    Event,
    Gateway,
    GatewayDown,
    GatewayUnavailable,
    Payment,
    PaymentError,
    PaymentMismatch,
    PaymentStatus,
    UnknownPayment,
)
from market.payments.gateways.registry import gateway_named
from market.payments.models import (
    ChargeBack,
    FrozenEarning,
    TakenBackBy,
    TopUp,
    TopUpState,
    WebhookEvent,
)
from market.payments.models.top_ups import ASK_AFTER, UNPAID
from market.payments.traces import remember_card
from market.refusals import invalid

log = logging.getLogger(__name__)

LEAST = 1 * MICROS
MOST = 500 * MICROS
FULL_WALLET = 2000 * MICROS
"""No top-up takes a wallet above this, however many are begun before one is paid. A wallet is for spending, not for saving."""

ABANDON_AFTER = timedelta(days=1)
ASK_UNPAID_FOR = timedelta(days=30)  # a direct debit may take weeks
ASK_PAID_FOR = timedelta(days=120)  # in which cards can be charged back
ASK_OWED_AFTER = timedelta(minutes=10)
RECONCILE_FOR = 10.0
"""Seconds after which a round of asking gateways ends. The sweeper has other work, and the next round continues."""


def room_of(person: User, besides: uuid.UUID | None = None) -> int:
    """How much the person may put into their wallet now, in micro-units. Pending top-ups count, except `besides`."""
    waiting = TopUp.objects.filter(person=person, state__in=(TopUpState.PENDING, TopUpState.PROCESSING))
    if besides is not None:
        waiting = waiting.exclude(pk=besides)
    coming = int(waiting.aggregate(total=Sum("amount"))["total"] or 0)
    posted = ledger.balance(ledger.account(AccountKind.WALLET, person)).posted
    return max(0, min(MOST, FULL_WALLET - posted - coming))


def start_top_up(
    *, person: User, amount: int, gateway: Gateway, request_id: uuid.UUID, next_url: str = ""
) -> TopUp:
    """Record the top-up and open the gateway's checkout. The same request again returns the same top-up."""
    with transaction.atomic():
        # The person's other top-ups wait here, so that those started at the same moment are counted, too.
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        existing = TopUp.objects.filter(pk=request_id).first()
        if existing is None:
            require_not_stopped(person)
            if amount < LEAST or amount > room_of(person):
                raise invalid("The amount is outside the limits.")
            existing, _ = TopUp.objects.get_or_create(
                pk=request_id,
                defaults={"person": person, "amount": amount, "gateway": gateway.name, "next_url": next_url},
            )
    if existing.person_id != person.pk:
        raise invalid("This request was used by somebody else.")
    if (existing.amount, existing.gateway) != (amount, gateway.name):
        raise invalid("This form was sent before, for something else. Open the page again.")
    if not existing.gateway_reference:
        # Outside a transaction: a real gateway answers over the network.
        checkout = gateway_named(existing.gateway).start(existing)
        existing.gateway_reference, existing.checkout_url = checkout.reference, checkout.url
        existing.save(update_fields=["gateway_reference", "checkout_url"])
    return existing


def settle(gateway: str, payment: Payment) -> TopUp:
    """Act on what the gateway says about a payment.

    Any number of calls, in any order, credit the wallet once and debit it once. Paid overrides every earlier state: a payment
    that arrives after the top-up failed or was abandoned is still credited. A payment that was taken back was paid before,
    whether or not the gateway has told so.
    """
    top_up = _meant(gateway, payment)
    paid = payment.status == PaymentStatus.PAID and payment.amount == top_up.amount
    taken_back = payment.status in TAKEN_BACK and payment.amount <= top_up.amount
    if payment.currency != top_up.currency or not (paid or taken_back or payment.status in _UNDECIDED):
        raise PaymentMismatch(
            f"{payment.amount} {payment.currency} were {payment.status.value} for {top_up}, which asked for {top_up.amount} "
            f"{top_up.currency}. Nothing was credited."
        )
    if payment.charge and not top_up.gateway_charge:
        TopUp.objects.filter(pk=top_up.pk, gateway_charge="").update(gateway_charge=payment.charge)
    with transaction.atomic():
        if payment.card:
            remember_card(top_up.person, gateway, payment.card)
        if paid or taken_back:
            _credit(top_up)
        if taken_back:
            _take_back(top_up, payment)
        elif payment.status == PaymentStatus.PROCESSING:
            TopUp.objects.filter(pk=top_up.pk, state__in=(TopUpState.PENDING, TopUpState.ABANDONED)).update(
                state=TopUpState.PROCESSING, settled_at=None
            )
        elif payment.status == PaymentStatus.FAILED:
            TopUp.objects.filter(pk=top_up.pk, state__in=(TopUpState.PENDING, TopUpState.PROCESSING)).update(
                state=TopUpState.FAILED, settled_at=timezone.now()
            )
    top_up.refresh_from_db()
    return top_up


_UNDECIDED = (PaymentStatus.OPEN, PaymentStatus.PROCESSING, PaymentStatus.FAILED)


def _meant(gateway: str, payment: Payment) -> TopUp:
    named = Q(gateway_reference=payment.reference) if payment.reference else Q(gateway_charge=payment.charge)
    top_up = TopUp.objects.select_related("person").filter(named, gateway=gateway).first()
    if top_up is None or not (payment.reference or payment.charge):
        raise UnknownPayment(f"The market did not start a payment {payment.reference or payment.charge}.")
    return top_up


def _credit(top_up: TopUp) -> None:
    transfer = ledger.post(
        key=f"top-up:{top_up.pk}",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING, currency=top_up.currency),
        credit=ledger.account(AccountKind.WALLET, top_up.person, currency=top_up.currency),
        amount=top_up.amount,
        kind=TransferKind.TOP_UP,
        subject=f"gateway:{top_up.gateway}",
        reference=f"top-up:{top_up.pk}",
    )
    now = timezone.now()
    TopUp.objects.filter(pk=top_up.pk, transfer=None).update(
        state=TopUpState.PAID, transfer=transfer, settled_at=now, ask_at=now + timedelta(days=1)
    )


def _take_back(top_up: TopUp, payment: Payment) -> None:
    # Only if it is more than before: an older message that comes late reports less.
    risen = TopUp.objects.filter(pk=top_up.pk, taken_back__lt=payment.amount).update(
        state=TopUpState.OWED,
        taken_back=payment.amount,
        taken_back_by=payment.status.value,
        taken_back_at=timezone.now(),
        decision="",
        decided_by=None,
        ask_at=timezone.now() + ASK_OWED_AFTER,
    )
    if risen:
        return_owed(top_up)
        look_at(top_up)


def return_owed(top_up: TopUp, by: User | None = None) -> bool:
    """Reverse a top-up that was taken back in full, if the wallet can give it back. Give whether it did.

    A top-up taken back in part is left to an admin: the ledger reverses only whole transfers. What the market bore of it before
    is undone as well.
    """
    with transaction.atomic():
        # Locked, so that no admin decides about it meanwhile.
        top_up = TopUp.objects.select_for_update().get(pk=top_up.pk)
        if not _waits_for_wallet(top_up) or top_up.transfer_id is None:
            return False
        try:
            reversal = ledger.reverse(
                transfer=top_up.transfer_id,
                key=f"top-up:{top_up.pk}:back",
                reason=f"{TakenBackBy(top_up.taken_back_by).label} at the gateway",
            )
        except AlreadyReversed:
            reversal = Transfer.objects.get(reverses=top_up.transfer_id)
        except InsufficientFunds as error:
            log.warning("The wallet of %s cannot give %s back: %s", top_up.person_id, top_up, error)
            return False
        for borne in borne_by(top_up):
            ledger.reverse(
                transfer=borne, key=f"{borne.key}:back", reason="the wallet has given it back", actor=by
            )
            FrozenEarning.objects.filter(settled_by=borne).update(settled_by=None)
        for case in ChargeBack.objects.filter(top_up=top_up):
            release(case, "The wallet has given it back")
        top_up.state, top_up.reversal, top_up.ask_at = TopUpState.RETURNED, reversal, None
        top_up.save(update_fields=["state", "reversal", "ask_at"])
        if by is not None:
            record(
                "top_up.returned",
                by=by,
                target=top_up,
                changes={"state": (TopUpState.OWED, TopUpState.RETURNED)},
                details={"amount": formatted(top_up.amount), "person": str(top_up.person)},
            )
        return True


def _waits_for_wallet(top_up: TopUp) -> bool:
    return top_up.state == TopUpState.OWED and not top_up.is_taken_back_in_part


def receive(gateway: Gateway, event: Event) -> TopUp:
    """Store a webhook whose signature was checked, and settle what it reports."""
    kept, _ = WebhookEvent.objects.get_or_create(
        gateway=gateway.name, event_id=event.id, defaults={"body": event.kept}
    )
    WebhookEvent.objects.filter(pk=kept.pk).update(deliveries=F("deliveries") + 1)
    try:
        top_up = settle(gateway.name, event.payment)
    except PaymentError as error:
        WebhookEvent.objects.filter(pk=kept.pk).update(outcome=str(error)[:200])
        raise
    WebhookEvent.objects.filter(pk=kept.pk).update(outcome=top_up.state)
    return top_up


def ask_gateway(top_up: TopUp) -> TopUp:
    """Settle a pending top-up by asking its gateway, in case the webhook is late or lost."""
    if not top_up.is_pending:
        return top_up
    try:
        return _ask(top_up)
    except PaymentError as error:
        log.warning("Top-up %s could not be settled: %s", top_up.pk, error)
        return top_up


def reconcile() -> int:
    """Ask gateways about top-ups whose webhooks may be lost, and give up those unpaid after a day. Returns how many changed.

    Every top-up is asked about, less and less often as it ages. A failed one may be paid at a second try, and a paid one may be
    refunded. Owed ones are tried again.
    """
    started, now = time.monotonic(), timezone.now()
    changed = 0
    due = TopUp.objects.select_related("person").filter(ask_at__lte=now).order_by("ask_at")
    for top_up in list(due[:100]):
        if time.monotonic() - started > RECONCILE_FOR:
            break
        # Claimed before the gateway is asked: no other sweeper asks the same, and a failing top-up does not hold up the others.
        if not TopUp.objects.filter(pk=top_up.pk, ask_at=top_up.ask_at).update(ask_at=_next_question(top_up)):
            continue
        before = top_up.state
        try:
            if _waits_for_wallet(top_up):
                changed += return_owed(top_up)
            else:
                changed += _ask(top_up).state != before
        except PaymentError as error:
            log.warning("Top-up %s could not be settled: %s", top_up.pk, error)
            if isinstance(error, (GatewayDown, GatewayUnavailable)):
                # So would the others; the claim above finds them changed.
                TopUp.objects.filter(Q(pk=top_up.pk) | Q(ask_at__lte=now), gateway=top_up.gateway).update(
                    ask_at=timezone.now() + ASK_AFTER
                )
    return changed + TopUp.objects.filter(
        created_at__lt=now - ABANDON_AFTER, state=TopUpState.PENDING
    ).update(state=TopUpState.ABANDONED, settled_at=now)


def _ask(top_up: TopUp) -> TopUp:
    if not top_up.gateway_reference:
        return top_up
    return settle(top_up.gateway, gateway_named(top_up.gateway).look_up(top_up.gateway_reference))


def _next_question(top_up: TopUp) -> datetime | None:
    """When to ask about a top-up next. None if it is settled for good."""
    now = timezone.now()
    if _waits_for_wallet(top_up):
        return now + ASK_OWED_AFTER
    unpaid, age = top_up.state in UNPAID, now - top_up.created_at
    if age > (ASK_UNPAID_FOR if unpaid else ASK_PAID_FOR):
        return None
    return now + (max(ASK_AFTER, age / 8) if unpaid else max(timedelta(days=1), age / 2))
