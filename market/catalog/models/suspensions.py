"""A suspension: for a time a person may neither upload nor publish, and their offers are off sale."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from market.accounts.models import User

TEXT_LENGTH = 4000


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    def open(self) -> SuspensionQuerySet:
        return self.filter(lifted_at=None)


class Suspension(models.Model):
    """One period without publishing. What is owed to the person stays theirs. It can only be lifted, also in the database."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="suspensions")
    because = models.TextField(max_length=TEXT_LENGTH, help_text="For the person to read.")
    begun_at = models.DateTimeField(db_default=Now(), editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True, editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: its ground fell away.",
    )
    lifted_because = models.TextField(max_length=TEXT_LENGTH, blank=True)

    objects: ClassVar[SuspensionQuerySet] = SuspensionQuerySet.as_manager()  # type: ignore[assignment]  # as of PlugIn

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(lifted_at=None), name="catalog_suspension_one_open_a_person"
            ),
            models.CheckConstraint(condition=~Q(because=""), name="catalog_suspension_says_why"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None, lifted_because="")
                | Q(lifted_at__isnull=False) & ~Q(lifted_because=""),
                name="catalog_suspension_lifted_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"suspension of {self.person}"

    def lift(self, by: User | None, because: str) -> bool:
        """End it. False: it was lifted before."""
        lifted = Suspension.objects.filter(pk=self.pk, lifted_at=None).update(
            lifted_at=timezone.now(), lifted_by=by, lifted_because=because
        )
        self.refresh_from_db()
        return lifted == 1
