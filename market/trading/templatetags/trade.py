"""What other pages say of flags: how many wait for admins, and which hold a person's earnings."""

from __future__ import annotations

from django import template
from django.db.models import QuerySet

from market.accounts.models import User
from market.trading.models import FlagState, TradeFlag

register = template.Library()


@register.simple_tag
def flags_to_decide() -> int:
    """Count the flags that wait for an admin."""
    return TradeFlag.objects.filter(state=FlagState.OPEN).count()


@register.simple_tag
def flag_of(person: User) -> TradeFlag | None:
    """Give the open flag that holds some of a person's earnings. None if there is none."""
    flags: QuerySet[TradeFlag] = TradeFlag.objects.filter(state=FlagState.OPEN)
    return flags.filter(person=person).first()
