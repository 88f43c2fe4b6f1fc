"""Say in templates what a picture with a plug-in costs: {{ plugin|price_now|money }}."""

from __future__ import annotations

from django import template

from market.catalog.combined import price_now

register = template.Library()
register.filter("price_now", price_now)
