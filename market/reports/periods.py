"""The period of days that a report is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from market.ledger.statements import Month

LONGEST = 3653
DAYS, WEEKS = 92, 731
"""Up to the first number of days a chart has daily bars, up to the second weekly bars, and beyond that monthly bars."""
EARLIEST, LATEST = 2000, 2999


class Grain(StrEnum):
    """The span of one bar or row of a report: a day, a week or a month."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def first_of(self, day: date) -> date:
        """The first day of the day's week (a Monday) or month."""
        if self == Grain.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self == Grain.MONTH else day

    def last_of(self, day: date) -> date:
        if self == Grain.WEEK:
            return day + timedelta(days=6 - day.weekday())
        if self == Grain.MONTH:
            return Month.of(day).next.first - timedelta(days=1)
        return day

    @property
    def note(self) -> str:
        """What a reader has to know about it."""
        return {"day": "days in UTC", "week": "weeks from Monday, in UTC", "month": "months in UTC"}[
            self.value
        ]


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included. `name` is that of a quick choice, or "custom"."""

    first: date
    last: date
    name: str = "custom"

    @property
    def start(self) -> datetime:
        return timezone.make_aware(datetime.combine(self.first, time.min))

    @property
    def end(self) -> datetime:
        """The moment after the last day."""
        return timezone.make_aware(datetime.combine(self.last + timedelta(days=1), time.min))

    @property
    def label(self) -> str:
        return QUICK.get(self.name, f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}")

    @property
    def query(self) -> str:
        """The parameters that ask for this period."""
        if self.name != "custom":
            return urlencode({"period": self.name})
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})

    @property
    def previous(self) -> Period:
        """The period to compare with: the month before a whole month, else as many days just before."""
        before = self.first - timedelta(days=1)
        if (
            self.first.day == 1
            and (self.last + timedelta(days=1)).day == 1
            and self.last - self.first < timedelta(31)
        ):
            return Period(before.replace(day=1), before)
        return Period(self.first - timedelta(days=(self.last - self.first).days + 1), before)

    def days(self) -> Iterator[date]:
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)

    @property
    def grain(self) -> Grain:
        """The span of a bar in a chart of this period, chosen so that there are not too many bars."""
        days = (self.last - self.first).days + 1
        return Grain.DAY if days <= DAYS else Grain.WEEK if days <= WEEKS else Grain.MONTH

    def spans(self, grain: Grain) -> list[Period]:
        """Divide it into days, weeks or months. The first and the last week or month may be incomplete."""
        found: list[Period] = []
        first = self.first
        while first <= self.last:
            found.append(Period(first, min(grain.last_of(first), self.last)))
            first = found[-1].last + timedelta(days=1)
        return found

    @property
    def words(self) -> str:
        """The days as one would say them: "3 Nov 2026", "November 2026", "3 to 9 Nov 2026"."""
        first, last = self.first, self.last
        if first == last:
            return f"{last:%-d %b %Y}"
        if (first.year, first.month) != (last.year, last.month):
            return f"{first:%-d %b}{f' {first.year}' if first.year != last.year else ''} to {last:%-d %b %Y}"
        if (first, last) == (Grain.MONTH.first_of(first), Grain.MONTH.last_of(first)):
            return f"{first:%B %Y}"
        return f"{first:%-d} to {last:%-d %b %Y}"


QUICK = {"last_month": "Last month", "this_month": "This month so far", "last_30": "Last 30 days"}


def quick(name: str, today: date | None = None) -> Period:
    """Return one of the periods that are a click away. Raises KeyError for another name."""
    today = today or timezone.localdate()
    first_of_month = today.replace(day=1)
    if name == "last_month":
        last = first_of_month - timedelta(days=1)
        return Period(last.replace(day=1), last, name)
    if name == "this_month":
        return Period(first_of_month, today, name)
    if name == "last_30":
        return Period(today - timedelta(days=29), today, name)
    raise KeyError(name)


class PeriodForm(forms.Form):
    """A first and a last day, at most ten years apart."""

    start = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def add_prefix(self, field_name: str) -> str:
        return {"start": "from", "end": "to"}.get(field_name, field_name)

    def clean(self) -> dict[str, date]:
        data: dict[str, date] = super().clean() or {}
        start, end = data.get("start"), data.get("end")
        if start and end and start > end:
            raise ValidationError("The first day is after the last one.")
        if start and end and not EARLIEST <= start.year <= end.year <= LATEST:
            raise ValidationError(f"Give days of the years {EARLIEST} to {LATEST}.")
        if start and end and (end - start).days >= LONGEST:
            raise ValidationError(f"A report covers at most {LONGEST} days.")
        return data


def period_of(request: HttpRequest, default: str) -> tuple[Period, PeriodForm]:
    """Read the period from the address. If it is invalid, the form explains why and the default is shown."""
    name = request.GET.get("period", "")
    chosen = quick(name if name in QUICK else default)
    if "from" in request.GET or "to" in request.GET:
        form = PeriodForm(request.GET)
        if form.is_valid():
            chosen = Period(form.cleaned_data["start"], form.cleaned_data["end"])
        return chosen, form
    return chosen, PeriodForm(initial={"start": chosen.first, "end": chosen.last})
