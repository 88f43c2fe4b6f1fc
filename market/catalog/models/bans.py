"""What an artist says that a plug-in must not be used for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from market.catalog.models.plugins import PlugIn

PHRASE_LENGTH = 80


class UseKind(models.TextChoices):
    """The kinds of uses that can be banned as a whole. `market.generation.use_kinds` has the words of each."""

    NUDITY = "nudity", "Nudity and sex"
    VIOLENCE = "violence", "Violence and gore"
    HATE = "hate", "Hate and its symbols"
    POLITICS = "politics", "Politics and politicians"
    ADDICTION = "addiction", "Alcohol, tobacco and gambling"
    RELIGION = "religion", "Mockery of religion"


class BannedUse(models.Model):
    """One use that a plug-in is not for: a kind, or words of the artist's own.

    A ban is never changed, only lifted by deleting it, so that `since` is when it began. What was combined before then is not
    bound by it.
    """

    plugin = models.ForeignKey(PlugIn, on_delete=models.CASCADE, related_name="banned_uses")
    kind = models.CharField(max_length=12, choices=UseKind.choices, blank=True)
    phrase = models.CharField(max_length=PHRASE_LENGTH, blank=True, help_text="The artist's own words.")
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "banned use"
        ordering = ["plugin", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in UseKind], phrase="")
                | (Q(kind="") & Q(phrase__regex=r"\S")),
                name="catalog_banneduse_kind_or_phrase",
            ),
            models.UniqueConstraint(
                fields=["plugin", "kind"], condition=~Q(kind=""), name="catalog_banneduse_kind_once"
            ),
            models.UniqueConstraint(
                "plugin", Lower("phrase"), condition=~Q(phrase=""), name="catalog_banneduse_phrase_once"
            ),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        """What is banned, as a person reads it."""
        return UseKind(self.kind).label if self.kind else f"“{self.phrase}”"
