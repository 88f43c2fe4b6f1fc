"""Rates of the tax that is kept back from what a person is paid out."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

HIGHEST = 5000
AT_ONCE = timedelta(minutes=10)  # a form that was open for a while


class WithholdingRate(models.Model):
    """The share of a person's payouts that is kept for a tax office, from a moment on. Only added to."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="withholding_rates"
    )
    basis_points = models.PositiveIntegerField(help_text="1500 is 15 %; 5000 is the highest.")
    valid_from = models.DateTimeField(default=timezone.now, help_text="Not in the past. In UTC.")
    reason = models.CharField(max_length=200, help_text="Such as the treaty, or the certificate seen.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["person", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "valid_from"], name="payments_withholdingrate_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(basis_points__lte=HIGHEST), name="payments_withholdingrate_at_most_half"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="payments_withholdingrate_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(made_by=F("person")), name="payments_withholdingrate_not_set_by_oneself"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__gte=F("made_at") - AT_ONCE),
                name="payments_withholdingrate_not_for_the_past",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.basis_points / 100:g} % of {self.person} from {self.valid_from:%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        if self.valid_from < timezone.now() - AT_ONCE:
            raise ValidationError({"valid_from": "A rate cannot begin in the past: what was paid was paid."})
