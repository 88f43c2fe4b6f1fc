"""The tax that is withheld from a payout."""

from __future__ import annotations

from django.utils import timezone

from market.accounts.models import User
from market.ledger.splits import take_out
from market.payments.models import WithholdingRate
from market.payments.models.payouts import CENT


def rate_of(person: User) -> int:
    """Give the basis points that are withheld from this person's payouts now."""
    latest = WithholdingRate.objects.filter(person=person, valid_from__lte=timezone.now()).first()
    return latest.basis_points if latest else 0


def withheld(amount: int, basis_points: int) -> int:
    """Give the tax of an amount, in whole cents like the amount. A tie goes to the person."""
    _, tax = take_out(amount // CENT, basis_points)
    return tax * CENT
