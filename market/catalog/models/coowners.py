"""Who shares a plug-in's fee with its owner: offers, answers and endings, one row for each, dated."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from market.catalog.models.plugins import PlugIn
from market.ledger.splits import BASIS_POINTS

MOST_SHARED = BASIS_POINTS - 1  # at least one basis point stays with the owner


class CoOwnerStep(models.TextChoices):
    """What happened. The owner offers, withdraws an offer and ends a share; the co-owner does all else."""

    OFFERED = "offered", "Offered"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Offer withdrawn"
    ENDED = "ended", "Ended by the owner"
    LEFT = "left", "Given up"


_BY_THE_CO_OWNER = (CoOwnerStep.ACCEPTED.value, CoOwnerStep.DECLINED.value, CoOwnerStep.LEFT.value)


class CoOwnerTermsQuerySet(models.QuerySet["CoOwnerTerms"]):
    def in_force(self, at: datetime | None = None) -> CoOwnerTermsQuerySet:
        """The last row of each plug-in and person: the terms of now, or of a moment."""
        made = self if at is None else self.filter(valid_from__lte=at)
        return made.order_by("plugin_id", "person_id", "-number").distinct("plugin_id", "person_id")

    def living(self, plugins: Collection[int]) -> list[CoOwnerTerms]:
        """Shares and open offers of these plug-ins, the first invited first."""
        last = self.filter(plugin__in=plugins).in_force().select_related("person")
        return sorted((each for each in last if each.share_bps or each.offered_bps), key=lambda each: each.pk)

    def sharing(self, plugins: Collection[int]) -> dict[int, list[CoOwnerTerms]]:
        """The accepted shares of these plug-ins, by plug-in and in the order of people."""
        found: dict[int, list[CoOwnerTerms]] = {}
        for each in self.filter(plugin__in=plugins).in_force().select_related("person"):
            if each.share_bps:
                found.setdefault(each.plugin_id, []).append(each)
        return found


class CoOwnerTerms(models.Model):
    """A co-owner's terms from a moment on: the share that is paid, and one offered and not answered yet.

    Only added to. Triggers check each row against the one before it. A share rises or falls only when its person accepts. The
    shares and offers of a plug-in leave the owner at least one basis point. The database dates the row.
    """

    plugin = models.ForeignKey(PlugIn, on_delete=models.PROTECT, related_name="co_owner_terms")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="co_owner_terms"
    )
    number = models.PositiveIntegerField(help_text="Of the person's terms for this plug-in, from 1.")
    step = models.CharField(max_length=10, choices=CoOwnerStep.choices)
    share_bps = models.PositiveIntegerField(help_text="Paid from here on; 3000 is 30 % of the fee.")
    offered_bps = models.PositiveIntegerField(help_text="Paid once it is accepted; 0 where nothing is open.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[CoOwnerTermsQuerySet] = CoOwnerTermsQuerySet.as_manager()  # type: ignore[assignment]  # as of PlugIn

    class Meta:
        verbose_name = "terms of a co-owner"
        verbose_name_plural = "terms of co-owners"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["plugin", "person", "number"], name="catalog_coowner_one_step_after_the_other"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, share_bps__lte=MOST_SHARED, offered_bps__lte=MOST_SHARED),
                name="catalog_coowner_shares_in_range",
            ),
            models.CheckConstraint(
                condition=Q(step=CoOwnerStep.OFFERED, offered_bps__gt=0)
                | Q(step=CoOwnerStep.ACCEPTED, share_bps__gt=0, offered_bps=0)
                | Q(step__in=(CoOwnerStep.DECLINED, CoOwnerStep.WITHDRAWN), offered_bps=0)
                | Q(step__in=(CoOwnerStep.ENDED, CoOwnerStep.LEFT), share_bps=0, offered_bps=0),
                name="catalog_coowner_step_means_its_shares",
            ),
            models.CheckConstraint(
                condition=Q(step__in=_BY_THE_CO_OWNER, made_by=F("person"))
                | (~Q(step__in=_BY_THE_CO_OWNER) & ~Q(made_by=F("person"))),
                name="catalog_coowner_step_is_taken_by_its_side",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.plugin}: {self.get_step_display().lower()}"

    @property
    def share_percent(self) -> float:
        return self.share_bps / 100

    @property
    def offered_percent(self) -> float:
        return self.offered_bps / 100

    @property
    def most_bps(self) -> int:
        """How much of the fee is taken: the share, or the offered one if that is higher."""
        return max(self.share_bps, self.offered_bps)
