"""What the sweeper does for takedowns: undo countered ones that were not taken to court, and uphold unanswered ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from market.audit.recording import record
from market.takedowns import mails
from market.takedowns.models import Takedown
from market.takedowns.states import Ground, TakedownState
from market.takedowns.strikes import count_strike
from market.takedowns.taking_down import restore_when_due, take_turns

_NOT_ANSWERED = "No counter-notice came in time."


def sweep_takedowns(now: datetime | None = None) -> int:
    """Do what is due. Give how many takedowns changed."""
    now = now or timezone.now()
    due = Takedown.objects.with_everything().filter(state=TakedownState.COUNTERED, restore_at__lte=now)
    unanswered = Takedown.objects.with_everything().filter(
        plugin__isnull=False,
        ground=Ground.NOTICE,
        state=TakedownState.IN_FORCE,
        upheld_at=None,
        taken_down_at__lte=now - timedelta(days=settings.TAKEDOWNS.counter_days),
    )
    restored = sum(restore_when_due(each, now) for each in list(due))
    return restored + sum(_uphold(each) for each in list(unanswered))


def _uphold(takedown: Takedown) -> bool:
    with transaction.atomic():
        take_turns()
        if not takedown.uphold(None, _NOT_ANSWERED):
            return False
        record("takedown.upheld", by=None, target=takedown, reason=_NOT_ANSWERED)
        mails.upheld(takedown, _NOT_ANSWERED)
        count_strike(takedown, None)
    return True
