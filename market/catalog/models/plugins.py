"""A plug-in: a concept learned for one base model, offered under a licence at a price per picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from market.accounts.models import User
from market.basemodels.models import BaseModel, PastPrice, PastPriceQuerySet
from market.catalog.models.concepts import Concept, ConceptKind
from market.catalog.models.suspensions import Suspension
from market.jobs.models import Job

MAX_PRICE_MICROS = 100_000_000  # 100 EUR a picture: a typing slip, not a price
SLUG_LENGTH = 120


class PlugInState(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"


@dataclass(frozen=True)
class LicenceLine:
    """One switch of a licence, as a person reads it."""

    field: str
    allowed: bool
    text: str
    words: str


def _offered() -> Q:
    """Filters by what the artist offers or may offer. `_allowed` says whether it may be used at all."""
    return Q(state=PlugInState.PUBLISHED) & ~Q(owner__in=Suspension.objects.open().values("person"))


def _allowed() -> Q:
    return Q(base__listed=True) & ~Q(current_version__in=BarredVersion.objects.values("version"))


class PlugInQuerySet(models.QuerySet["PlugIn"]):
    def published(self) -> PlugInQuerySet:
        """Plug-ins that anybody may see and use. None is taken down, has such a part, or belongs to a suspended artist."""
        return self.filter(_offered(), _allowed())

    def visible_to(self, person: object) -> PlugInQuerySet:
        """Published plug-ins, and the person's own in any state; administrators see all."""
        visible = _offered() & _allowed()
        if isinstance(person, User) and person.is_admin:
            return self
        if isinstance(person, User):
            visible |= Q(owner=person)
        return self.filter(visible)

    def usable_by(self, person: User) -> PlugInQuerySet:
        """Plug-ins that a person may draw with: published ones, and what they combined themselves, in any state."""
        own = Q(owner=person, concept__kind=ConceptKind.COMBINATION, current_version__isnull=False)
        return self.filter(_offered() | own, _allowed())

    def combinable_by(self, person: User) -> PlugInQuerySet:
        """Plug-ins that a person may combine: those on offer whose licence allows it, and their own."""
        offered = _offered() & Q(allow_combination=True) | Q(owner=person)
        return self.filter(offered, _allowed(), current_version__isnull=False)

    def with_everything(self) -> PlugInQuerySet:
        return self.select_related("concept", "base", "owner", "current_version")

    def with_samples(self) -> PlugInQuerySet:
        """Fetch the samples that a card shows, for `sample_urls`."""
        return self.prefetch_related("current_version__samples")


class PlugIn(models.Model):
    """The offer. What is generated with is its current version."""

    concept = models.ForeignKey(Concept, on_delete=models.PROTECT, related_name="plugins")
    base = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="plugins")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="plugins")
    slug = models.SlugField(max_length=SLUG_LENGTH, unique=True)
    price_micros = models.BigIntegerField(
        "price per picture",
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PRICE_MICROS)],
        help_text="Micro-euros for one picture.",
    )
    parts_micros = models.BigIntegerField(
        default=0,
        editable=False,
        help_text="Of a combined plug-in what its parts ask for, as of the last sweep: lists are ordered by it where it is more.",
    )
    allow_commercial = models.BooleanField(
        "commercial use", default=True, help_text="Pictures may be used to earn money."
    )
    allow_combination = models.BooleanField(
        "combination", default=True, help_text="May be used in one picture together with other plug-ins."
    )
    allow_derivatives = models.BooleanField(
        "derivatives", default=True, help_text="Pictures may be edited and built upon."
    )
    require_credit = models.BooleanField(
        "credit required", default=True, help_text="Whoever shows a picture names you."
    )
    shows_earnings = models.BooleanField(
        "show what it earned",
        default=False,
        help_text="Everybody reads on its page what it has earned you so far.",
    )
    state = models.CharField(max_length=12, choices=PlugInState.choices, default=PlugInState.DRAFT)
    current_version = models.ForeignKey(
        "catalog.PlugInVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    latest_job = models.ForeignKey(
        Job,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The latest job that makes, or made, a version: an addition, an upload, a combination.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    taken_down_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="The state stays what it was: restoring brings it back.",
    )
    taken_down_words = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Why, for everybody to read."
    )

    objects: ClassVar[PlugInQuerySet] = PlugInQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        verbose_name = "plug-in"
        ordering = ["-published_at", "-pk"]
        indexes = [
            models.Index(fields=["state", "-published_at"], name="catalog_plugin_newest"),
            models.Index(F("state"), Greatest("price_micros", "parts_micros"), name="catalog_plugin_price"),
            models.Index(
                fields=["id"], condition=Q(taken_down_at__isnull=False), name="catalog_plugin_taken_down"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["concept", "base"], name="catalog_plugin_one_a_concept_and_base"),
            models.CheckConstraint(
                condition=Q(price_micros__gte=0, price_micros__lte=MAX_PRICE_MICROS),
                name="catalog_plugin_price_in_range",
            ),
            models.CheckConstraint(
                condition=Q(parts_micros__gte=0, parts_micros__lte=MAX_PRICE_MICROS),
                name="catalog_plugin_parts_price_in_range",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in PlugInState]),
                name="catalog_plugin_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state=PlugInState.PUBLISHED)
                | Q(current_version__isnull=False, published_at__isnull=False),
                name="catalog_plugin_published_with_a_version",
            ),
            models.CheckConstraint(
                condition=Q(state=PlugInState.WITHDRAWN, withdrawn_at__isnull=False)
                | ~Q(state=PlugInState.WITHDRAWN) & Q(withdrawn_at__isnull=True),
                name="catalog_plugin_withdrawn_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(taken_down_at=None, taken_down_words="")
                | Q(taken_down_at__isnull=False) & ~Q(taken_down_words=""),
                name="catalog_plugin_taken_down_with_words",
            ),
        ]

    def __str__(self) -> str:
        return self.concept.name

    def get_absolute_url(self) -> str:
        return reverse("catalog:plugin", args=[self.slug])

    @property
    def desk_url(self) -> str:
        return reverse("catalog:desk_plugin", args=[self.pk])

    @property
    def name(self) -> str:
        return self.concept.name

    @property
    def sample_urls(self) -> list[str]:
        """Addresses of the current version's samples, in order. Empty before the first version."""
        if self.current_version is None:
            return []
        return [sample.url for sample in self.current_version.samples.all()]

    @property
    def is_published(self) -> bool:
        """Whether its artist offers it. `published()` also knows what else keeps a plug-in from the market."""
        return self.state == PlugInState.PUBLISHED

    def licence_lines(self) -> Iterator[LicenceLine]:
        yield LicenceLine(
            "allow_commercial",
            self.allow_commercial,
            "Commercial use" if self.allow_commercial else "No commercial use",
            "You may sell the pictures and earn money with them."
            if self.allow_commercial
            else "You may show and share the pictures, but not earn money with them.",
        )
        yield LicenceLine(
            "allow_combination",
            self.allow_combination,
            "May be combined with other plug-ins" if self.allow_combination else "Only on its own",
            "You may draw one picture with it and other plug-ins together."
            if self.allow_combination
            else "You may not use it in one picture together with other plug-ins.",
        )
        yield LicenceLine(
            "allow_derivatives",
            self.allow_derivatives,
            "Pictures may be edited" if self.allow_derivatives else "Pictures stay as they are",
            "You may change the pictures and build new ones upon them."
            if self.allow_derivatives
            else "You may use the pictures only as they were made.",
        )
        yield LicenceLine(
            "require_credit",
            not self.require_credit,
            "Credit to the artist required" if self.require_credit else "No credit required",
            "Where you show a picture, you name the artist."
            if self.require_credit
            else "You may show the pictures without naming the artist.",
        )

    def publish(self) -> bool:
        """Offer the plug-in to everybody. False: it has no version yet, or is already offered.

        `market.catalog.publishing` holds the rules; this is the change of state.
        """
        return self._move(
            PlugIn.objects.exclude(state=PlugInState.PUBLISHED).filter(current_version__isnull=False),
            state=PlugInState.PUBLISHED,
            published_at=timezone.now(),
            withdrawn_at=None,
        )

    def withdraw(self) -> bool:
        """Take a published plug-in from the market. Pictures made with it stay, with their credits."""
        return self._move(
            PlugIn.objects.filter(state=PlugInState.PUBLISHED),
            state=PlugInState.WITHDRAWN,
            withdrawn_at=timezone.now(),
        )

    def take_down(self, words: str) -> None:
        """Keep it, and everything it is a part of, from being offered. A second call changes only the words."""
        PlugIn.objects.filter(pk=self.pk).update(
            taken_down_at=Coalesce("taken_down_at", Now()), taken_down_words=words
        )
        self.refresh_from_db(fields=["taken_down_at", "taken_down_words"])

    def put_back(self) -> None:
        """Undo `take_down`: it is offered again if its artist offers it."""
        PlugIn.objects.filter(pk=self.pk).update(taken_down_at=None, taken_down_words="")
        self.taken_down_at, self.taken_down_words = None, ""

    def _move(self, allowed: PlugInQuerySet, **changes: Any) -> bool:
        moved = allowed.filter(pk=self.pk).update(**changes) == 1
        if moved:
            self.refresh_from_db(fields=list(changes))
        return moved


class PriceChange(models.Model):
    """A plug-in whose price or offered version changed. A trigger notes it until what was combined from it is priced anew."""

    plugin = models.ForeignKey(PlugIn, on_delete=models.CASCADE, related_name="+", db_index=False)

    def __str__(self) -> str:
        return str(self.plugin)


class PastPlugInPrice(PastPrice):
    """A former price set by a plug-in's owner. For a combined plug-in it is not what its parts asked for."""

    plugin = models.ForeignKey(PlugIn, on_delete=models.CASCADE, related_name="past_prices")

    objects: ClassVar[PastPriceQuerySet[PastPlugInPrice]] = PastPriceQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        indexes = (models.Index(fields=["plugin", "until"], name="catalog_pastpluginprice_until"),)


class BarredVersion(models.Model):
    """A version that may not be used: its plug-in, or a part at any depth, is taken down. A database view."""

    version = models.OneToOneField(
        "catalog.PlugInVersion", on_delete=models.DO_NOTHING, primary_key=True, related_name="+"
    )

    class Meta:
        managed = False
        db_table = "catalog_barredversion"

    def __str__(self) -> str:
        return str(self.version)


def plugin_subject(version: int) -> str:
    """Name a plug-in's version as the ledger's subject of a fee."""
    return f"plugin-version:{version}"


def free_slug(concept: Concept, base: BaseModel) -> str:
    """Make an address for the concept's plug-in: `fxemoji`, then `fxemoji-ada`, then one with a number."""
    stem = slugify(concept.name)[: SLUG_LENGTH - 50] or "plug-in"
    wanted = [
        stem,
        f"{stem}-{concept.artist.handle}",
        f"{stem}-{concept.artist.handle}-{base.slug}"[:SLUG_LENGTH],
    ]
    taken = set(PlugIn.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    for slug in wanted:
        if slug not in taken:
            return slug
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"
