"""How long a party has to answer, when it is reminded, and what happens when nobody answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from market.claims import mails
from market.claims.models import Claim, ClaimState

LAST_CALL = timedelta(days=2)


def answer_within() -> timedelta:
    return timedelta(days=settings.CLAIMS.answer_days)


def appeal_within() -> timedelta:
    return timedelta(days=settings.CLAIMS.appeal_days)


def reminders_due(claim: Claim, now: datetime) -> int:
    """Count the reminders that should have been sent by now: at half time, and two days before the end."""
    if claim.due_at is None or claim.waiting_since is None:
        return 0
    half = claim.waiting_since + (claim.due_at - claim.waiting_since) / 2
    return sum(now >= moment for moment in (half, max(half, claim.due_at - LAST_CALL)))


def sweep_claims(now: datetime | None = None) -> int:
    """Remind those who have to act, and pass unanswered claims on. Give how many claims changed."""
    now = now or timezone.now()
    return sum(_sweep_one(claim, now) for claim in _waiting(now))


def _waiting(now: datetime) -> list[Claim]:
    with_time = Claim.objects.with_everything().filter(due_at__isnull=False)
    # A rejection that nobody appealed against in time stands as it is.
    return list(with_time.exclude(state=ClaimState.REJECTED, due_at__lte=now))


def _sweep_one(claim: Claim, now: datetime) -> bool:
    with transaction.atomic():
        if claim.due_at is not None and claim.due_at <= now:
            if not claim.escalate(now):
                return False
            mails.escalated(claim)
            return True
        sent = reminders_due(claim, now)
        if sent <= claim.reminders or not claim.remind(sent=sent):
            return False
        mails.reminder(claim)
        return True
