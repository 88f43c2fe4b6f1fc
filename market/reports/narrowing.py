"""Filters of reports: one base with the plug-ins for it, what one person was paid, or the people of a country."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django_countries import countries

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugInVersion
from market.catalog.models.plugins import plugin_subject
from market.ledger.models import Account, AccountKind, Entry, Figure
from market.reports.forms import PersonField

NOT_SAID = "none"
"""Stands for people who gave no country. Country codes have two letters."""


@dataclass(frozen=True)
class Narrowing:
    """Which of the entries that pay for requests are looked at. Without a filter, all are.

    A base: what was paid for it and for the plug-ins made for it. A person or a country: what was paid to them, so no
    commission.
    """

    base: BaseModel | None = None
    person: User | None = None
    country: str = ""

    def __bool__(self) -> bool:
        return bool(self.base or self.person or self.country)

    @property
    def to_people(self) -> bool:
        """Whether it leaves out what the market itself got."""
        return bool(self.person or self.country)

    @property
    def kept(self) -> dict[str, str]:
        """The parameters that ask for it."""
        said = {
            "base": self.base.slug if self.base else "",
            "person": self.person.handle if self.person else "",
            "country": self.country,
        }
        return {name: value for name, value in said.items() if value}

    @property
    def words(self) -> str:
        """Words for a heading: what is looked at."""
        parts = []
        if self.base:
            parts.append(f"for {self.base.name} and its plug-ins")
        if self.person:
            parts.append(f"paid to {self.person}")
        if self.country == NOT_SAID:
            parts.append("paid to people who did not say their country")
        elif self.country:
            parts.append(f"paid to people in {countries.name(self.country)}")
        return ", ".join(parts)

    def sums(self, sums: QuerySet[Figure]) -> QuerySet[Figure]:
        if self.base:
            sums = sums.filter(subject__in=_subjects_of(self.base))
        return sums.filter(account__in=self._accounts) if self.to_people else sums

    def lines(self, entries: QuerySet[Entry]) -> QuerySet[Entry]:
        """Filter entries as `sums` filters sums."""
        if self.base:
            entries = entries.filter(subject__in=_subjects_of(self.base))
        return entries.filter(account__in=self._accounts) if self.to_people else entries

    @cached_property
    def _accounts(self) -> list[int]:
        """Name the accounts into which the people are paid.

        A list of accounts lets the database use an index for their sums and entries.
        """
        accounts = Account.objects.filter(kind=AccountKind.EARNINGS)
        if self.person:
            accounts = accounts.filter(owner=self.person)
        if self.country:
            accounts = accounts.filter(owner__country="" if self.country == NOT_SAID else self.country)
        return list(accounts.values_list("pk", flat=True))


def _subjects_of(base: BaseModel) -> list[str]:
    """Name what is paid for with a base: its releases, and the versions of the plug-ins for it."""
    versions = PlugInVersion.objects.filter(plugin__base=base).values_list("pk", flat=True)
    return [
        *(f"base-release:{pk}" for pk in base.releases.values_list("pk", flat=True)),
        *map(plugin_subject, versions),
    ]


class NarrowingForm(forms.Form):
    base = forms.ChoiceField(label="Base and its plug-ins", required=False)
    person = PersonField(
        label="Paid to", required=False, widget=forms.TextInput(attrs={"placeholder": "email or handle"})
    )
    country = forms.ChoiceField(label="Their country", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bases = BaseModel.objects.order_by("name", "pk").values_list("slug", "name")
        self._choose("base", bases)
        known = User.objects.exclude(country="").order_by().values_list("country", flat=True).distinct()
        named = sorted((str(countries.name(code)) or code, code) for code in known)
        self._choose("country", [*((code, name) for name, code in named), (NOT_SAID, "Not said")])

    def _choose(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = [("", "All"), *choices]

    def clean_base(self) -> BaseModel | None:
        return BaseModel.objects.filter(slug=self.cleaned_data["base"]).first()


def narrowing_of(request: HttpRequest) -> tuple[Narrowing, NarrowingForm]:
    """Read it from the address. If it is invalid, the form explains why and nothing is filtered."""
    form = NarrowingForm(request.GET)
    return (Narrowing(**form.cleaned_data) if form.is_valid() else Narrowing()), form


def address(period_query: str, kept: dict[str, str]) -> str:
    """Write the parameters of a period and of those kept beside it."""
    return "&".join(part for part in (period_query, urlencode(kept)) if part)
