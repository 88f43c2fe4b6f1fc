"""How many unfinished jobs of a kind a person may have, so that nobody fills the queue alone."""

from __future__ import annotations

from django.db import connection

from market.accounts.models import User
from market.jobs.models import Job
from market.refusals import too_many

_LOCK = 7_266_002  # the first number of the advisory lock; the second is the person


def require_room(person: User, kind: str, *, most: int, named: str) -> None:
    """Raise Refused if the person already has `most` unfinished jobs of a kind.

    Call it in the transaction that makes the job. The person's other requests wait here until that ends, so that those sent at
    the same moment are counted too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, person.pk])
    waiting = Job.objects.owned_by(person).live().filter(kind=kind).count()
    if waiting >= most:
        raise too_many(
            f"You have {waiting} unfinished {named}, the most at a time. Wait for one, or cancel one."
        )
