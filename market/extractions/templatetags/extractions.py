"""What the pages of other apps say of extractions."""

from __future__ import annotations

from django import template

from market.catalog.models import PlugIn
from market.extractions.figures import retest_words
from market.extractions.models import Retest

register = template.Library()

SHOWN = 5


@register.simple_tag
def retests_of(plugin: PlugIn) -> list[tuple[Retest, str]]:
    """List how a plug-in did on the latest releases of its base, and that in words."""
    retests = Retest.objects.filter(version__plugin=plugin).select_related("build__release", "version")
    return [(each, retest_words(each.figures)) for each in retests.order_by("-pk")[:SHOWN]]
