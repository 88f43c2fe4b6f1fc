"""What two accounts may share: a card, a network address, a device. Kept as digests, and not for long."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class TraceSort(models.TextChoices):
    CARD = "card", "Card"
    ADDRESS = "address", "Network address"
    DEVICE = "device", "Device"


class Trace(models.Model):
    """Something that a person paid or signed in with. The same digest for two people means the same card, address or device."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sort = models.CharField(max_length=7, choices=TraceSort.choices)
    digest = models.CharField(
        max_length=64, help_text="Keyed with the market's secret: nothing can be read from it."
    )
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "digest"], name="payments_trace_once_a_person"),
            models.CheckConstraint(
                condition=Q(sort__in=TraceSort.values), name="payments_trace_sort_is_known"
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="payments_trace_is_a_digest"
            ),
        ]
        indexes = [
            models.Index(fields=["digest"], name="payments_trace_digest"),
            models.Index(fields=["seen_at"], name="payments_trace_seen_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_sort_display()} of {self.person}"
