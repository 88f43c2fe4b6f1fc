"""Disputes about plug-ins, and the money held back while one is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class DisputeState(models.TextChoices):
    FILED = "filed", "Filed"
    OPEN = "open", "Open"
    DISMISSED = "dismissed", "Dismissed"
    RELEASED = "released", "Decided for the artist"
    AWARDED = "awarded", "Decided for the claimant"
    REFUNDED = "refunded", "Given back to those who paid"


DECIDED = (DisputeState.RELEASED, DisputeState.AWARDED, DisputeState.REFUNDED)


class Dispute(models.Model):
    """Somebody says that a plug-in is not its artist's to sell.

    Anybody may file a dispute. An admin opens or dismisses it. Opening it freezes what the plug-in earned since `accrued_from`.
    While it is open, what the plug-in earns goes to escrow.
    """

    plugin = models.ForeignKey("catalog.PlugIn", on_delete=models.PROTECT, related_name="disputes")
    claimant = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="disputes_filed",
        help_text="Empty: opened by a takedown that nobody with an account here asked for.",
    )
    reason = models.TextField(max_length=4000)
    state = models.CharField(max_length=10, choices=DisputeState.choices, default=DisputeState.FILED)
    filed_at = models.DateTimeField(default=timezone.now, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    accrued_from = models.DateTimeField(
        null=True, blank=True, help_text="What the plug-in earned from then on is disputed."
    )
    frozen_once = models.BooleanField(
        default=False, editable=False, help_text="Whether what was earned before is in escrow."
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: by the rule that ends a takedown.",
    )
    decision = models.TextField(max_length=4000, blank=True, help_text="Why it was decided so.")
    settled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When nothing was left in escrow."
    )

    freezes: RelatedManager[Freeze]

    class Meta:
        ordering = ["-filed_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in DisputeState]),
                name="disputes_dispute_state_known",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="disputes_dispute_has_a_reason"),
            models.UniqueConstraint(
                fields=["plugin"], condition=Q(state="open"), name="disputes_dispute_one_open_a_plugin"
            ),
            models.UniqueConstraint(
                fields=["plugin", "claimant"],
                condition=Q(state="filed"),
                name="disputes_dispute_filed_once_a_person",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["filed", "dismissed"], opened_at=None, opened_by=None, accrued_from=None
                )
                | (
                    Q(opened_at__isnull=False, opened_by__isnull=False, accrued_from__isnull=False)
                    & ~Q(state__in=["filed", "dismissed"])
                ),
                name="disputes_dispute_opened_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["filed", "open"], decided_at=None, decided_by=None, decision="")
                | (Q(decided_at__isnull=False) & ~Q(decision="") & ~Q(state__in=["filed", "open"])),
                name="disputes_dispute_decided_with_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="awarded") | Q(claimant__isnull=False),
                name="disputes_dispute_awarded_to_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"dispute {self.pk} about {self.plugin}"

    def get_absolute_url(self) -> str:
        return reverse("disputes:dispute", args=[self.pk])

    @property
    def reference(self) -> str:
        """Name this dispute in the ledger."""
        return f"dispute:{self.pk}"


class Freeze(models.Model):
    """One transfer of a person's disputed earnings for one version: into escrow, or back if requests were taken back."""

    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="freezes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=200)
    amount = models.BigIntegerField(help_text="Micro-units; below zero, what went back to the earnings.")
    at_opening = models.BooleanField(help_text="Of what was earned before the dispute was opened.")
    transfer = models.OneToOneField("ledger.Transfer", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="disputes_freeze_amount_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.person} frozen"
