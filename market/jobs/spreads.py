"""Distributions of times, as counts in buckets. Those of many days add up without looking at each time again."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Case, DurationField, ExpressionWrapper, F, FloatField, IntegerField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, Floor, Greatest, Ln

GROWTH = 1.02
"""Bucket n has times from GROWTH ** (n - 1) up to GROWTH ** n microseconds. Bucket 0 has times of zero, or below zero if a clock was set back."""

_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def time_between(begin: str, end: str) -> Combinable:
    """The time from one field to another, in the database."""
    return ExpressionWrapper(F(end) - F(begin), output_field=DurationField())


def bucket_of(time: str) -> Combinable:
    """The bucket of a time, computed in the database. NULL if there is no time."""
    seconds = Cast(Extract(F(time), "epoch"), FloatField())
    # At least 1: rounding could give the shortest time less.
    micros = Greatest(seconds * Value(1e6), Value(1.0), output_field=FloatField())
    number = Floor(Ln(micros) / Value(math.log(GROWTH))) + Value(1.0)
    return Case(
        When(**{f"{time}__lte": timedelta()}, then=Value(0)),
        When(**{f"{time}__gt": timedelta()}, then=Cast(number, IntegerField())),
        output_field=IntegerField(),
    )


@dataclass
class Spread:
    """How many times lie in each bucket, and the exact longest time, None if there are no times."""

    numbers: Counter[int] = field(default_factory=Counter)
    longest: timedelta | None = None

    @classmethod
    def of(cls, parts: Iterable[Spread]) -> Spread:
        """Add spreads up."""
        whole = cls()
        for part in parts:
            whole.add(part.numbers, part.longest)
        return whole

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Spread:
        longest = kept["longest_micros"]
        return cls(
            Counter({int(bucket): number for bucket, number in kept["numbers"].items()}),
            None if longest is None else longest * _MICROSECOND,
        )

    def add(self, numbers: Mapping[int, int], longest: timedelta | None) -> None:
        self.numbers.update(numbers)
        if longest is not None:
            self.longest = longest if self.longest is None else max(self.longest, longest)

    def as_json(self) -> dict[str, Any]:
        return {
            "longest_micros": None if self.longest is None else self.longest // _MICROSECOND,
            "numbers": {str(bucket): number for bucket, number in sorted(self.numbers.items())},
        }

    @property
    def longest_seconds(self) -> float | None:
        """None if there are no times. 0 if all are below zero."""
        return None if self.longest is None else max(0.0, self.longest / _SECOND)

    def quantiles(self, *fractions: float) -> list[float | None]:
        """Give the quantiles of the times in seconds, each correct to within one per cent.

        Defined like PostgreSQL's percentile_cont, with times below zero counted as zero: a quantile between two times is
        interpolated. Each time is replaced by the middle of its bucket, which differs by less than one per cent from all times
        in it.
        """
        if not self.numbers:
            return [None for _ in fractions]
        buckets = sorted(self.numbers)
        # How many times there are up to and including each bucket.
        up_to: list[int] = []
        for bucket in buckets:
            up_to.append(self.numbers[bucket] + (up_to[-1] if up_to else 0))
        return [self._at(fraction * (up_to[-1] - 1), buckets, up_to) for fraction in fractions]

    def _at(self, place: float, buckets: Sequence[int], up_to: Sequence[int]) -> float:
        """The seconds at a position among all times in order, where the shortest is at 0."""
        below, above = (
            _middle(buckets[bisect_right(up_to, whole)]) for whole in (math.floor(place), math.ceil(place))
        )
        seconds = below + (above - below) * (place - math.floor(place))
        return seconds if self.longest_seconds is None else min(seconds, self.longest_seconds)


def _middle(bucket: int) -> float:
    """The seconds in the (geometric) middle of a bucket: the ratio to its shortest and to its longest time is the same."""
    return GROWTH ** (bucket - 0.5) / 1e6 if bucket else 0.0
