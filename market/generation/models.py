"""Requests for pictures, their price, and the pictures they got."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.generation.limits import (
    GUIDANCE,
    MAX_PICTURES,
    MAX_PLUGINS,
    MAX_PROMPT,
    MAX_SEED,
    MAX_SIDE,
    MAX_WEIGHT,
    STEPS,
)
from market.generation.pricing import Quote
from market.jobs.states import JobState
from market.ledger.models import NOT_FOR_THE_PAST, DatedRate
from market.ledger.splits import BASIS_POINTS, in_percent

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

APPEAL_PROMPT_LENGTH = 2 * MAX_PROMPT + 1
"""A prompt, and a negative prompt where that is drawn, too."""
APPEAL_REASON_LENGTH = 2000


class GenerationRequest(models.Model):
    """A paid order of pictures. Its terms are kept as they were, whatever happens to prices and plug-ins later.

    It shares its id with its job, and `generation:<id>` is its reference in the ledger.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="generation_request")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generation_requests"
    )
    release = models.ForeignKey("basemodels.BaseRelease", on_delete=models.PROTECT, related_name="+")
    prompt = models.TextField()
    negative_prompt = models.TextField(blank=True)
    seed = models.BigIntegerField()
    steps = models.PositiveSmallIntegerField()
    guidance = models.FloatField()
    sampler = models.CharField(max_length=20, blank=True, help_text="Empty: the base's own.")
    width = models.PositiveIntegerField(help_text="Of each picture, in pixels.")
    height = models.PositiveIntegerField()
    count = models.PositiveSmallIntegerField()
    quote = models.JSONField()
    total_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3, default="EUR")
    hold = models.OneToOneField(
        "ledger.Hold", null=True, blank=True, on_delete=models.PROTECT, related_name="generation_request"
    )
    idempotency_key = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    plugins: RelatedManager[RequestPlugIn]
    pictures: RelatedManager[Picture]

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("person", "idempotency_key"), name="generation_request_is_made_once"
            ),
            models.CheckConstraint(name="generation_prompt_is_not_empty", condition=~Q(prompt="")),
            models.CheckConstraint(
                name="generation_seed_in_range", condition=Q(seed__gte=0, seed__lte=MAX_SEED)
            ),
            models.CheckConstraint(
                name="generation_steps_in_range", condition=Q(steps__gte=STEPS[0], steps__lte=STEPS[1])
            ),
            models.CheckConstraint(
                name="generation_guidance_in_range",
                condition=Q(guidance__gte=GUIDANCE[0], guidance__lte=GUIDANCE[1]),
            ),
            models.CheckConstraint(
                name="generation_size_in_range",
                condition=Q(width__gte=1, height__gte=1, width__lte=MAX_SIDE, height__lte=MAX_SIDE),
            ),
            models.CheckConstraint(
                name="generation_count_in_range", condition=Q(count__gte=1, count__lte=MAX_PICTURES)
            ),
            models.CheckConstraint(
                name="generation_is_held_for_exactly_when_it_costs",
                condition=Q(total_micros=0, hold__isnull=True) | Q(total_micros__gt=0, hold__isnull=False),
            ),
            models.CheckConstraint(name="generation_shares_its_jobs_id", condition=Q(job=F("id"))),
        )
        indexes = (models.Index("person", F("created_at").desc(), name="generation_of_person"),)

    def __str__(self) -> str:
        return f"{self.prompt[:60]} ({self.id})"

    @property
    def reference(self) -> str:
        """Name this request in the ledger."""
        return f"generation:{self.id}"

    @property
    def price(self) -> Quote:
        kept: dict[str, Any] = self.quote
        return Quote.from_json(kept)


class RequestPlugIn(models.Model):
    """A plug-in version in a request, with its weight, in the order of choice."""

    request = models.ForeignKey(GenerationRequest, on_delete=models.CASCADE, related_name="plugins")
    version = models.ForeignKey("catalog.PlugInVersion", on_delete=models.PROTECT, related_name="+")
    weight = models.FloatField()
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("request", "version"), name="generation_plugin_once_a_request"),
            models.UniqueConstraint(fields=("request", "position"), name="generation_plugin_one_a_position"),
            models.CheckConstraint(
                name="generation_plugin_position_in_range", condition=Q(position__lt=MAX_PLUGINS)
            ),
            models.CheckConstraint(
                name="generation_weight_in_range", condition=Q(weight__gte=0, weight__lte=MAX_WEIGHT)
            ),
        )

    def __str__(self) -> str:
        return f"{self.version} at {self.weight:g}"


class PictureQuerySet(models.QuerySet["Picture"]):
    def kept(self) -> PictureQuerySet:
        """Pictures that are not deleted. If something hides one, `hidden_because` says why."""
        hiding = HiddenPicture.objects.filter(picture=OuterRef("pk"), hiding__ended_at=None).order_by("pk")
        return self.filter(
            deleted_at=None
        ).annotate(  # type: ignore[no-redef]  # Picture says of what type it is
            hidden_because=Coalesce(Subquery(hiding.values("hiding__words")[:1]), Value(""))
        )

    def drawn_with(self, versions: Collection[int]) -> PictureQuerySet:
        return self.filter(
            request__in=RequestPlugIn.objects.filter(version__in=versions).values("request_id")
        )


class Picture(models.Model):
    """One finished picture. Deleting it removes the file. The row stays, because it was paid for and credited."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(GenerationRequest, on_delete=models.PROTECT, related_name="pictures")
    index = models.PositiveSmallIntegerField()
    file = models.FileField(upload_to="pictures", max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of the file as it is downloaded")
    seed = models.BigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # It stays when the picture is deleted, so that nobody makes a work of it.
    look = models.OneToOneField(
        "catalog.PictureLook",
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="made_picture",
    )

    hidden_because: str  # given by kept()

    objects = PictureQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "index")
        constraints = (
            models.UniqueConstraint(fields=("request", "index"), name="picture_once_a_place"),
            models.CheckConstraint(
                name="picture_has_its_file_until_deleted",
                condition=(Q(deleted_at__isnull=True) & ~Q(file="")) | Q(deleted_at__isnull=False, file=""),
            ),
        )
        indexes = (models.Index(F("created_at").desc(), name="picture_newest"),)

    def __str__(self) -> str:
        return f"picture {self.index + 1} of {self.request_id}"

    def get_absolute_url(self) -> str:
        return reverse("generation:picture", args=[self.pk])

    def discard(self) -> None:
        """Delete the picture's file for good, and keep what the ledger's credits refer to."""
        name = self.file.name
        changed = Picture.objects.filter(pk=self.pk, deleted_at=None).update(
            file="", deleted_at=models.functions.Now()
        )
        if changed and name:
            default_storage.delete(name)


class Hiding(models.Model):
    """Pictures that are hidden together. Until this ends nobody sees or downloads them. Rows and files stay."""

    reference = models.CharField(max_length=60, unique=True, help_text="What for: takedown:12.")
    words = models.CharField(max_length=200, help_text="Why, for the maker of a picture to read.")
    begun_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(condition=~Q(words=""), name="generation_hiding_says_why"),)

    def __str__(self) -> str:
        return self.reference


class HiddenPicture(models.Model):
    """One picture of a hiding. A picture in several hidings is hidden until the last of them ends."""

    hiding = models.ForeignKey(Hiding, on_delete=models.PROTECT, related_name="pictures")
    picture = models.ForeignKey(Picture, on_delete=models.PROTECT, related_name="hidings")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("hiding", "picture"), name="generation_picture_once_a_hiding"),
        )

    def __str__(self) -> str:
        return f"{self.picture} for {self.hiding}"


class CommissionRateQuerySet(models.QuerySet["CommissionRate"]):
    def to_come(self) -> CommissionRateQuerySet:
        """Rates that are not in force yet, the earliest first."""
        return self.filter(valid_from__gt=timezone.now()).order_by("valid_from")


class CommissionRate(DatedRate):
    """The market's commission on one kind of fee from a moment on. Rows are only added: a request keeps the rate of its quote."""

    LINES = (("plugin_fee", "Fees of plug-ins"), ("base_fee", "Fees of base models"))

    line = models.CharField("of which fees", max_length=40, choices=LINES)

    objects = CommissionRateQuerySet.as_manager()

    class Meta:
        ordering = ("line", "-valid_from")
        constraints = (
            models.UniqueConstraint(fields=("line", "valid_from"), name="commission_one_rate_at_a_time"),
            models.CheckConstraint(
                condition=Q(basis_points__lte=BASIS_POINTS), name="commission_at_most_everything"
            ),
            models.CheckConstraint(
                condition=Q(line__in=("plugin_fee", "base_fee")), name="commission_line_is_known"
            ),
            models.CheckConstraint(condition=NOT_FOR_THE_PAST, name="commission_not_for_the_past"),
        )

    def __str__(self) -> str:
        return f"{in_percent(self.basis_points)} of {self.get_line_display().lower()} from {self.valid_from:%Y-%m-%d %H:%M}"


class AppealState(models.TextChoices):
    OPEN = "open", "Open"
    ALLOWED = "allowed", "Allowed once"
    DECLINED = "declined", "Declined"


class AppealQuerySet(models.QuerySet["PromptAppeal"]):
    def with_everything(self) -> AppealQuerySet:
        return self.select_related("person", "plugin__concept", "plugin__owner", "decided_by", "used_by__job")

    def usable(self) -> AppealQuerySet:
        """Those that allow a request now: not used yet, or used by a request that drew nothing and cost nothing."""
        undone = Q(used_by__job__state__in=[JobState.FAILED, JobState.CANCELLED])
        return self.filter(Q(used_by=None) | undone, state=AppealState.ALLOWED)


class PromptAppeal(models.Model):
    """Somebody asks the artist of a plug-in to allow, once, a prompt that the plug-in refuses.

    What is allowed is the prompt as it is read (`prompt_sha256`), for this person and this plug-in, in one request.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="prompt_appeals"
    )
    plugin = models.ForeignKey("catalog.PlugIn", on_delete=models.PROTECT, related_name="prompt_appeals")
    prompt = models.TextField(max_length=APPEAL_PROMPT_LENGTH)
    prompt_sha256 = models.CharField(max_length=64, editable=False)
    banned = models.TextField(
        help_text="What the prompt asks for, and with which words, when it was refused."
    )
    reason = models.TextField(max_length=APPEAL_REASON_LENGTH)
    state = models.CharField(max_length=10, choices=AppealState.choices, default=AppealState.OPEN)
    filed_at = models.DateTimeField(default=timezone.now, editable=False)
    answer = models.TextField(max_length=APPEAL_REASON_LENGTH, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    used_by = models.ForeignKey(
        GenerationRequest, null=True, blank=True, on_delete=models.PROTECT, related_name="appeals_used"
    )

    objects: ClassVar[AppealQuerySet] = AppealQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        verbose_name = "appeal"
        ordering = ("-filed_at", "-pk")
        constraints = (
            models.CheckConstraint(
                name="generation_appeal_state_known",
                condition=Q(state__in=[state.value for state in AppealState]),
            ),
            models.CheckConstraint(
                name="generation_appeal_says_what_and_why",
                condition=Q(prompt__regex=r"\S", reason__regex=r"\S"),
            ),
            models.CheckConstraint(
                name="generation_appeal_hash_shape", condition=Q(prompt_sha256__regex=r"^[0-9a-f]{64}$")
            ),
            models.UniqueConstraint(
                name="generation_appeal_open_once_a_prompt",
                fields=("person", "plugin", "prompt_sha256"),
                condition=Q(state="open"),
            ),
            models.CheckConstraint(
                name="generation_appeal_decided_by_somebody",
                condition=Q(state="open", decided_by=None, decided_at=None, answer="")
                | (Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(state="open")),
            ),
            models.CheckConstraint(
                name="generation_appeal_declined_with_an_answer",
                condition=~Q(state="declined") | ~Q(answer=""),
            ),
            models.CheckConstraint(
                name="generation_appeal_used_if_allowed", condition=Q(used_by=None) | Q(state="allowed")
            ),
            models.CheckConstraint(
                name="generation_appeal_not_decided_by_who_asks",
                condition=Q(decided_by=None) | ~Q(decided_by=F("person")),
            ),
        )

    def __str__(self) -> str:
        return f"appeal {self.pk} about “{self.prompt[:60]}”"

    def get_absolute_url(self) -> str:
        return reverse("generation:appeal", args=[self.pk])

    @property
    def waits_until(self) -> datetime:
        """From when an admin may decide it."""
        return self.filed_at + timedelta(days=settings.DISPUTES.appeal_days)

    @property
    def is_used(self) -> bool:
        """Whether what it allowed was drawn, or is being drawn."""
        return self.used_by is not None and self.used_by.job.state not in (
            JobState.FAILED,
            JobState.CANCELLED,
        )

    def decide(self, by: User, *, is_allowed: bool, answer: str) -> bool:
        """Decide it, once. False: it was decided before."""
        changed = PromptAppeal.objects.filter(pk=self.pk, state=AppealState.OPEN).update(
            state=AppealState.ALLOWED if is_allowed else AppealState.DECLINED,
            answer=answer,
            decided_by=by,
            decided_at=timezone.now(),
        )
        self.refresh_from_db()
        return changed == 1

    def use(self, request: GenerationRequest) -> bool:
        """Let a request use what it allows. False: another request does already."""
        # By its id: an UPDATE cannot look at the state of a job itself.
        usable = PromptAppeal.objects.usable().filter(pk=self.pk, used_by=self.used_by)
        return (
            PromptAppeal.objects.filter(pk__in=usable.values("pk"), used_by=self.used_by).update(
                used_by=request
            )
            == 1
        )
