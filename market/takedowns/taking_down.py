"""Withhold a plug-in or a picture from everybody at once, and give it back as it was.

A takedown of a plug-in does all this in one transaction. Nobody can use it, or what was combined from it, any more. Requests
that were not drawn yet are stopped and pay nothing. What it earned goes to escrow. What it drew is hidden, if that is asked
for.

All takedowns take turns. They lock the plug-in before requests and their payers; a new request locks in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.catalog.models import PlugIn
from market.catalog.offering import versions_with
from market.claims.models import Claim
from market.combinations.finishing import stop_combinations
from market.disputes.deciding import end_for_takedown
from market.disputes.models import DisputeState
from market.disputes.opening import open_for_takedown
from market.disputes.settling import in_escrow
from market.generation.hiding import hide, show_again, stop_requests
from market.generation.models import Picture
from market.ledger.money import formatted
from market.refusals import Refused
from market.takedowns import mails
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.strikes import count_strike, reconsider_suspension

_ONE_AT_A_TIME = 7_310_001
"""The number of the advisory lock. Nothing else in the market uses it."""
_NOBODY_WENT_TO_COURT = (
    "The waiting period after the counter-notice is over, and the market was told of no action in court."
)


@dataclass(frozen=True)
class Cause:
    """Why something is taken down: the ground, the text for both sides, and the person who asked for it, if they have an account."""

    ground: Ground
    reason: str
    complainant: User | None = None

    def __post_init__(self) -> None:
        if self.ground == Ground.CLAIM:
            raise Refused("What a claim is about is taken down when the claim is accepted.")
        if not self.reason.strip():
            raise Refused("Say why: whose it is and whoever asked for it read it.")


def take_down_plugin(plugin: PlugIn, admin: User, cause: Cause, *, pictures: bool = False) -> Takedown:
    """Take a plug-in down. With `pictures`, also everything that it drew. A second call makes no second takedown.

    If it is down on another ground already, this is refused: the two would end differently. An example is a court's order after
    a countered notice.
    """
    require_admin(admin)
    _require_neutral(admin, plugin.owner, cause.complainant)
    if cause.complainant == plugin.owner:
        raise Refused("The plug-in is the complainant's own: they can withdraw it on their desk.")
    with transaction.atomic():
        locked = _locked(plugin)
        takedown = Takedown.objects.open().filter(plugin=plugin, claim=None).first()
        if takedown is None:
            made = Takedown(
                plugin=locked,
                person=locked.owner,
                ground=cause.ground,
                reason=cause.reason.strip(),
                complainant=cause.complainant,
                hides_pictures=pictures,
            )
            takedown = _begin(made, locked, admin)
        elif takedown.ground != cause.ground:
            raise Refused(
                f"It is taken down already, on another ground: {takedown.get_ground_display().lower()}. Nothing was changed. Tell of a "
                "court on the page of that takedown once it was countered; or restore it, and take it down on this ground."
            )
        elif pictures and takedown.hide_pictures_too(admin):
            hidden = _hide_drawn(takedown, locked)
            record("takedown.pictures_hidden", by=admin, target=takedown, details={"pictures": hidden})
        if (
            takedown.ground == Ground.COURT
            and takedown.upheld_at is None
            and takedown.uphold(admin, takedown.reason)
        ):
            count_strike(takedown, admin)
    return takedown


def take_down_picture(picture: Picture, admin: User, cause: Cause) -> Takedown:
    """Hide one picture from its maker and everybody. A second call makes no second takedown."""
    require_admin(admin)
    owner = picture.request.person
    _require_neutral(admin, owner, cause.complainant)
    with transaction.atomic():
        take_turns()
        there = Takedown.objects.open().filter(picture=picture).first()
        if there is not None:
            return there
        takedown = Takedown.objects.create(
            picture=picture,
            person=owner,
            ground=cause.ground,
            reason=cause.reason.strip(),
            complainant=cause.complainant,
            taken_down_by=admin,
        )
        takedown.begin(admin)
        hide(Picture.objects.filter(pk=picture.pk), reference=takedown.reference, words=takedown.words)
        record(
            "takedown.made",
            by=admin,
            target=takedown,
            reason=takedown.reason,
            details={"ground": takedown.ground},
        )
        mails.taken_down(takedown)
    return takedown


def take_down_what_was_claimed(claim: Claim, by: User) -> Takedown | None:
    """Take down the plug-in that an accepted claim is about. This is a strike at once. A claim about a base does nothing here."""
    if claim.plugin is None:
        return None
    with transaction.atomic():
        locked = _locked(claim.plugin)
        made = Takedown(
            plugin=locked,
            person=locked.owner,
            ground=Ground.CLAIM,
            reason=f"The claim that it contains {claim.concept} by {claim.claimant} was accepted.",
            complainant=claim.claimant,
            claim=claim,
        )
        takedown = _begin(made, locked, by)
        if takedown.uphold(by, "The claim was accepted."):
            count_strike(takedown, by)
    return takedown


def restore(
    takedown: Takedown, admin: User, reason: str, *, money: DisputeState | None = DisputeState.RELEASED
) -> Takedown:
    """Undo a takedown: the thing is as it was before, unless another takedown keeps it down.

    `money` is where its escrow goes: to the artist unless another is chosen. None leaves the dispute open.
    """
    require_admin(admin)
    _require_neutral(admin, takedown.person, takedown.complainant)
    if not reason.strip():
        raise Refused("Say why it is restored: both sides read it.")
    with transaction.atomic():
        take_turns()
        takedown.refresh_from_db()
        if not takedown.restore(admin, reason.strip()):
            raise Refused("It was restored before.")
        _give_back(takedown, admin, money)
    return takedown


def restore_when_due(takedown: Takedown, now: datetime) -> bool:
    """Undo a takedown whose waiting period after a counter-notice is over. False: it is not over, or somebody was quicker."""
    with transaction.atomic():
        take_turns()
        takedown.refresh_from_db()
        if not takedown.restore(None, _NOBODY_WENT_TO_COURT, due=now):
            return False
        _give_back(takedown, None, DisputeState.RELEASED)
    return True


def uphold(takedown: Takedown, admin: User, reason: str) -> Takedown:
    """Uphold a takedown that was not answered, or on which a court has decided."""
    require_admin(admin)
    _require_neutral(admin, takedown.person, takedown.complainant)
    if not reason.strip():
        raise Refused("Say why it stands: both sides read it.")
    with transaction.atomic():
        take_turns()
        takedown.refresh_from_db()
        was_strike = takedown.is_strike
        if not takedown.uphold(admin, reason.strip()):
            raise Refused("It can be upheld while nobody has answered it, or once a court has decided.")
        record("takedown.upheld", by=admin, target=takedown, reason=reason.strip())
        mails.upheld(takedown, reason.strip())
        if not was_strike:
            count_strike(takedown, admin)
    return takedown


def _begin(made: Takedown, plugin: PlugIn, by: User) -> Takedown:
    """Carry out the takedown of a plug-in, with the plug-in locked."""
    plugin.take_down(made.words)
    versions = versions_with(plugin)
    stopped = stop_requests(versions) + stop_combinations(versions)
    # From here on nothing is drawn or paid with it. Running payments have been waited for.
    dispute, opened = open_for_takedown(
        plugin=plugin, claimant=made.complainant, by=by, reason=f"Taken down: {made.reason}"
    )
    made.taken_down_by, made.dispute, made.opened_dispute = by, dispute, opened
    made.save(force_insert=True)
    made.begin(by)
    details: dict[str, object] = {
        "ground": made.ground,
        "requests_stopped": stopped,
        "dispute": dispute.reference,
        "in_escrow": formatted(sum(each.amount for each in in_escrow(dispute))),
    }
    if made.hides_pictures:
        details["pictures_hidden"] = _hide_drawn(made, plugin)
    record("takedown.made", by=by, target=made, reason=made.reason, details=details)
    mails.taken_down(made)
    mails.combined_with(plugin)
    return made


def _give_back(takedown: Takedown, by: User | None, money: DisputeState | None) -> None:
    """Carry out the restoring, in the transaction that has marked the takedown as restored."""
    details = _undo(takedown, by, money)
    record("takedown.restored", by=by, target=takedown, reason=takedown.restored_because, details=details)
    mails.restored(takedown)
    if takedown.upheld_at is not None:
        reconsider_suspension(takedown.person, by)


def _undo(takedown: Takedown, by: User | None, money: DisputeState | None) -> dict[str, object]:
    """Show hidden pictures again, put the plug-in back if nothing else keeps it down, and end its dispute."""
    details: dict[str, object] = {"pictures_shown": show_again(takedown.reference)}
    if takedown.plugin is None:
        return details
    plugin = PlugIn.objects.select_for_update(of=("self",)).get(pk=takedown.plugin.pk)
    others = Takedown.objects.open().filter(plugin=plugin).order_by("pk")
    if (other := others.first()) is None:
        plugin.put_back()
    else:
        plugin.take_down(other.words)
        details["still_down"] = [each.reference for each in others]
    if takedown.dispute is None or not takedown.opened_dispute or money is None:
        return details
    # If another takedown keeps it down, the dispute continues for that one.
    if heir := others.filter(dispute=takedown.dispute).first():
        Takedown.objects.filter(pk=heir.pk).update(opened_dispute=True)
        return details
    end_for_takedown(takedown.dispute, money, takedown.restored_because, by)
    return details | {"escrow": money.value}


def _hide_drawn(takedown: Takedown, plugin: PlugIn) -> int:
    drawn = Picture.objects.drawn_with(versions_with(plugin))
    return hide(
        drawn, reference=takedown.reference, words=f"it was made with “{plugin.name}”: {takedown.words}"
    )


def _locked(plugin: PlugIn) -> PlugIn:
    """Take the turn, then lock the plug-in. This waits for requests being made with it, and later ones wait for this."""
    take_turns()
    return PlugIn.objects.select_for_update(of=("self",)).select_related("concept", "owner").get(pk=plugin.pk)


def take_turns() -> None:
    """Let takedowns, and what ends them, happen one after the other: other callers wait until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])


def _require_neutral(admin: User, *sides: User | None) -> None:
    if any(side is not None and side.pk == admin.pk for side in sides):
        raise Refused("Another admin has to: this is yours, or you asked for it.")
