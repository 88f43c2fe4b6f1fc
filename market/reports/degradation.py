"""How bases degrade as more is taken out of them: one base, for those who may see it; and all, for admins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_safe

from market.accounts.access import role_required
from market.accounts.models import Role
from market.basemodels.access import visible_base
from market.basemodels.models import BaseModel
from market.downloads import csv_response
from market.extractions.degradation import HEADER, Degradation, Family, degradation_of, degradations
from market.extractions.retesting import MOST_MOVED
from market.reports import charts

DRAWN = 3
"""The most lines in a chart of several families: there are as many colours."""


class DegradationForm(forms.Form):
    base = forms.ChoiceField(label="Base", required=False)
    only = forms.ChoiceField(
        label="Show", required=False, choices=[("", "All"), ("warned", "Only those with a warning")]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bases = BaseModel.objects.order_by("name", "pk").values_list("slug", "name")
        cast("forms.ChoiceField", self.fields["base"]).choices = [("", "All"), *bases]

    def found(self) -> list[Degradation]:
        """Give the requested bases. If the form is invalid, give all."""
        said = self.cleaned_data if self.is_valid() else {}
        bases = BaseModel.objects.select_related("owner")
        if said.get("base"):
            bases = bases.filter(slug=said["base"])
        found = degradations(bases)
        return [each for each in found if each.warnings] if said.get("only") else found


@role_required(Role.ADMIN)
@require_GET
def report(request: HttpRequest) -> HttpResponseBase:
    """Show each base with its families, from its first figures to the prediction; or download all measurements."""
    form = DegradationForm(request.GET)
    found = form.found()
    if request.GET.get("format") == "csv" and not form.errors:
        return csv_response("degradation", HEADER, chain.from_iterable(each.rows() for each in found))
    families = [(each.base, family) for each in found for family in each.families]
    families.sort(key=lambda each: each[1].kept_ahead)
    context = {
        "form": form,
        "found": found,
        "warned": [each for each in found if each.warnings],
        "limit": settings.EXTRACTIONS.release_min_kept,
        "query": request.GET.urlencode(),
        "legend": [f"{base.name}: {family.label.lower()}" for base, family in families[:DRAWN]],
        "left_out": max(0, len(families) - DRAWN),
        "chart": _kept(
            [(f"{base.name}, {family.label.lower()}", family) for base, family in families[:DRAWN]]
        ),
        "moved": [(each.base, each.movements[0], each.movements[-1]) for each in found if each.movements],
        "most_moved": MOST_MOVED,
    }
    return render(request, "reports/degradation.html", context, status=422 if form.errors else 200)


@require_safe
def base(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Show how extractions degraded one base, release by release, and what is predicted for the next one."""
    of = visible_base(request.user, slug)
    found = degradation_of(of)
    context = {
        "base": of,
        "found": found,
        "limit": settings.EXTRACTIONS.release_min_kept,
        "legend": [family.label for family in found.families],
        "chart": _kept([(family.label, family) for family in found.families]),
        "moved_chart": _moved(found),
        "most_moved": MOST_MOVED,
    }
    return render(request, "reports/base_degradation.html", context)


def _kept(families: Sequence[tuple[str, Family]]) -> SafeString | None:
    """Draw the share kept over the number of extractions, measured and predicted."""
    if not families:
        return None
    return charts.over_extractions(
        "What is kept of what the base alone draws rightly, by the number of extractions",
        [
            charts.Curve(
                name,
                [(point.extractions, point.kept) for point in family.points],
                (family.ahead.extractions, family.kept_ahead),
            )
            for name, family in families
        ],
        line=settings.EXTRACTIONS.release_min_kept / 100,
        as_words=lambda share: f"{100 * share:.3g}%",
    )


def _moved(found: Degradation) -> SafeString | None:
    if not found.movements:
        return None
    moved = [(0, 0.0), *((each.extractions, each.mean) for each in found.movements)]
    return charts.over_extractions(
        "How far the pictures of all else moved, by the number of extractions",
        [charts.Curve("All else", moved)],
        line=MOST_MOVED,
        as_words=lambda distance: f"{distance:.3f}",
    )
