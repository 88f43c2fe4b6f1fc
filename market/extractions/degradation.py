"""How well a base still draws what was not taken out: measured for each release, and predicted for the next extraction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings

from market.basemodels.models import BaseModel, BaseRelease
from market.extractions.limits import Limit
from market.extractions.models import BuildState, Extraction, ReleaseBuild
from market.extractions.prediction import Counted, Predicted, predict
from market.extractions.retesting import MOST_MOVED

FAMILIES = {"style": "Styles", "character": "Subjects"}
"""The kinds of concepts, and what the judge recognises of each in pictures of anything else."""
HEADER = (
    "base",
    "what",
    "release",
    "extractions",
    "value",
    "low",
    "high",
    "pictures",
    "kept",
    "in_use",
    "below",
)


@dataclass(frozen=True)
class Point:
    """The share of pictures of remaining concepts that show what was asked for, with its 95% interval.

    release: None for the base alone.
    kept: this share, relative to what the base alone draws rightly for the same prompts.
    """

    release: BaseRelease | None
    extractions: int
    rate: float
    low: float
    high: float
    pictures: int
    kept: float = 1.0

    @property
    def limit(self) -> Limit:
        return _limit("Kept", self.kept)

    @property
    def name(self) -> str:
        return f"Release {self.release.number}" if self.release else "The base alone"


@dataclass(frozen=True)
class Family:
    """One kind of concept: the base alone, then its releases in order.

    in_use: the release that draws pictures now. None if its pictures were not counted.
    out_next: how many concepts will be out after the next extraction.
    """

    kind: str
    points: tuple[Point, ...]
    in_use: Point | None
    out_next: int

    @property
    def label(self) -> str:
        return FAMILIES[self.kind]

    @cached_property
    def ahead(self) -> Predicted:
        """What is predicted for the next release's count."""
        known = [
            Counted(each.extractions, round(each.rate * each.pictures), each.pictures) for each in self.points
        ]
        return predict(known, self.out_next, self.newest.pictures)

    @property
    def first(self) -> Point:
        """The first release that was counted."""
        return self.points[1]

    @property
    def newest(self) -> Point:
        return self.points[-1]

    @property
    def kept_ahead(self) -> float:
        return _kept(self.ahead.rate, self.points[0].rate)

    @property
    def limit_ahead(self) -> Limit:
        return _limit(f"{self.label} kept, predicted with {self.out_next} taken out", self.kept_ahead)

    @property
    def warnings(self) -> list[str]:
        """Warn if the releases that matter now, or the next extraction, keep too little."""
        limits = [
            _limit(f"{self.label} kept by release {each.release.number}", each.kept)
            for each in dict.fromkeys((self.in_use, self.newest))
            if each and each.release
        ]
        return [each.in_words for each in (*limits, self.limit_ahead) if not each.met]


@dataclass(frozen=True)
class Movement:
    """How far pictures of remaining concepts moved on a release: root mean square of pixels, 0 to 1.

    It does not say whether they got worse.
    """

    release: BaseRelease
    extractions: int
    mean: float
    interval: tuple[float, float] | None

    @property
    def is_far(self) -> bool:
        return self.mean > MOST_MOVED


@dataclass(frozen=True)
class Degradation:
    """The degradation of one base with its present weights. `movements` are for the releases on which no judge counted."""

    base: BaseModel
    families: tuple[Family, ...]
    movements: tuple[Movement, ...]

    def __bool__(self) -> bool:
        return bool(self.families or self.movements)

    @property
    def warnings(self) -> list[str]:
        far = [
            f"On release {each.release.number} the pictures of all else moved by {each.mean:.3f}: from about {MOST_MOVED} on "
            "they are others."
            for each in self.movements[-1:]
            if each.is_far
        ]
        return [*(said for each in self.families for said in each.warnings), *far]

    @property
    def lowest_ahead(self) -> float:
        """The prediction for the family that keeps least. 1 if there is none."""
        return min((each.kept_ahead for each in self.families), default=1.0)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Give a row under `HEADER` for each figure. `value` is a share of pictures, or how far they moved."""
        for family in self.families:
            for point in family.points:
                number = point.release.number if point.release else ""
                yield (
                    self.base.slug, family.kind, number, point.extractions, *_rounded(point.rate, point.low, point.high),
                    point.pictures, *_rounded(point.kept), _yes(point is family.in_use), _yes(not point.limit.met),
                )  # fmt: skip
            ahead = family.ahead
            yield (
                self.base.slug, family.kind, "predicted", ahead.extractions, *_rounded(ahead.rate, ahead.low, ahead.high),
                "", *_rounded(family.kept_ahead), "", _yes(not family.limit_ahead.met),
            )  # fmt: skip
        for each in self.movements:
            yield (
                self.base.slug, "moved", each.release.number, each.extractions,
                *_rounded(each.mean, *(each.interval or ())), *(() if each.interval else ("", "")), "", "",
                _yes(each.release.is_default), _yes(each.is_far),
            )  # fmt: skip


def degradation_of(base: BaseModel) -> Degradation:
    """Collect what was measured on a base's releases, and predict what one more extraction leaves."""
    builds = list(
        ReleaseBuild.objects.filter(base=base, state=BuildState.READY, base_fingerprint=base.fingerprint)
        .select_related("release")
        .order_by("release__number")
    )
    out_next = Extraction.objects.for_release(base).count() + 1
    found = [_family(kind, builds, out_next) for kind in FAMILIES]
    families = tuple(each for each in found if each)
    uncounted = [each for each in builds if not any(kind in each.figures["retained"] for kind in FAMILIES)]
    return Degradation(base, families, tuple(map(_movement, uncounted)))


def degradations(bases: Iterable[BaseModel]) -> list[Degradation]:
    """Collect it for several bases, the lowest prediction first. Bases from which nothing was taken out are left out."""
    found = [each for each in map(degradation_of, bases) if each]
    return sorted(found, key=lambda each: (each.lowest_ahead, each.base.name))


def limits_ahead(base: BaseModel) -> list[Limit]:
    """Give what one more extraction is predicted to leave of a base, with the limit. Empty before the first release.

    For the first release the extraction's own figures tell: its eraser alone is the release.
    """
    return [each.limit_ahead for each in degradation_of(base).families]


def _limit(label: str, kept: float) -> Limit:
    return Limit(label, kept, settings.EXTRACTIONS.release_min_kept / 100, at_least=True)


def _family(kind: str, builds: list[ReleaseBuild], out_next: int) -> Family | None:
    counted = [each for each in builds if kind in each.figures["retained"]]
    if not counted:
        return None
    alone = _point(counted[0].figures["retained"][kind]["before"])
    points = (alone, *(_released(each, kind) for each in counted))
    built_in_use = any(each.release and each.release.is_default for each in builds)
    in_use = [each for each in points if each.release and each.release.is_default]
    return Family(kind, points, in_use[0] if in_use else None if built_in_use else alone, out_next)


def _released(build: ReleaseBuild, kind: str) -> Point:
    found = build.figures["retained"][kind]
    kept = _kept(found["after"]["rate"], found["before"]["rate"])
    return _point(found["after"], build.release, len(build.figures["concepts"]), kept)


def _kept(rate: float, alone: float) -> float:
    # What the base alone never draws rightly cannot be lost.
    return rate / alone if alone else 1.0


def _point(
    rate: Mapping[str, Any], release: BaseRelease | None = None, extractions: int = 0, kept: float = 1.0
) -> Point:
    return Point(release, extractions, rate["rate"], rate["low"], rate["high"], rate["pictures"], kept)


def _movement(build: ReleaseBuild) -> Movement:
    if build.release is None:
        raise ValueError(f"expected a build with its release, found {build}")
    retained = build.figures["retained"]
    # Releases from before intervals were measured have none.
    low_high = retained.get("moved_interval", {}).get("after")
    interval = (low_high[0], low_high[1]) if low_high else None
    return Movement(build.release, len(build.figures["concepts"]), retained["moved"]["after"], interval)


def _rounded(*values: float) -> tuple[str, ...]:
    return tuple(f"{each:.4f}" for each in values)


def _yes(said: bool) -> str:
    return "yes" if said else ""
