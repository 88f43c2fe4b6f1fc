"""Strikes: upheld takedowns of a person's plug-ins, and the suspension after too many of them."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.catalog.models import Suspension
from market.refusals import Refused
from market.takedowns import mails
from market.takedowns.models import Takedown


def count_strike(takedown: Takedown, by: User | None) -> None:
    """Note that an upheld takedown counts as a strike, and warn the person. The last strike allowed suspends them.

    Call it in the transaction that upholds the takedown. Takedowns take turns, so none is counted without seeing the others.
    """
    takedown.count_strike(by)
    number = Takedown.objects.strikes(takedown.person).count()
    if number < settings.TAKEDOWNS.strikes_max:
        mails.strike(takedown, number)
    elif not Suspension.objects.open().filter(person=takedown.person).exists():
        _suspend(takedown.person, number, by)


def reconsider_suspension(person: User, by: User | None) -> None:
    """Lift a person's suspension if a strike was withdrawn and too few are left for it."""
    if Takedown.objects.strikes(person).count() >= settings.TAKEDOWNS.strikes_max:
        return
    suspension = Suspension.objects.open().filter(person=person).first()
    if suspension is not None and suspension.lift(None, "A strike was withdrawn."):
        _lifted(suspension, by)


def lift_suspension(suspension: Suspension, admin: User, reason: str) -> Suspension:
    """Let a person publish again. Their strikes stay, so that the next one suspends them again."""
    require_admin(admin)
    if suspension.person_id == admin.pk:
        raise Refused("Another admin has to: it is your own suspension.")
    if not reason.strip():
        raise Refused("Say why it is lifted: the person reads it.")
    with transaction.atomic():
        if not suspension.lift(admin, reason.strip()):
            raise Refused("It was lifted before.")
        _lifted(suspension, admin)
    return suspension


def _suspend(person: User, number: int, by: User | None) -> None:
    suspension = Suspension.objects.create(
        person=person, because=f"{number} strikes within {settings.TAKEDOWNS.strike_days} days."
    )
    record(
        "suspension.begun",
        by=by,
        target=suspension,
        reason=suspension.because,
        details={"person": person.pk},
    )
    mails.suspended(suspension)


def _lifted(suspension: Suspension, by: User | None) -> None:
    record(
        "suspension.lifted",
        by=by,
        target=suspension,
        reason=suspension.lifted_because,
        details={"person": suspension.person_id},
    )
    mails.suspension_lifted(suspension)
