"""A concept: the style or the character that an artist owns, and their affirmation that they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from market.catalog.rights import RIGHTS_TEXT, RIGHTS_VERSION

if TYPE_CHECKING:
    from market.accounts.models import User

NAME_LENGTH = 60
MAX_ALIASES = 8

# A name becomes part of prompts, where a comma separates phrases.
name_validator = RegexValidator(
    r"\A[\w][\w .'&-]*\Z",
    "Use letters, digits, spaces, hyphens, apostrophes, points and ampersands, beginning with a letter or digit.",
)


class ConceptKind(models.TextChoices):
    STYLE = "style", "Style"
    CHARACTER = "character", "Character"
    COMBINATION = "combination", "Combination"

    @property
    def is_learned(self) -> bool:
        """Whether a plug-in learns it from works. A combination is made of plug-ins and called by their names."""
        return self is not ConceptKind.COMBINATION


LEARNED_KINDS = [(kind.value, kind.label) for kind in ConceptKind if kind.is_learned]
"""Choices: what an artist can register, and what can be taken out of a base."""


class Concept(models.Model):
    """What a plug-in stands for. Its name calls it in a prompt, except for a combination."""

    artist = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="concepts")
    name = models.CharField(max_length=NAME_LENGTH, validators=[MinLengthValidator(2), name_validator])
    aliases = ArrayField(
        models.CharField(max_length=NAME_LENGTH, validators=[name_validator]),
        size=MAX_ALIASES,
        default=list,
        blank=True,
    )
    kind = models.CharField(max_length=12, choices=ConceptKind.choices)
    description = models.TextField(max_length=4000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    not_for_training = models.BooleanField(
        default=False,
        editable=False,
        help_text="Its works are protected, but no addition may learn from them.",
    )
    # A trigger on this table keeps it, so no way of writing a concept leaves it stale.
    search_document = SearchVectorField(null=True, editable=False)
    search_names = models.TextField(
        default="",
        blank=True,
        editable=False,
        help_text="Name and aliases, for misspelt ones to be found. Kept by the same trigger.",
    )

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            GinIndex(fields=["search_document"], name="catalog_concept_search"),
            GinIndex(
                fields=["search_names"], opclasses=["gin_trgm_ops"], name="catalog_concept_names_trigrams"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                "artist",
                Lower("name"),
                name="catalog_concept_name_once_an_artist",
                violation_error_message="You already have a concept with this name.",
            ),
            # The target of a work's key on (concept, artist): a work cannot be filed under somebody else's concept.
            models.UniqueConstraint(fields=["id", "artist"], name="catalog_concept_id_and_artist"),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in ConceptKind]), name="catalog_concept_kind_known"
            ),
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="catalog_concept_name_not_blank"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:concept", args=[self.pk])

    @property
    def is_combination(self) -> bool:
        return self.kind == ConceptKind.COMBINATION

    def reserve(self, is_reserved: bool) -> bool:
        """Mark its works as not for training, or take the mark off. False: it was so before."""
        changed = Concept.objects.filter(pk=self.pk, not_for_training=not is_reserved)
        self.not_for_training = is_reserved
        return changed.update(not_for_training=is_reserved) == 1

    def affirm_rights(self, person: User, *, ip_address: str | None = None) -> RightsAffirmation:
        """Keep the text that `person` agrees to, word for word. A second call changes nothing."""
        affirmation, _made = RightsAffirmation.objects.get_or_create(
            concept=self,
            person=person,
            text_version=RIGHTS_VERSION,
            defaults={"text": RIGHTS_TEXT, "ip_address": ip_address},
        )
        return affirmation

    def has_current_affirmation(self) -> bool:
        return self.current_affirmation() is not None

    def current_affirmation(self) -> RightsAffirmation | None:
        return self.affirmations.filter(person=self.artist_id, text_version=RIGHTS_VERSION).last()


class RightsAffirmation(models.Model):
    """Record that a person affirmed their rights to a concept's works. Append-only, also in the database."""

    concept = models.ForeignKey(Concept, on_delete=models.PROTECT, related_name="affirmations")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rights_affirmations"
    )
    text_version = models.CharField(max_length=40)
    text = models.TextField()
    affirmed_at = models.DateTimeField(default=timezone.now, editable=False)
    ip_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["affirmed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["concept", "person", "text_version"],
                name="catalog_rightsaffirmation_once_a_version",
            ),
            models.CheckConstraint(
                condition=~Q(text="") & ~Q(text_version=""), name="catalog_rightsaffirmation_text_kept"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} for {self.concept}, text {self.text_version}"
