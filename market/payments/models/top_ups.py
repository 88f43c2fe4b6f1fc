"""Top-ups and what a gateway reported of them, and the state of the offline test gateway."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from market.ledger.models import KEY_LENGTH, Transfer


class TopUpState(models.TextChoices):
    PENDING = "pending", "Waiting for the payment"
    PAID = "paid", "Paid"
    FAILED = "failed", "Not paid"
    ABANDONED = "abandoned", "Abandoned"


class TopUp(models.Model):
    """A person's wish to put money into their wallet. Paid when, and only when, its transfer is posted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="top_ups")
    amount = models.BigIntegerField(help_text="In micro-units.")
    currency = models.CharField(max_length=3, default="EUR")
    gateway = models.CharField(max_length=20)
    gateway_reference = models.CharField(max_length=KEY_LENGTH, blank=True)
    checkout_url = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=12, choices=TopUpState.choices, default=TopUpState.PENDING)
    transfer = models.OneToOneField(
        Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="top_up"
    )
    next_url = models.CharField(max_length=300, blank=True, help_text="Where the person wanted to go on.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        default=timezone.now,
        editable=False,
        help_text="When the market last asked the gateway of its own accord.",
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["asked_at"], condition=Q(state=TopUpState.PENDING), name="payments_topup_pending"
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_topup_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(state__in=TopUpState.values), name="payments_topup_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=TopUpState.PAID, transfer__isnull=False, settled_at__isnull=False)
                | (~Q(state=TopUpState.PAID) & Q(transfer__isnull=True)),
                name="payments_topup_paid_has_its_transfer",
            ),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=~Q(gateway_reference=""),
                name="payments_topup_one_per_gateway_reference",
            ),
        ]

    def __str__(self) -> str:
        return f"top-up {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("payments:top_up_status", args=[self.pk])

    @property
    def is_pending(self) -> bool:
        return self.state == TopUpState.PENDING

    @property
    def is_paid(self) -> bool:
        return self.state == TopUpState.PAID


class WebhookEvent(models.Model):
    """A message of a gateway whose signature was right: kept once, however often it came."""

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


class OfflineCheckout(models.Model):
    """The test gateway's own record of a payment; the market knows it by its reference only."""

    reference = models.CharField(max_length=60, primary_key=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    return_url = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=CheckoutState.choices, default=CheckoutState.OPEN)
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
