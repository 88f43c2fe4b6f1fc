"""What all rates have in common: each holds from a moment on, and rows are only added."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

AT_ONCE = timedelta(minutes=10)  # for which a form may be open
NOT_FOR_THE_PAST = Q(valid_from__gte=F("made_at") - AT_ONCE)


class DatedRate(models.Model):
    """A share in basis points from a moment on, with who set it and why. Amounts computed with an earlier rate keep it."""

    basis_points = models.PositiveIntegerField(help_text="1000 is 10 %.")
    valid_from = models.DateTimeField(default=timezone.now, help_text="Not in the past. In UTC.")
    reason = models.CharField(max_length=200, help_text="For whoever reads this later.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.valid_from < timezone.now() - AT_ONCE:
            raise ValidationError({"valid_from": "A rate cannot begin in the past: what was paid was paid."})
