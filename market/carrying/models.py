"""Upgrades of bases, and the plug-ins that are carried over to their next generation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from market.extractions.models import GridPicture

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class CarryOverState(models.TextChoices):
    CARRYING = "carrying", "Being carried over"
    OFFERED = "offered", "To be answered"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    LAPSED = "lapsed", "Not answered in time"
    UNFIT = "unfit", "Not good enough"
    FAILED = "failed", "Not carried over"


_MADE = (
    CarryOverState.OFFERED.value,
    CarryOverState.ACCEPTED.value,
    CarryOverState.DECLINED.value,
    CarryOverState.LAPSED.value,
)
_ANSWERED = (CarryOverState.ACCEPTED.value, CarryOverState.DECLINED.value, CarryOverState.LAPSED.value)
_ANSWERABLE = (CarryOverState.OFFERED, CarryOverState.DECLINED, CarryOverState.LAPSED)
"""States in which a plug-in can still be accepted: a late yes harms nobody."""


class Upgrade(models.Model):
    """The next generation of a base: the plug-ins of the one (`source`) are carried over to the other (`target`)."""

    source = models.ForeignKey("basemodels.BaseModel", on_delete=models.PROTECT, related_name="upgrades_from")
    target = models.ForeignKey("basemodels.BaseModel", on_delete=models.PROTECT, related_name="upgrades_to")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    carry_overs: RelatedManager[CarryOver]

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("source", "target"), name="carrying_upgrade_once_a_pair"),
            models.CheckConstraint(
                condition=~Q(source=F("target")), name="carrying_upgrade_is_between_two_bases"
            ),
        )

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


class CarryOverQuerySet(models.QuerySet["CarryOver"]):
    def with_everything(self) -> CarryOverQuerySet:
        return self.select_related(
            "upgrade__source__owner", "upgrade__target__owner", "version__plugin__concept", "version__plugin__owner",
            "version__plugin__base", "carried__plugin", "job",
        )  # fmt: skip

    def overdue(self, now: datetime) -> CarryOverQuerySet:
        return self.filter(state=CarryOverState.OFFERED, due_at__lte=now)


class CarryOver(models.Model):
    """A published version that is carried over. What comes of it is a version for the new base, which its artist accepts or declines.

    Nothing is drawn with it before it is accepted. On the old base nothing changes.
    """

    upgrade = models.ForeignKey(Upgrade, on_delete=models.PROTECT, related_name="carry_overs")
    version = models.ForeignKey("catalog.PlugInVersion", on_delete=models.PROTECT, related_name="carry_overs")
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="carry_over")
    state = models.CharField(max_length=10, choices=CarryOverState.choices, default=CarryOverState.CARRYING)
    carried = models.OneToOneField(
        "catalog.PlugInVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="carried_from"
    )
    figures = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Until when its artist can answer."
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    grid: RelatedManager[CarryOverPicture]

    objects: ClassVar[CarryOverQuerySet] = CarryOverQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in CarryOverState]),
                name="carrying_carryover_state_known",
            ),
            models.UniqueConstraint(
                fields=("upgrade", "version"),
                condition=~Q(state="failed"),
                name="carrying_carryover_once_an_upgrade",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_MADE, carried__isnull=False, due_at__isnull=False)
                | (~Q(state__in=_MADE) & Q(carried=None, due_at=None)),
                name="carrying_carryover_made_with_its_version",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_ANSWERED, decided_at__isnull=False)
                | (~Q(state__in=_ANSWERED) & Q(decided_at=None)),
                name="carrying_carryover_decided_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.version.plugin}, carried over to {self.upgrade.target}"

    def get_absolute_url(self) -> str:
        return reverse("carrying:carry_over", args=[self.pk])

    @property
    def is_made(self) -> bool:
        """Whether there is a version that its artist can compare."""
        return self.state in _MADE

    @property
    def can_be_accepted(self) -> bool:
        return self.state in _ANSWERABLE

    def accept(self) -> bool:
        """False: there is nothing to accept, or it was accepted already."""
        return self._answer(_ANSWERABLE, CarryOverState.ACCEPTED)

    def decline(self) -> bool:
        """False: it is not to be answered."""
        return self._answer((CarryOverState.OFFERED,), CarryOverState.DECLINED)

    def lapse(self) -> bool:
        """Decline it because nobody answered in time. False: somebody did."""
        return self._answer((CarryOverState.OFFERED,), CarryOverState.LAPSED)

    def _answer(self, before: tuple[CarryOverState, ...], state: CarryOverState) -> bool:
        moved = CarryOver.objects.filter(pk=self.pk, state__in=before).update(state=state, decided_at=Now())
        self.refresh_from_db(fields=["state", "decided_at"])
        return moved == 1


class CarryOverPicture(GridPicture):
    of = models.ForeignKey(CarryOver, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("carrying:picture", args=[self.of_id, self.pk])
