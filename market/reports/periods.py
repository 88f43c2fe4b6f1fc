"""The days that a report is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

LONGEST = 366


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included. `name` is a quick choice, or "custom"."""

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
    """A first and a last day, at most a year apart."""

    start = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def add_prefix(self, field_name: str) -> str:
        return {"start": "from", "end": "to"}.get(field_name, field_name)

    def clean(self) -> dict[str, date]:
        data: dict[str, date] = super().clean() or {}
        start, end = data.get("start"), data.get("end")
        if start and end and start > end:
            raise ValidationError("The first day is after the last one.")
        if start and end and (end - start).days >= LONGEST:
            raise ValidationError(f"A report covers at most {LONGEST} days.")
        return data


def period_of(request: HttpRequest, default: str) -> tuple[Period, PeriodForm]:
    """Read the period from the address; a bad one is explained by the form, and the default is shown."""
    name = request.GET.get("period", "")
    chosen = quick(name if name in QUICK else default)
    if "from" in request.GET or "to" in request.GET:
        form = PeriodForm(request.GET)
        if form.is_valid():
            chosen = Period(form.cleaned_data["start"], form.cleaned_data["end"])
        return chosen, form
    return chosen, PeriodForm(initial={"start": chosen.first, "end": chosen.last})
