"""For pages of lower apps: what waits for an artist's answer."""

from __future__ import annotations

from django import template

from market.accounts.models import User
from market.carrying.access import own_carry_overs
from market.carrying.models import CarryOverState

register = template.Library()


@register.simple_tag
def carried_to_answer(person: User) -> int:
    """Count a person's plug-ins that were carried over and wait for their answer."""
    return own_carry_overs(person).filter(state=CarryOverState.OFFERED).count()
