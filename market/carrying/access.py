"""Fetch a carried plug-in for a person. For strangers it does not exist, so they learn nothing."""

from __future__ import annotations

from django.db.models import Q
from django.shortcuts import get_object_or_404

from market.accounts.models import User
from market.carrying.models import CarryOver, CarryOverQuerySet


def own_carry_overs(person: User) -> CarryOverQuerySet:
    """Those of a person's own plug-ins."""
    return CarryOver.objects.with_everything().filter(version__plugin__owner=person)


def own_carry_over(person: User, pk: int) -> CarryOver:
    return get_object_or_404(own_carry_overs(person), pk=pk)


def visible_carry_over(person: User, pk: int) -> CarryOver:
    """For the artist of the plug-in, and for those who govern the bases."""
    found = CarryOver.objects.with_everything()
    if not person.is_admin:
        found = found.filter(Q(upgrade__source__owner=person) | Q(version__plugin__owner=person))
    return get_object_or_404(found, pk=pk)
