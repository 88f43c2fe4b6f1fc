"""Payments that were charged back. Until an admin decides, the payer is stopped, and what their money paid is frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from market.ledger.models import Entry, Transfer
from market.payments.models.top_ups import TopUp

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class ChargeBackState(models.TextChoices):
    """The state of a charge-back. While one is open, its payer's account is stopped."""

    OPEN = "open", "To be decided"
    RELEASED = "released", "Receivers keep what they got"
    GIVEN_BACK = "given_back", "What receivers had left was given back"
    WON = "won", "The gateway has paid again"


class ChargeBack(models.Model):
    """A top-up that was charged back, or taken back after it was spent."""

    top_up = models.OneToOneField(TopUp, on_delete=models.PROTECT, related_name="charge_back")
    state = models.CharField(max_length=10, choices=ChargeBackState.choices, default=ChargeBackState.OPEN)
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.CharField(max_length=200, blank=True, help_text="Why it was decided so.")

    freezes: RelatedManager[FrozenEarning]

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ChargeBackState.values), name="payments_chargeback_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None, decided_by=None, decision="")
                | (
                    Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(state="open") & ~Q(decision="")
                ),
                name="payments_chargeback_decided_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"charge-back of {self.top_up_id}"

    @property
    def reference(self) -> str:
        """Name it in the ledger."""
        return f"charge-back:{self.pk}"


class FrozenEarning(models.Model):
    """One receiver's part of one payment that was still in their earnings and moved to escrow; and what became of it."""

    held_for = models.CharField(
        max_length=40, help_text="The case in the ledger's words, such as charge-back:3."
    )
    charge_back = models.ForeignKey(
        ChargeBack, null=True, blank=True, on_delete=models.PROTECT, related_name="freezes"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(
        Entry, on_delete=models.PROTECT, related_name="+", help_text="The line of the payment that paid it."
    )
    amount = models.BigIntegerField(help_text="Micro-units.")
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="+")
    settled_by = models.OneToOneField(
        Transfer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Out of escrow again.",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="payments_frozenearning_amount_above_zero"
            ),
            models.CheckConstraint(
                condition=Q(charge_back__isnull=False, held_for__startswith="charge-back:")
                | (Q(charge_back=None) & ~Q(held_for="") & ~Q(held_for__startswith="charge-back:")),
                name="payments_frozenearning_held_for_one_case",
            ),
        ]
        indexes = [models.Index(fields=["held_for"], name="payments_frozenearning_case")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.person} frozen"
