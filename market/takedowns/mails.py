"""Mails about takedowns, strikes and suspensions, sent once the change is kept."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse

from market.accounts.mailing import moment, write_to
from market.accounts.models import User
from market.accounts.roles import admins
from market.catalog.models import CoOwnerTerms, PlugIn, Suspension
from market.catalog.offering import versions_with
from market.takedowns.models import Takedown


def taken_down(takedown: Takedown) -> None:
    """Send the owner the notice, and say how they can answer."""
    if takedown.may_be_countered:
        how = (
            "If that is a mistake, or something else was meant, send a counter-notice from the page below. It goes to whoever asked "
            f"for this. Unless they go to court, it is undone {settings.TAKEDOWNS.restore_business_days} business days later."
        )
    else:
        how = (
            "If you think that it is wrong, write to the market's admins; the page below says how it stands."
        )
    what = (
        "Nobody can use it from now on" if takedown.plugin else "Nobody sees it or downloads it from now on"
    )
    money = (
        " What it earned and was not paid out lies in escrow until that is decided."
        if takedown.plugin
        else ""
    )
    _tell(
        [takedown.person],
        takedown,
        f"Taken down: {takedown.target}",
        f"{takedown.target} is taken down, because {takedown.words}. {what}.{money}\n\n{_notice(takedown)}\n\n{how}",
    )
    if takedown.plugin:
        sharing = CoOwnerTerms.objects.sharing([takedown.plugin.pk]).get(takedown.plugin.pk, [])
        write_to(
            [each.person for each in sharing],
            f"Taken down: {takedown.target}",
            f"{takedown.target}, whose fee you share with {takedown.person}, is taken down, because {takedown.words}.{money} "
            f"{takedown.person} has the notice, and can answer.",
            reverse("disputes:disputes"),
        )
    if takedown.complainant:
        _tell(
            [takedown.complainant],
            takedown,
            f"Taken down: {takedown.target}",
            f"{takedown.target} is taken down, as you asked. If {takedown.person} sends a counter-notice, you will have it.",
        )


def combined_with(plugin: PlugIn) -> None:
    """Tell the owners of combined plug-ins that are off the market because a part of them is taken down."""
    versions = versions_with(plugin)
    combined = PlugIn.objects.filter(current_version__in=versions).exclude(pk=plugin.pk).with_everything()
    for each in combined:
        write_to(
            [each.owner],
            f"Not offered at present: “{each.name}”",
            f"“{each.name}” was combined from plug-ins one of which, “{plugin.name}”, is taken down. It is not offered meanwhile, and "
            "comes back with that. You can combine it again without it.",
            each.get_absolute_url(),
        )


def countered(takedown: Takedown) -> None:
    """Send the claimant the counter-notice, and say what happens unless they go to court."""
    until = _moment(takedown)
    readers = [takedown.complainant] if takedown.complainant else admins()
    forward = (
        "" if takedown.complainant else "\n\nWho asked for it has no account here: send them a copy of it."
    )
    _tell(
        readers,
        takedown,
        f"A counter-notice about {takedown.target}",
        f"{takedown.person} has sent a counter-notice, which is on the page below with name and address. {takedown.target} is restored "
        f"on {until}, unless the market is told before that an action is filed in court to keep them from infringing. Say so on the "
        f"page, with court and number.\n\n{takedown.counter_reason}{forward}",
    )
    _tell(
        [takedown.person],
        takedown,
        f"Your counter-notice about {takedown.target}",
        f"It is kept and passed on. {takedown.target} is restored on {until}, unless the claimant goes to court before.",
    )


def in_court(takedown: Takedown) -> None:
    _tell(
        [takedown.person, *([takedown.complainant] if takedown.complainant else [])],
        takedown,
        f"In court: {takedown.target}",
        f"The market was told of an action in court. {takedown.target} stays down until an admin has read what the court decides."
        f"\n\n{takedown.court_action}",
    )


def upheld(takedown: Takedown, reason: str) -> None:
    _tell(
        [takedown.person, *([takedown.complainant] if takedown.complainant else [])],
        takedown,
        f"Upheld: the takedown of {takedown.target}",
        f"{takedown.target} stays down.\n\n{reason}",
    )


def restored(takedown: Takedown) -> None:
    strike = " The strike is withdrawn." if takedown.upheld_at else ""
    _tell(
        [takedown.person, *([takedown.complainant] if takedown.complainant else [])],
        takedown,
        f"Restored: {takedown.target}",
        f"The takedown of {takedown.target} is undone.{strike}\n\n{takedown.restored_because}",
    )


def strike(takedown: Takedown, number: int) -> None:
    _tell(
        [takedown.person],
        takedown,
        f"Strike {number} of {settings.TAKEDOWNS.strikes_max}",
        f"The takedown of {takedown.target} is upheld, and counts as a strike for {settings.TAKEDOWNS.strike_days} days: you have {number}. With "
        f"{settings.TAKEDOWNS.strikes_max} your publishing is suspended. A strike is withdrawn when its takedown is undone.",
    )


def suspended(suspension: Suspension) -> None:
    write_to(
        [suspension.person],
        "Your publishing is suspended",
        f"{suspension.because} You can neither upload, train nor publish, and your plug-ins are not offered. What you have earned stays "
        "yours, after what lies in escrow. An admin can lift the suspension; it ends by itself if a strike is withdrawn and too few are "
        "left.",
        reverse("takedowns:mine"),
    )


def suspension_lifted(suspension: Suspension) -> None:
    write_to(
        [suspension.person],
        "Your suspension is lifted",
        f"You can publish again, and your plug-ins are offered as before.\n\n{suspension.lifted_because}",
        reverse("takedowns:mine"),
    )


def _notice(takedown: Takedown) -> str:
    """Write out the basis of the takedown: the claim's own notice, if there is one."""
    notice = takedown.claim.notice if takedown.claim else None
    if notice is None:
        return takedown.reason
    return f"{takedown.reason}\n\nThe works: {notice.works}\nThe material: {notice.material}\nSigned: {notice.signature}"


def _moment(takedown: Takedown) -> str:
    return moment(takedown.restore_at) if takedown.restore_at else "time"


def _tell(people: Iterable[User], takedown: Takedown, subject: str, text: str) -> None:
    write_to(people, subject, text, takedown.get_absolute_url())
