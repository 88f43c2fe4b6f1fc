"""Finding plug-ins: filters, text search, order. Every choice is in the address, so a search can be saved and sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.postgres.search import SearchQuery, SearchRank, TrigramWordSimilarity
from django.core.paginator import Page, Paginator
from django.db.models import F, Q
from django.db.models.functions import Greatest, Lower

from market.basemodels.models import BaseModel
from market.basemodels.prices import EurosField
from market.catalog.models import ConceptKind, PlugIn
from market.catalog.models.plugins import MAX_PRICE_MICROS, PlugInQuerySet

PAGE_SIZE = 24
# Word similarity from which a name counts as a misspelling of what was typed.
LIKE_ENOUGH = 0.45

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


class BrowseForm(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    kind = forms.ChoiceField(required=False, choices=[("", "Any kind"), *ConceptKind.choices])
    base = forms.ModelChoiceField(
        BaseModel.objects.none(),
        label="Base model",
        required=False,
        to_field_name="slug",
        empty_label="Any base",
    )
    max_price = EurosField(label="At most, per picture", required=False, max_micros=MAX_PRICE_MICROS)
    commercial = forms.BooleanField(label="Commercial use", required=False)
    combination = forms.BooleanField(label="May be combined", required=False)
    derivatives = forms.BooleanField(label="May be edited", required=False)
    no_credit = forms.BooleanField(label="No credit required", required=False)
    sort = forms.ChoiceField(required=False, choices=[("", "Best match"), *SORTS.items()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        base = self.fields["base"]
        if isinstance(base, forms.ModelChoiceField):
            base.queryset = BaseModel.objects.listed()

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
    found = PlugIn.objects.published().with_everything().with_samples()
    if "kind" in chosen:
        found = found.filter(concept__kind=chosen["kind"])
    if "base" in chosen:
        found = found.filter(base=chosen["base"])
    if "max_price" in chosen:
        found = found.alias(price=PRICE).filter(price__lte=chosen["max_price"])
    for field in ("commercial", "combination", "derivatives"):
        if field in chosen:
            found = found.filter(**{f"allow_{field}": True})
    if "no_credit" in chosen:
        found = found.filter(require_credit=False)
    order = ORDERS[chosen.get("sort", "new")]
    if "q" in chosen:
        found = search(found, chosen["q"])
        if "sort" not in chosen:
            order = ["-relevance", *order]
    return found.order_by(*order)


def search(plugins: PlugInQuerySet, text: str) -> PlugInQuerySet:
    """Match words in name, aliases and description, similar spellings of names, and artists; annotate `relevance`."""
    words = SearchQuery(text, search_type="websearch", config="english") | SearchQuery(
        text, search_type="websearch", config="simple"
    )
    return plugins.annotate(
        name_likeness=TrigramWordSimilarity(text, "concept__name"),
        artist_likeness=TrigramWordSimilarity(text, "owner__display_name"),
        relevance=SearchRank(F("concept__search_document"), words)
        + Greatest("name_likeness", "artist_likeness"),
    ).filter(
        Q(concept__search_document=words)
        | Q(concept__name__icontains=text)
        | Q(name_likeness__gte=LIKE_ENOUGH)
        | Q(artist_likeness__gte=LIKE_ENOUGH)
    )


def page_of(plugins: PlugInQuerySet, number: str | None) -> Page[PlugIn]:
    """Give the page of that number, or the nearest page if there is none."""
    return Paginator(plugins, PAGE_SIZE).get_page(number)
