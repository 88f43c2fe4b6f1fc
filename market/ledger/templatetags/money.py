"""Show amounts in micro-units in templates: {{ line.amount|money }}."""

from __future__ import annotations

from django import template

from market.ledger.memos import name_in, through_in
from market.ledger.money import formatted
from market.ledger.splits import in_percent

register = template.Library()
register.filter("fee_name", name_in)
register.filter("fee_through", through_in)
register.filter("percent", in_percent)


@register.filter
def money(micros: int | None, currency: str = "EUR") -> str:
    """Write micro-units as an amount with its currency, such as €0.05. Empty for None."""
    return "" if micros is None else formatted(int(micros), currency)
