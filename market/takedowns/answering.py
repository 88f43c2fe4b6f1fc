"""What the sides do about a takedown: the owner's counter-notice, and the claimant's statement that they went to court."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.claims.models import CounterNotice
from market.refusals import Refused, gone_on
from market.takedowns import mails
from market.takedowns.business_days import after_business_days
from market.takedowns.models import Takedown


def counter(takedown: Takedown, by: User, paper: CounterNotice, reason: str) -> None:
    """Answer a takedown by a counter-notice, once. After the waiting period it is undone, unless the claimant goes to court."""
    if by.pk != takedown.person_id:
        raise Refused("Only whose it is can answer by a counter-notice.")
    if not reason.strip():
        raise Refused("Say why it is a mistake: the claimant and the admins read it.")
    with transaction.atomic():
        paper.person = by
        paper.save(force_insert=True)
        restore_at = after_business_days(timezone.now(), settings.TAKEDOWNS.restore_business_days)
        if not takedown.counter(by, paper, reason.strip(), restore_at=restore_at):
            raise _why_not(takedown)
        mails.countered(takedown)


def go_to_court(takedown: Takedown, by: User, action: str) -> None:
    """Keep a countered takedown in force, because the claimant filed an action. They say so, or an admin for them."""
    is_other_admin = by.is_admin and by.pk != takedown.person_id
    if by.pk != takedown.complainant_id and not is_other_admin:
        raise Refused("Only who asked for the takedown, or an admin, can say that.")
    if not action.strip():
        raise Refused("Name the court, and the number of the action if there is one.")
    with transaction.atomic():
        if not takedown.go_to_court(by, action.strip()):
            raise gone_on("takedown")
        if by.is_admin:
            record("takedown.in_court", by=by, target=takedown, reason=action.strip())
        mails.in_court(takedown)


def _why_not(takedown: Takedown) -> Refused:
    takedown.refresh_from_db()
    if takedown.counter_notice_id is not None:
        return Refused(
            "There was a counter-notice already. Write to the market's admins if something has changed since."
        )
    if takedown.is_open:
        return Refused(
            "What a court ordered, or the market's own rules are the ground of, is not answered by a counter-notice: write to the market's admins."
        )
    return gone_on("takedown")
