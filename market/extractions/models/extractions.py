"""Extractions of concepts from base models: ordered, made, decided, and taken back."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from market.basemodels.models import FINGERPRINT, BaseModel
from market.catalog.models import LEARNED_KINDS
from market.catalog.models.concepts import MAX_ALIASES, NAME_LENGTH
from market.catalog.models.works import SHA256
from market.extractions.models.grids import PROMPT_LENGTH, GridPicture

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.accounts.models import User
    from market.catalog.models import Concept

PICTURES = (20, 1000)
MAX_RETAINED = 2000
REASON_LENGTH = 2000
_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


class Method(models.TextChoices):
    """The methods, named as in `plugins_engine.extraction`."""

    HYBRID = "hybrid", "Hybrid: two defences, some minutes"
    CLOSED_FORM = "closed-form", "Closed form: seconds, easier to undo"
    REVERSE_LORA = "reverse-lora", "Reverse LoRA: the paper's own, slow"


class ExtractionState(models.TextChoices):
    MAKING = "making", "Being made"
    READY = "ready", "To be decided"
    APPROVED = "approved", "Approved"
    TAKEN_BACK = "taken_back", "Taken back"
    DISCARDED = "discarded", "Discarded"
    FAILED = "failed", "Not made"


_ONCE_APPROVED = (ExtractionState.APPROVED.value, ExtractionState.TAKEN_BACK.value)
_DECIDED = (*_ONCE_APPROVED, ExtractionState.DISCARDED.value)


def key_of(name: str) -> str:
    """Give a name in the form that makes equal names of one concept match: “A Fox” and “fox” are the same."""
    return _ARTICLE.sub("", name.strip()).lower()


def adapter_path(row: models.Model, filename: str) -> str:
    return f"extractions/{uuid.uuid4().hex}.safetensors"


class ExtractionQuerySet(models.QuerySet["Extraction"]):
    def for_release(self, base: BaseModel) -> ExtractionQuerySet:
        """Select the approved ones made from a base's present weights, the oldest first."""
        return self.filter(
            base=base, state=ExtractionState.APPROVED, base_fingerprint=models.F("base__fingerprint")
        ).order_by("pk")


class Extraction(models.Model):
    """One run of taking a concept out of a base: its settings, its results, its figures, and the decision.

    Results are never changed, and the database refuses it too. Another run is another row.
    """

    base = models.ForeignKey("basemodels.BaseModel", on_delete=models.PROTECT, related_name="extractions")
    base_fingerprint = models.CharField(max_length=64)
    name = models.CharField(max_length=NAME_LENGTH, help_text="As prompts to this base call the concept.")
    key = models.CharField(max_length=NAME_LENGTH, editable=False)
    kind = models.CharField(max_length=12, choices=LEARNED_KINDS)
    aliases = ArrayField(models.CharField(max_length=NAME_LENGTH), size=MAX_ALIASES, default=list, blank=True)
    anchor = models.CharField(max_length=100, blank=True, help_text="Empty: the nearest that the base knows.")
    retained = ArrayField(
        models.CharField(max_length=PROMPT_LENGTH), default=list, blank=True,
        help_text="Prompts that stay as they are. Empty: all that the base knows.",
    )  # fmt: skip
    method = models.CharField(max_length=16, choices=Method.choices, default=Method.HYBRID)
    pictures = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(PICTURES[0]), MaxValueValidator(PICTURES[1])]
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="extractions")
    claim = models.ForeignKey(
        "claims.Claim", null=True, blank=True, on_delete=models.PROTECT, related_name="extractions"
    )
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="extraction")
    state = models.CharField(max_length=10, choices=ExtractionState.choices, default=ExtractionState.MAKING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    erasure = models.JSONField(default=dict, blank=True, help_text="The prompts that it was made with.")
    eraser_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    eraser_file_sha256 = models.CharField(max_length=64, blank=True)
    eraser_tensors_sha256 = models.CharField(max_length=64, blank=True)
    plugin_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    plugin_file_sha256 = models.CharField(max_length=64, blank=True)
    plugin_tensors_sha256 = models.CharField(max_length=64, blank=True)
    rank = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict, blank=True)

    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.TextField(blank=True, max_length=REASON_LENGTH)
    missed = models.JSONField(
        default=list, blank=True, help_text="Limits that it missed when it was approved, in words."
    )
    concept = models.ForeignKey(
        "catalog.Concept", null=True, blank=True, on_delete=models.PROTECT, related_name="extractions",
        help_text="Whose plug-in it becomes; none: it is not offered.",
    )  # fmt: skip
    version = models.OneToOneField(
        "catalog.PlugInVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="extraction"
    )
    taken_back_at = models.DateTimeField(null=True, blank=True, editable=False)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_back_because = models.TextField(blank=True, max_length=REASON_LENGTH)

    grid: RelatedManager[ExtractionPicture]

    objects = ExtractionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ExtractionState]),
                name="extractions_extraction_state_known",
            ),
            models.CheckConstraint(
                condition=Q(method__in=[method.value for method in Method]),
                name="extractions_extraction_method_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind for kind, _ in LEARNED_KINDS]),
                name="extractions_extraction_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(base_fingerprint__regex=FINGERPRINT),
                name="extractions_extraction_fingerprint_shape",
            ),
            models.CheckConstraint(
                condition=Q(key__regex=r"\S"), name="extractions_extraction_name_not_blank"
            ),
            models.CheckConstraint(
                condition=Q(pictures__gte=PICTURES[0], pictures__lte=PICTURES[1]),
                name="extractions_extraction_pictures_in_range",
            ),
            models.UniqueConstraint(
                fields=("base", "kind", "key"),
                condition=Q(state="making"),
                name="extractions_extraction_one_at_a_time_a_concept",
            ),
            models.UniqueConstraint(
                fields=("base", "base_fingerprint", "kind", "key"),
                condition=Q(state="approved"),
                name="extractions_extraction_approved_once_a_concept",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ready", *_DECIDED])
                | (
                    Q(
                        eraser_file_sha256__regex=SHA256,
                        eraser_tensors_sha256__regex=SHA256,
                        plugin_file_sha256__regex=SHA256,
                        plugin_tensors_sha256__regex=SHA256,
                        rank__gte=1,
                    )
                    & ~Q(eraser_file="")
                    & ~Q(plugin_file="")
                ),
                name="extractions_extraction_made_with_its_files",
            ),
            models.CheckConstraint(
                condition=Q(state__in=_DECIDED, decided_at__isnull=False, decided_by__isnull=False)
                | (~Q(state__in=_DECIDED) & Q(decided_at=None, decided_by=None)),
                name="extractions_extraction_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(missed=[]) | (Q(state__in=_ONCE_APPROVED) & ~Q(reason="")),
                name="extractions_extraction_approved_below_limits_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(version=None) | Q(state__in=_ONCE_APPROVED, concept__isnull=False),
                name="extractions_extraction_offered_once_approved",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="taken_back", taken_back_at__isnull=False, taken_back_by__isnull=False,
                    taken_back_because__regex=r"\S",
                )
                | (~Q(state="taken_back") & Q(taken_back_at=None, taken_back_by=None, taken_back_because="")),
                name="extractions_extraction_taken_back_for_a_reason",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name} out of {self.base}"

    def get_absolute_url(self) -> str:
        return reverse("extractions:extraction", args=[self.pk])

    @property
    def is_judged(self) -> bool:
        """Whether a judge that knows this base's concepts counted what the pictures show."""
        return "h_o" in self.figures

    @property
    def awaits_version(self) -> bool:
        """Whether the plug-in that restores the concept has an owner, who has no version of it yet."""
        return self.concept_id is not None and self.version_id is None

    def approve(self, *, by: User, missed: list[str], reason: str, concept: Concept | None) -> bool:
        """Put it into the next releases. False: it cannot be decided (any more)."""
        return self._decide(ExtractionState.APPROVED, by, reason, missed=missed, concept=concept)

    def discard(self, *, by: User, reason: str) -> bool:
        """Discard it for good. False: it cannot be decided (any more)."""
        return self._decide(ExtractionState.DISCARDED, by, reason)

    def take_back(self, *, by: User, because: str) -> bool:
        """Leave it out of future releases. False: it is not approved (any more)."""
        changed = Extraction.objects.filter(pk=self.pk, state=ExtractionState.APPROVED).update(
            state=ExtractionState.TAKEN_BACK,
            taken_back_by=by,
            taken_back_at=Now(),
            taken_back_because=because,
        )
        if changed:
            self.refresh_from_db()
        return changed == 1

    def _decide(self, state: ExtractionState, by: User, reason: str, **more: Any) -> bool:
        changed = Extraction.objects.filter(pk=self.pk, state=ExtractionState.READY).update(
            state=state, decided_by=by, decided_at=Now(), reason=reason, **more
        )
        if changed:
            self.refresh_from_db()
        return changed == 1


class ExtractionPicture(GridPicture):
    of = models.ForeignKey(Extraction, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:extraction_picture", args=[self.of_id, self.pk])
