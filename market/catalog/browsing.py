"""Finding plug-ins: filters, text search, order. Every choice is in the address, so a search can be saved and sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import F
from django.db.models.functions import Greatest, Lower

from market.accounts.models import Role, User
from market.basemodels.models import BaseModel
from market.basemodels.prices import EurosField
from market.catalog.models import ConceptKind, PlugIn
from market.catalog.models.plugins import MAX_PRICE_MICROS, PlugInQuerySet
from market.catalog.searching import MOST_TYPED, search

PAGE_SIZE = 24
LICENCES = ("commercial", "combination", "derivatives", "no_credit")
"""Choices of a licence, each by itself."""

SORTS = {
    "new": "Newest first",
    "price": "Lowest price first",
    "-price": "Highest price first",
    "name": "By name",
}
PRICE = Greatest("price_micros", "parts_micros")
"""What a picture costs. For combined plug-ins it is as of the last sweep."""
ORDERS: dict[str, list[Any]] = {
    "new": [F("published_at").desc(nulls_last=True), "-pk"],
    "price": [PRICE.asc(), "-pk"],
    "-price": [PRICE.desc(), "-pk"],
    "name": [Lower("concept__name"), "-pk"],
}
LOOKUPS = {"kind": "concept__kind", "base": "base", "family": "base__family", "artist": "owner"}
"""The filters that ask for one value, and where it is."""


class BrowseForm(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=MOST_TYPED)
    kind = forms.ChoiceField(required=False, choices=[("", "Any kind"), *ConceptKind.choices])
    base = forms.ModelChoiceField(
        BaseModel.objects.none(),
        label="Base model",
        required=False,
        to_field_name="slug",
        empty_label="Any base",
    )
    family = forms.ChoiceField(required=False, label="Family of models")
    artist = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        to_field_name="handle",
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no artist with this handle."},
    )
    max_price = EurosField(label="At most, per picture", required=False, max_micros=MAX_PRICE_MICROS)
    commercial = forms.BooleanField(label="Commercial use", required=False)
    combination = forms.BooleanField(label="May be combined", required=False)
    derivatives = forms.BooleanField(label="May be edited", required=False)
    no_credit = forms.BooleanField(label="No credit required", required=False)
    sort = forms.ChoiceField(required=False, choices=[("", "Best match"), *SORTS.items()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        base, artist, family = self.fields["base"], self.fields["artist"], self.fields["family"]
        if isinstance(base, forms.ModelChoiceField) and isinstance(artist, forms.ModelChoiceField):
            base.queryset = BaseModel.objects.listed()
            artist.queryset = User.objects.with_role(Role.ARTIST).filter(is_active=True)
        if isinstance(family, forms.ChoiceField):
            family.choices = self._families

    def _families(self) -> list[tuple[str, str]]:
        named = BaseModel.objects.listed().exclude(family="").order_by("family")
        return [
            ("", "Any family"),
            *((each, each) for each in named.values_list("family", flat=True).distinct()),
        ]

    def choices_made(self) -> dict[str, Any]:
        """What was chosen, without the invalid fields; those carry their errors."""
        self.is_valid()
        # A price of 0 counts as a choice, although it equals False.
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value is not None and value is not False and value != ""
        }


def browse(chosen: dict[str, Any]) -> PlugInQuerySet:
    """Give the published plug-ins chosen in a BrowseForm, in a total order."""
    found = narrowed(PlugIn.objects.published(), chosen).with_everything().with_samples()
    if "q" in chosen and "sort" not in chosen:
        return found
    return found.order_by(*ORDERS[chosen.get("sort", "new")])


def narrowed(plugins: PlugInQuerySet, chosen: dict[str, Any]) -> PlugInQuerySet:
    """Give those of some plug-ins that were chosen."""
    found = filtered(plugins, chosen)
    return search(found, chosen["q"]) if "q" in chosen else found


def filtered(plugins: PlugInQuerySet, chosen: dict[str, Any]) -> PlugInQuerySet:
    """Give those of some plug-ins that pass the filters, whatever is searched for."""
    found = plugins
    for name, lookup in LOOKUPS.items():
        if name in chosen:
            found = found.filter(**{lookup: chosen[name]})
    if "max_price" in chosen:
        found = found.alias(price=PRICE).filter(price__lte=chosen["max_price"])
    for field in ("commercial", "combination", "derivatives"):
        if field in chosen:
            found = found.filter(**{f"allow_{field}": True})
    if "no_credit" in chosen:
        found = found.filter(require_credit=False)
    return found


def page_of(plugins: PlugInQuerySet, number: str | None) -> Page[PlugIn]:
    """Give the page of that number, or the nearest page if there is none."""
    return Paginator(plugins, PAGE_SIZE).get_page(number)
