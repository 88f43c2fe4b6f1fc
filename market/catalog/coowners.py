"""Share a plug-in's fee: the owner offers, the other person accepts, and every later quote divides the fee so.

Earlier quotes keep their division: the quote holds it. Each step names the last step that the person saw. So nobody answers an
offer that was changed meanwhile, and a double click is one step.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.catalog.models import CoOwnerStep, CoOwnerTerms, PlugIn, PlugInVersion
from market.catalog.models.coowners import MOST_SHARED
from market.ledger.queries import earned_by_subject
from market.refusals import invalid

MAX_CO_OWNERS = 20


CHANGED = "These shares have changed since you opened the page. Nothing was done: look at them again."


def offer(plugin: PlugIn, by: User, *, handle: str, share_bps: int) -> CoOwnerTerms:
    """Offer a share of the plug-in's fee, or a different share than before. Raises Refused."""
    _require_owner(plugin, by)
    person = User.objects.filter(handle=handle.strip().lower().removeprefix("@"), is_active=True).first()
    if person is None:
        raise invalid(
            f"There is nobody with the handle “{handle}”. It is the last part of the address of a public page: "
            "artists/handle/.",
            "handle",
        )
    if person.pk == plugin.owner_id:
        raise invalid("That is you: you keep what you do not share.", "handle")
    if not person.is_artist:
        raise invalid(
            f"{person} is not an artist here. Ask them to take on the role of an artist, and invite them then.",
            "handle",
        )
    if not 1 <= share_bps <= MOST_SHARED:
        raise invalid("A share is 0.01% to 99.99%: something stays with you.", "share")
    living = {each.person_id: each for each in CoOwnerTerms.objects.living([plugin.pk])}
    before = living.get(person.pk)
    if before and share_bps == (before.offered_bps or before.share_bps):
        state = "is already offered" if before.offered_bps else "already has"
        raise invalid(f"{person} {state} {share_bps / 100:g}%.", "share")
    if before is None and len(living) >= MAX_CO_OWNERS:
        raise invalid(f"A plug-in has at most {MAX_CO_OWNERS} co-owners. End a share first.")
    # A share in force counts as taken until a lower one is accepted.
    wanted = max(share_bps, before.share_bps if before else 0)
    free = MOST_SHARED - sum(each.most_bps for pk, each in living.items() if pk != person.pk)
    if wanted > free:
        raise invalid(
            f"With this, more than 100% would be given away. Others have, or are offered, {(MOST_SHARED - free) / 100:g}%: "
            f"at most {free / 100:g}% can be offered here.",
            "share",
        )
    return _step(
        plugin, person, by, CoOwnerStep.OFFERED, share=before.share_bps if before else 0, offered=share_bps
    )


def withdraw_offer(plugin: PlugIn, by: User, *, terms: CoOwnerTerms) -> CoOwnerTerms:
    """Withdraw an open offer. A share accepted earlier stays."""
    _require_owner(plugin, by)
    if not terms.offered_bps:
        raise invalid(CHANGED)
    return _step(plugin, terms.person, by, CoOwnerStep.WITHDRAWN, share=terms.share_bps, after=terms)


def end_share(plugin: PlugIn, by: User, *, terms: CoOwnerTerms) -> CoOwnerTerms:
    """End an accepted share. From the next quote on it is the owner's. What was earned stays earned."""
    _require_owner(plugin, by)
    if not terms.share_bps:
        raise invalid(CHANGED)
    return _step(plugin, terms.person, by, CoOwnerStep.ENDED, after=terms)


def accept(terms: CoOwnerTerms, by: User) -> CoOwnerTerms:
    """Accept what is offered: it is paid from the next quote on."""
    if not terms.offered_bps:
        raise invalid(CHANGED)
    return _step(terms.plugin, by, by, CoOwnerStep.ACCEPTED, share=terms.offered_bps, after=terms)


def decline(terms: CoOwnerTerms, by: User) -> CoOwnerTerms:
    """Decline what is offered. A share accepted earlier stays."""
    if not terms.offered_bps:
        raise invalid(CHANGED)
    return _step(terms.plugin, by, by, CoOwnerStep.DECLINED, share=terms.share_bps, after=terms)


def give_up(terms: CoOwnerTerms, by: User) -> CoOwnerTerms:
    """Give an accepted share back to the owner, from the next quote on."""
    if not terms.share_bps:
        raise invalid(CHANGED)
    return _step(terms.plugin, by, by, CoOwnerStep.LEFT, after=terms)


def _require_owner(plugin: PlugIn, by: User) -> None:
    if plugin.owner_id != by.pk:
        raise invalid("Only the owner of a plug-in shares its fee.")


def _step(
    plugin: PlugIn,
    person: User,
    by: User,
    step: CoOwnerStep,
    *,
    share: int = 0,
    offered: int = 0,
    after: CoOwnerTerms | None = None,
) -> CoOwnerTerms:
    """Write the next row of a person's terms, after the row they saw or after the last one."""
    if after is None:
        after = CoOwnerTerms.objects.filter(plugin=plugin, person=person).in_force().first()
    try:
        with transaction.atomic():
            return CoOwnerTerms.objects.create(
                plugin=plugin,
                person=person,
                number=after.number + 1 if after else 1,
                step=step,
                share_bps=share,
                offered_bps=offered,
                made_by=by,
            )
    except IntegrityError as error:
        # The triggers found a step that somebody else took after we read the terms.
        raise invalid(CHANGED) from error


@dataclass(frozen=True)
class Shared:
    """A plug-in of somebody else's, as its co-owner sees it. `earned` is what it paid them so far, in micro-euros."""

    terms: CoOwnerTerms
    earned: int


def shared_with(person: User) -> list[Shared]:
    """Give the plug-ins that a person has, had or is offered a share of: open offers first, then the latest."""
    last = CoOwnerTerms.objects.filter(person=person).in_force()
    last = last.select_related("plugin__concept", "plugin__base", "plugin__owner", "person")
    found = list(last)
    plugins = {each.plugin_id for each in found}
    versions = dict(PlugInVersion.objects.filter(plugin__in=plugins).values_list("pk", "plugin"))
    sums: dict[int, int] = {}
    for subject, amount in earned_by_subject(person).items():
        prefix, _, pk = subject.partition(":")
        plugin = versions.get(int(pk)) if prefix == "plugin-version" and pk.isdecimal() else None
        if plugin is not None:
            sums[plugin] = sums.get(plugin, 0) + amount
    shown = [Shared(each, sums.get(each.plugin_id, 0)) for each in found]
    return sorted(
        shown, key=lambda each: (not each.terms.offered_bps, not each.terms.share_bps, -each.terms.pk)
    )


def open_offers(person: User) -> int:
    """Count the offers that wait for a person's answer."""
    return sum(1 for each in CoOwnerTerms.objects.filter(person=person).in_force() if each.offered_bps)
