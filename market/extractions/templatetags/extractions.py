"""What the pages of other apps say of extractions."""

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
    """Say of each kind of concept how much the release in use keeps of what the base alone draws; nothing where it was not counted."""
    found = [(each.label.lower(), each.in_use) for each in degradation_of(base).families]
    return [(label, point) for label, point in found if point and point.release]


@register.simple_tag
def retests_of(plugin: PlugIn) -> list[tuple[Retest, str]]:
    """List how a plug-in did on the latest releases of its base, and that in words."""
    retests = Retest.objects.filter(version__plugin=plugin).select_related("build__release", "version")
    return [(each, retest_words(each.figures)) for each in retests.order_by("-pk")[:SHOWN]]
