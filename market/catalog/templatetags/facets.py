"""Addresses of a search that is narrowed, or not narrowed any more."""

from __future__ import annotations

from typing import Any

from django import template

from market.catalog.facets import Value

register = template.Library()


@register.simple_tag(takes_context=True)
def narrowing(context: Any, value: Value) -> str:
    """Give the query of the page's address with a facet's value chosen, or without it if it is. All else stays, from its first page on."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    query.pop(value.parameter, None)
    if not value.chosen:
        query[value.parameter] = value.value
    return f"?{query.urlencode()}"
