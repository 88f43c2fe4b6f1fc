"""Top-ups and their gateways' reports, and the state of the offline test gateway."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.ledger.models import KEY_LENGTH, Transfer

ASK_AFTER = timedelta(minutes=2)


def first_asked() -> datetime:
    """When the market asks about a new top-up, if the gateway has not reported by then."""
    return timezone.now() + ASK_AFTER


class TopUpState(models.TextChoices):
    PENDING = "pending", "Waiting for the payment"
    PROCESSING = "processing", "Being paid"
    PAID = "paid", "Paid"
    FAILED = "failed", "Not paid"
    ABANDONED = "abandoned", "Abandoned"
    OWED = "owed", "Taken back, not returned yet"
    RETURNED = "returned", "Taken back"
    BORNE = "borne", "Taken back, borne by the market"
    WON = "won", "Taken back, and paid again"


UNPAID = (
    TopUpState.PENDING.value,
    TopUpState.PROCESSING.value,
    TopUpState.FAILED.value,
    TopUpState.ABANDONED.value,
)
DECIDED = (TopUpState.BORNE.value, TopUpState.WON.value)
TAKEN_BACK = (TopUpState.OWED.value, TopUpState.RETURNED.value, *DECIDED)


class TakenBackBy(models.TextChoices):
    """How a gateway took a payment back."""

    REFUND = "refunded", "Refunded"
    DISPUTE = "disputed", "Charged back"


class TopUp(models.Model):
    """A person's order to put money into their wallet. It is credited exactly when its transfer is posted.

    If the gateway takes the money back later, the top-up is OWED. It becomes RETURNED when the wallet has given the money back,
    by a reversal of the transfer. It becomes BORNE when an admin decides that the market bears it, or that the gateway has paid
    it again (WON).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="top_ups")
    amount = models.BigIntegerField(help_text="In micro-units.")
    currency = models.CharField(max_length=3, default="EUR")
    gateway = models.CharField(max_length=20)
    gateway_reference = models.CharField(max_length=KEY_LENGTH, blank=True)
    gateway_charge = models.CharField(
        max_length=KEY_LENGTH,
        blank=True,
        help_text="What the gateway calls the money itself, by which it speaks of refunds.",
    )
    checkout_url = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=TopUpState.choices, default=TopUpState.PENDING)
    transfer = models.OneToOneField(
        Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="top_up"
    )
    next_url = models.CharField(max_length=300, blank=True, help_text="Where the person wanted to go on.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    ask_at = models.DateTimeField(
        default=first_asked,
        null=True,
        blank=True,
        editable=False,
        help_text="When the market next asks the gateway of its own accord; empty when there is nothing more to learn.",
    )
    taken_back = models.BigIntegerField(
        default=0, help_text="How much of it the gateway took back so far, in micro-units."
    )
    taken_back_by = models.CharField(max_length=10, blank=True, choices=TakenBackBy.choices)
    taken_back_at = models.DateTimeField(null=True, blank=True, help_text="When the market heard of it.")
    reversal = models.OneToOneField(
        Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="returned_top_up"
    )
    decision = models.CharField(max_length=200, blank=True, help_text="Why it was decided so.")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["ask_at"], condition=Q(ask_at__isnull=False), name="payments_topup_to_ask"),
            models.Index(
                fields=["taken_back_at"], condition=Q(state=TopUpState.OWED), name="payments_topup_owed"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_topup_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(state__in=TopUpState.values), name="payments_topup_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNPAID, transfer__isnull=True)
                | (~Q(state__in=UNPAID) & Q(transfer__isnull=False, settled_at__isnull=False)),
                name="payments_topup_paid_has_its_transfer",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=TAKEN_BACK,
                    taken_back__gt=0,
                    taken_back_at__isnull=False,
                    taken_back_by__in=TakenBackBy.values,
                )
                | (~Q(state__in=TAKEN_BACK) & Q(taken_back=0, taken_back_at__isnull=True, taken_back_by="")),
                name="payments_topup_taken_back_says_how",
            ),
            models.CheckConstraint(
                condition=Q(taken_back__lte=F("amount")), name="payments_topup_no_more_is_taken_back"
            ),
            models.CheckConstraint(
                condition=Q(state=TopUpState.RETURNED, reversal__isnull=False, taken_back=F("amount"))
                | (~Q(state=TopUpState.RETURNED) & Q(reversal__isnull=True)),
                name="payments_topup_returned_has_its_reversal",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=DECIDED, decided_by__isnull=False) & ~Q(decision=""))
                | (~Q(state__in=DECIDED) & Q(decided_by__isnull=True, decision="")),
                name="payments_topup_borne_by_a_decision",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("person")),
                name="payments_topup_not_decided_by_oneself",
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="payments_topup_one_per_gateway_reference",
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_charge"],
                condition=~Q(gateway_charge=""),
                name="payments_topup_one_per_gateway_charge",
            ),
        ]

    def __str__(self) -> str:
        return f"top-up {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("payments:top_up_status", args=[self.pk])

    @property
    def is_pending(self) -> bool:
        return self.state in (TopUpState.PENDING, TopUpState.PROCESSING)

    @property
    def is_paid(self) -> bool:
        return self.state == TopUpState.PAID

    @property
    def is_taken_back(self) -> bool:
        return self.state in TAKEN_BACK

    @property
    def is_taken_back_in_part(self) -> bool:
        return 0 < self.taken_back < self.amount


class WebhookEvent(models.Model):
    """A gateway's message with a valid signature. It is kept once, however often it came."""

    gateway = models.CharField(max_length=20)
    event_id = models.CharField(max_length=KEY_LENGTH)
    body = models.JSONField()
    outcome = models.CharField(max_length=200, blank=True)
    deliveries = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "event_id"], name="payments_webhookevent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.event_id}"


class CheckoutState(models.TextChoices):
    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    DECLINED = "declined", "Declined"
    REFUNDED = "refunded", "Refunded"
    DISPUTED = "disputed", "Charged back"


class OfflineCheckout(models.Model):
    """The test gateway's own record of a payment. The market knows only its reference."""

    reference = models.CharField(max_length=60, primary_key=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    return_url = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=CheckoutState.choices, default=CheckoutState.OPEN)
    taken_back = models.BigIntegerField(default=0, help_text="Of what was paid, in micro-units.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=CheckoutState.values), name="payments_offlinecheckout_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=CheckoutState.OPEN, decided_at__isnull=True)
                | (~Q(state=CheckoutState.OPEN) & Q(decided_at__isnull=False)),
                name="payments_offlinecheckout_decided_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=(CheckoutState.REFUNDED, CheckoutState.DISPUTED),
                    taken_back__gt=0,
                    taken_back__lte=F("amount"),
                )
                | (~Q(state__in=(CheckoutState.REFUNDED, CheckoutState.DISPUTED)) & Q(taken_back=0)),
                name="payments_offlinecheckout_taken_back_fits_state",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class OfflineNotification(models.Model):
    """A webhook that the test gateway has yet to send, or has sent, to the market."""

    checkout = models.ForeignKey(OfflineCheckout, on_delete=models.PROTECT, related_name="notifications")
    event_id = models.CharField(max_length=60, unique=True)
    body = models.TextField()
    deliver_at = models.DateTimeField(default=timezone.now)
    deliveries_left = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["deliver_at", "pk"]

    def __str__(self) -> str:
        return self.event_id
