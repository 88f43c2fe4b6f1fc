"""How many claims an artist may have open, and how long they wait after unfounded ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from market.accounts.mailing import moment
from market.accounts.models import User
from market.claims.models import LIVE_CLAIMS, Claim, ClaimState
from market.refusals import Refused


def require_may_claim(person: User) -> None:
    """Raise Refused if a person has too many open claims, or too many that admins rejected lately.

    Call it within a transaction. A person's claims are begun one after the other, so that two at once do not exceed the limit.
    """
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    open_claims = Claim.objects.made_by(person).filter(state__in=LIVE_CLAIMS).count()
    if open_claims >= settings.CLAIMS.max_open:
        raise Refused(
            f"You have {open_claims} claims that are not decided yet, drafts among them, and the most at a time is "
            f"{settings.CLAIMS.max_open}. Wait for one to be decided, or withdraw one."
        )
    if (until := waits_until(person)) is not None:
        raise Refused(
            f"Admins rejected {settings.CLAIMS.unfounded_max} or more of your claims within {settings.CLAIMS.unfounded_days} days. "
            f"You can make another from {moment(until)} on."
        )


def waits_until(person: User) -> datetime | None:
    """Give when a person whose claims were too often unfounded may claim again. None if they need not wait.

    Only an admin's rejection counts, on appeal or after nobody answered. The other side alone cannot make claims unfounded.
    """
    counted = timedelta(days=settings.CLAIMS.unfounded_days)
    by_an_admin = Q(appealed_at__isnull=False) | Q(escalated_at__isnull=False)
    rejected = Claim.objects.made_by(person).filter(by_an_admin, state=ClaimState.REJECTED)
    of_late = rejected.filter(decided_at__gt=timezone.now() - counted).order_by("-decided_at")
    moments = list(of_late.values_list("decided_at", flat=True)[: settings.CLAIMS.unfounded_max])
    if len(moments) < settings.CLAIMS.unfounded_max or moments[-1] is None:
        return None
    return moments[-1] + counted
