"""An artist accepts or declines what was carried over. Whoever does not answer in time has declined."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.carrying import mails
from market.carrying.models import CarryOver
from market.catalog.models import CoOwnerTerms, PlugIn
from market.catalog.publishing import publish, use_version
from market.refusals import Refused, invalid

_ONLY_ITS_ARTIST = "Only its artist says whether a plug-in is offered on another base."


def accept(carried: CarryOver, by: User) -> PlugIn:
    """Offer the plug-in on the new base, beside the old one. Raises Refused.

    It can be accepted later too, after it was declined, or nobody answered.
    """
    _require_artist(carried, by)
    with transaction.atomic():
        if not carried.accept():
            raise _decided(carried)
        assert carried.carried is not None  # noqa: S101, a constraint: what can be accepted was made
        plugin = (
            PlugIn.objects.select_for_update(of=("self",)).with_everything().get(pk=carried.carried.plugin_id)
        )
        if plugin.current_version is not None:
            raise Refused(f"You have made another version for {plugin.base.name} by now. Choose on its page.")
        if waiting := [each for each in CoOwnerTerms.objects.living([plugin.pk]) if each.offered_bps]:
            raise Refused(
                *(
                    f"{each.person} was offered {each.offered_bps / 100:g}% of its fee, as of the old one's, and has not answered. Wait "
                    "for the answer, or withdraw the offer on the plug-in's page."
                    for each in waiting
                )
            )
        use_version(plugin, carried.carried)
        publish(plugin, by)
        record("carry_over.accepted", by=by, target=carried)
    return plugin


def decline(carried: CarryOver, by: User) -> None:
    """Leave the plug-in on the old base alone. Raises Refused."""
    _require_artist(carried, by)
    with transaction.atomic():
        if not carried.decline():
            raise _decided(carried)
        record("carry_over.declined", by=by, target=carried)


def sweep_carry_overs(now: datetime | None = None) -> int:
    """Count those as declined whose artists did not answer in time. Give how many."""
    lapsed = 0
    for each in CarryOver.objects.with_everything().overdue(now or timezone.now()):
        with transaction.atomic():
            if each.lapse():
                mails.lapsed(each)
                lapsed += 1
    return lapsed


def _require_artist(carried: CarryOver, by: User) -> None:
    if carried.version.plugin.owner_id != by.pk:
        raise invalid(_ONLY_ITS_ARTIST)


def _decided(carried: CarryOver) -> Refused:
    return Refused(f"There is nothing to answer: {carried.get_state_display().lower()}.")
