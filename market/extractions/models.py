"""Extractions of concepts from base models, and the builds that turn approved ones into a release."""

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

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.accounts.models import User
    from market.catalog.models import Concept

PICTURES = (20, 1000)
MAX_RETAINED = 2000
PROMPT_LENGTH = 500
_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


class Method(models.TextChoices):
    """As `plugins_engine.extraction` names them."""

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


class BuildState(models.TextChoices):
    BUILDING = "building", "Being built"
    READY = "ready", "Ready"
    FAILED = "failed", "Not built"


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


def key_of(name: str) -> str:
    """Give what two names of one concept share: “A Fox” and “fox” are the same."""
    return _ARTICLE.sub("", name.strip()).lower()


def adapter_path(row: Extraction | ReleaseBuild | BuildPart, filename: str) -> str:
    return f"extractions/{uuid.uuid4().hex}.safetensors"


def picture_path(row: GridPicture, filename: str) -> str:
    return f"extractions/pictures/{uuid.uuid4().hex}.png"


class ExtractionQuerySet(models.QuerySet["Extraction"]):
    def for_release(self, base: BaseModel) -> ExtractionQuerySet:
        """Select the approved ones that were made from the weights that a base has now, the oldest first."""
        return self.filter(
            base=base, state=ExtractionState.APPROVED, base_fingerprint=models.F("base__fingerprint")
        ).order_by("pk")


class Extraction(models.Model):
    """One run of taking a concept out of a base: its settings, what it made, what was measured, what was decided.

    What it made is never changed, also not in the database; another run lies beside it.
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
    reason = models.TextField(blank=True, max_length=2000)
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
    taken_back_because = models.TextField(blank=True, max_length=2000)

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
        """Whether a judge who knows this base's concepts counted what is in the pictures."""
        return "h_o" in self.figures

    def approve(self, *, by: User, missed: list[str], reason: str, concept: Concept | None) -> bool:
        """Take it into the next releases. False: it is not to be decided (any more)."""
        return self._decide(ExtractionState.APPROVED, by, reason, missed=missed, concept=concept)

    def discard(self, *, by: User, reason: str) -> bool:
        """Put it aside for good. False: it is not to be decided (any more)."""
        return self._decide(ExtractionState.DISCARDED, by, reason)

    def take_back(self, *, by: User, because: str) -> bool:
        """Leave it out of releases to come. False: it is not approved (any more)."""
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


class ReleaseBuild(models.Model):
    """The making of a release: the approved extractions of a base merged into one eraser, tested as a whole.

    While it is under way nothing but the merged eraser is kept, so that another attempt need not merge again. All else comes
    with the release, in one transaction, and is never changed.
    """

    base = models.ForeignKey("basemodels.BaseModel", on_delete=models.PROTECT, related_name="builds")
    base_fingerprint = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="release_build")
    state = models.CharField(max_length=10, choices=BuildState.choices, default=BuildState.BUILDING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    eraser_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    eraser_file_sha256 = models.CharField(max_length=64, blank=True)
    eraser_tensors_sha256 = models.CharField(max_length=64, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    release = models.OneToOneField(
        "basemodels.BaseRelease", null=True, blank=True, on_delete=models.PROTECT, related_name="build"
    )

    parts: RelatedManager[BuildPart]
    grid: RelatedManager[BuildPicture]
    retests: RelatedManager[Retest]

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in BuildState]),
                name="extractions_releasebuild_state_known",
            ),
            models.CheckConstraint(
                condition=Q(base_fingerprint__regex=FINGERPRINT),
                name="extractions_releasebuild_fingerprint_shape",
            ),
            models.UniqueConstraint(
                fields=("base",), condition=Q(state="building"), name="extractions_releasebuild_one_at_a_time_a_base"
            ),
            models.CheckConstraint(
                condition=Q(state="ready", release__isnull=False) | (~Q(state="ready") & Q(release=None)),
                name="extractions_releasebuild_ready_with_its_release",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready")
                | (
                    Q(eraser_file_sha256__regex=SHA256, eraser_tensors_sha256__regex=SHA256)
                    & ~Q(eraser_file="")
                ),
                name="extractions_releasebuild_ready_with_its_eraser",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"build {self.pk} of {self.base}"

    def get_absolute_url(self) -> str:
        return reverse("extractions:build", args=[self.pk])


class BuildPart(models.Model):
    """An extraction in a build, and the plug-in that restores its concept on that release.

    Of one extraction alone that is the extraction's own plug-in; beside others it is fitted to their combination.
    """

    build = models.ForeignKey(ReleaseBuild, on_delete=models.PROTECT, related_name="parts")
    extraction = models.ForeignKey(Extraction, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveSmallIntegerField()
    plugin_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    plugin_tensors_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("build", "position")
        constraints = (
            models.UniqueConstraint(fields=("build", "extraction"), name="extractions_buildpart_once_a_build"),
            models.UniqueConstraint(fields=("build", "position"), name="extractions_buildpart_one_a_position"),
            models.CheckConstraint(
                condition=Q(plugin_file="", plugin_tensors_sha256="")
                | (~Q(plugin_file="") & Q(plugin_tensors_sha256__regex=SHA256)),
                name="extractions_buildpart_file_with_its_hash",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.extraction.name} in {self.build}"


class Retest(models.Model):
    """How a published plug-in draws on a new release, beside the release that was in use when it was built."""

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
    """A plug-in that dropped on a release, trained again from the works it was made of, over what that release lacks.

    What comes of it is a version that draws in the old one's place, from that release on, only while its artist accepts it.
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
        """Accept it or decline it, whatever was decided before. False: it is so already, or was not trained (yet)."""
        changed = (
            Retraining.objects.filter(pk=self.pk, state__in=_TRAINED)
            .exclude(state=state)
            .update(state=state, decided_at=Now())
        )
        if changed:
            self.refresh_from_db()
        return changed == 1


class GridPicture(models.Model):
    """A picture in a grid of something (`of`): what is drawn differs by row, what draws it by column."""

    title = models.CharField(max_length=100)
    row = models.PositiveSmallIntegerField()
    column = models.PositiveSmallIntegerField()
    stage = models.CharField(max_length=60, help_text="Names the column.")
    prompt = models.CharField(max_length=PROMPT_LENGTH)
    file = models.FileField(upload_to=picture_path, max_length=200)

    class Meta:
        abstract = True
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("of", "title", "row", "column"), name="%(app_label)s_%(class)s_one_a_place"
            ),
        )

    def __str__(self) -> str:
        return f"{self.prompt}, {self.stage}"


class ExtractionPicture(GridPicture):
    of = models.ForeignKey(Extraction, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:extraction_picture", args=[self.of_id, self.pk])


class BuildPicture(GridPicture):
    of = models.ForeignKey(ReleaseBuild, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:build_picture", args=[self.of_id, self.pk])


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
