"""What the pages of other apps say about extractions."""

from __future__ import annotations

from django import template

from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.extractions.degradation import Point, degradation_of
from market.extractions.figures import retest_words
from market.extractions.models import Retest

register = template.Library()

SHOWN = 5


@register.simple_tag
def kept_of(base: BaseModel) -> list[tuple[str, Point]]:
    """Say for each kind of concept how much the release in use keeps of what the base alone draws. Uncounted kinds are left out."""
    found = [(each.label.lower(), each.in_use) for each in degradation_of(base).families]
    return [(label, point) for label, point in found if point and point.release]


@register.simple_tag
def retests_of(plugin: PlugIn) -> list[tuple[Retest, str]]:
    """List a plug-in's retests on the latest releases of its base, each with words for it."""
    retests = Retest.objects.filter(version__plugin=plugin).select_related("build__release", "version")
    return [(each, retest_words(each.figures)) for each in retests.order_by("-pk")[:SHOWN]]
