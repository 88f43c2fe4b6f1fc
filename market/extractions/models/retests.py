"""Plug-ins that are drawn again on a new release, and trained again if they dropped there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from market.extractions.models.builds import ReleaseBuild
from market.extractions.models.grids import GridPicture

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class RetrainingState(models.TextChoices):
    TRAINING = "training", "Being trained"
    OFFERED = "offered", "To be accepted"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    FAILED = "failed", "Not trained"


_TRAINED = (
    RetrainingState.OFFERED.value,
    RetrainingState.ACCEPTED.value,
    RetrainingState.DECLINED.value,
)


class Retest(models.Model):
    """How a published plug-in draws on a new release, compared with the release that was in use when that was built."""

    build = models.ForeignKey(ReleaseBuild, on_delete=models.PROTECT, related_name="retests")
    version = models.ForeignKey("catalog.PlugInVersion", on_delete=models.PROTECT, related_name="retests")
    before = models.ForeignKey("basemodels.BaseRelease", on_delete=models.PROTECT, related_name="+")
    figures = models.JSONField()
    dropped = models.BooleanField(help_text="It draws worse, or other pictures, than before.")

    grid: RelatedManager[RetestPicture]

    class Meta:
        ordering = ("-dropped", "pk")
        constraints = (
            models.UniqueConstraint(fields=("build", "version"), name="extractions_retest_once_a_build"),
        )

    def __str__(self) -> str:
        return f"{self.version} on {self.build}"


class Retraining(models.Model):
    """A plug-in that dropped on a release, trained again from its works with that release's eraser in place.

    The result is a version. From that release on it draws in place of the old one, but only while its artist accepts it.
    """

    retest = models.ForeignKey(Retest, on_delete=models.PROTECT, related_name="retrainings")
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="retraining")
    state = models.CharField(max_length=10, choices=RetrainingState.choices, default=RetrainingState.TRAINING)
    fee_micros = models.BigIntegerField(help_text="What the base's owner was to pay when it was begun.")
    payment = models.OneToOneField(
        "ledger.Transfer", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="None: it was free of charge, or the market bears it.",
    )  # fmt: skip
    version = models.OneToOneField(
        "catalog.PlugInVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="retraining"
    )
    figures = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    grid: RelatedManager[RetrainingPicture]

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in RetrainingState]),
                name="extractions_retraining_state_known",
            ),
            models.UniqueConstraint(
                fields=("retest",), condition=~Q(state="failed"), name="extractions_retraining_once_a_retest"
            ),
            models.CheckConstraint(
                condition=Q(state__in=_TRAINED, version__isnull=False)
                | (~Q(state__in=_TRAINED) & Q(version=None, payment=None)),
                name="extractions_retraining_trained_with_its_version",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("accepted", "declined"), decided_at__isnull=False)
                | (~Q(state__in=("accepted", "declined")) & Q(decided_at=None)),
                name="extractions_retraining_decided_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(fee_micros__gte=0) & (Q(payment=None) | Q(fee_micros__gte=1)),
                name="extractions_retraining_paid_what_was_asked",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.retest.version.plugin}, trained again for {self.retest.build}"

    def get_absolute_url(self) -> str:
        return reverse("extractions:retest", args=[self.retest_id])

    def decide(self, state: RetrainingState) -> bool:
        """Accept or decline it, whatever was decided before. False: that is its state already, or it was not trained (yet)."""
        changed = (
            Retraining.objects.filter(pk=self.pk, state__in=_TRAINED)
            .exclude(state=state)
            .update(state=state, decided_at=Now())
        )
        if changed:
            self.refresh_from_db()
        return changed == 1


class RetestPicture(GridPicture):
    of = models.ForeignKey(Retest, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:retest_picture", args=[self.of_id, self.pk])


class RetrainingPicture(GridPicture):
    of = models.ForeignKey(Retraining, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:retraining_picture", args=[self.of_id, self.pk])
