"""What happened to a claim, step by step, and what its sides wrote to each other. Both are only added to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual

TEXT_LENGTH = 4000


class StepKind(models.TextChoices):
    DRAFTED = "drafted", "Draft begun"
    SUBMITTED = "submitted", "Submitted"
    MEASURING = "measuring", "Evidence asked for"
    MEASURING_FAILED = "measuring_failed", "Evidence not made"
    EVIDENCE_READY = "evidence_ready", "Evidence ready"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    APPEALED = "appealed", "Appealed"
    WITHDRAWN = "withdrawn", "Withdrawn"
    REMINDED = "reminded", "Reminded of the deadline"
    ESCALATED = "escalated", "Passed on to the admins: no answer in time"


class ClaimStep(models.Model):
    """One step of a claim: what, who (nobody: the market itself) and when. Append-only, also in the database."""

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=16, choices=StepKind.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in StepKind]), name="claims_claimstep_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class ClaimMessage(models.Model):
    """What one side, or an admin, wrote to the other. Append-only, also in the database."""

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="messages")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(max_length=TEXT_LENGTH)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(text__regex=r"\S") & Q(LessThanOrEqual(Length("text"), TEXT_LENGTH)),
                name="claims_claimmessage_says_something_short",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by}: {self.text[:60]}"
