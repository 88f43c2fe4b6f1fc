"""Rates of the tax that is withheld from a person's payouts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from market.ledger.models import NOT_FOR_THE_PAST, DatedRate
from market.ledger.splits import in_percent

HIGHEST = 5000


class WithholdingRate(DatedRate):
    """The share of a person's payouts that is withheld for a tax office, from a moment on."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="withholding_rates"
    )
    basis_points = models.PositiveIntegerField(help_text="1500 is 15 %; 5000 is the highest.")
    reason = models.CharField(max_length=200, help_text="Such as the treaty, or the certificate seen.")

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
                condition=NOT_FOR_THE_PAST, name="payments_withholdingrate_not_for_the_past"
            ),
        ]

    def __str__(self) -> str:
        return f"{in_percent(self.basis_points)} of {self.person} from {self.valid_from:%Y-%m-%d %H:%M}"
