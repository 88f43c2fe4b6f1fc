"""The audit log: one line for each thing that an admin did, or that was done to an admin's account. Only added to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

ACTION = r"^[a-z][a-z_]*\.[a-z][a-z_]*$"
TARGET = r"^[a-z][a-z0-9-]*(:.+)?$"


class ActingAs(models.TextChoices):
    """The role in which somebody acted at that time. Their roles may have changed since."""

    ADMIN = "admin", "Admin"
    PERSON = "person", "Person without the role of an admin"
    VISITOR = "visitor", "Visitor, not signed in"
    SYSTEM = "system", "Command or background process"


SOMEBODY = (ActingAs.ADMIN.value, ActingAs.PERSON.value)


class AuditLine(models.Model):
    """Who did what to which thing. Written by `market.audit.recording.record`. The database sets time and transaction."""

    at = models.DateTimeField(db_default=Now(), editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,  # the index below begins with it
        help_text="Empty for visitors and commands.",
    )
    acting_as = models.CharField(max_length=10, choices=ActingAs.choices)
    action = models.CharField(max_length=60, help_text="DOMAIN.WHAT_WAS_DONE")
    target = models.CharField(max_length=120, help_text="TYPE:ID, or a type of which there is one.")
    label = models.CharField(max_length=200, help_text="What the target was called at that time.")
    details = models.JSONField(
        default=dict,
        encoder=DjangoJSONEncoder,
        help_text="What changed from what to what, the reason, figures.",
    )
    address = models.GenericIPAddressField("IP address", null=True, blank=True)
    transaction = models.BigIntegerField(
        db_default=0, editable=False, help_text="The database transaction that did it and wrote this line."
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["person", "-id"], name="audit_line_person"),
            models.Index(fields=["action", "-id"], name="audit_line_action"),
            models.Index(fields=["target", "-id"], name="audit_line_target"),
            models.Index(fields=["at"], name="audit_line_at"),
            models.Index(fields=["transaction"], name="audit_line_transaction"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(action__regex=ACTION), name="audit_line_action_is_dotted"),
            models.CheckConstraint(condition=Q(target__regex=TARGET), name="audit_line_target_is_named"),
            models.CheckConstraint(
                condition=Q(acting_as__in=ActingAs.values), name="audit_line_acting_as_is_known"
            ),
            models.CheckConstraint(
                condition=Q(acting_as__in=SOMEBODY, person__isnull=False)
                | (~Q(acting_as__in=SOMEBODY) & Q(person__isnull=True)),
                name="audit_line_says_who_acted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """Give what changed: the name of each field, with its value `before` and `after`."""
        changes: dict[str, dict[str, Any]] = self.details.get("changes", {})
        return changes

    @property
    def reason(self) -> str:
        return str(self.details.get("reason", ""))

    @property
    def further(self) -> dict[str, Any]:
        """Give the details beside changes and reason."""
        return {name: value for name, value in self.details.items() if name not in {"changes", "reason"}}
