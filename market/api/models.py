"""Answers that are kept, so that a request sent twice acts once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

KEY_LENGTH = 200


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key.

    It is kept in the transaction in which the request acted. Without a status it is not answered yet; no other transaction ever
    sees that.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=KEY_LENGTH)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    location = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = (models.Index(fields=["created_at"], name="api_keptanswer_age"),)
        constraints = (
            models.UniqueConstraint(fields=("person", "key"), name="api_keptanswer_key_once_a_person"),
            models.CheckConstraint(
                condition=Q(request_sha256__regex=r"^[0-9a-f]{64}$"), name="api_keptanswer_sha256_shape"
            ),
            models.CheckConstraint(condition=~Q(key=""), name="api_keptanswer_has_a_key"),
            models.CheckConstraint(
                condition=Q(status=None) | Q(status__gte=200, status__lt=300),
                name="api_keptanswer_of_what_was_done",
            ),
        )

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
