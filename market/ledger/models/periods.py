"""Closed periods: nothing is posted into them any more."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ClosedPeriod(models.Model):
    """The end of everything closed, and the sum of every kind of account there. Only `ledger_close_period` makes rows.

    `balances` are the sums of all entries before `until`, by "kind currency". They sum to zero in each currency. They and the
    number of transfers are as they were then; `verify_ledger` counts again. (`ledger_closedperiod_of_whole_days` is in a
    migration.)
    """

    until = models.DateTimeField(unique=True, help_text="What was posted before this day, in UTC, is closed.")
    transfers = models.BigIntegerField(help_text="How many there are before that moment.")
    balances = models.JSONField()
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-until"]
        get_latest_by = "until"
        constraints = [
            models.CheckConstraint(
                condition=Q(created_at__gt=models.F("until")), name="ledger_closedperiod_is_past"
            ),
        ]

    def __str__(self) -> str:
        return f"closed until {self.until:%-d %B %Y}"
