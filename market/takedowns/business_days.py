"""Business days: Mondays to Fridays. Public holidays differ by place, and are left room for by the setting."""

from __future__ import annotations

from datetime import datetime, timedelta

SATURDAY = 5


def after_business_days(start: datetime, days: int) -> datetime:
    """Give the moment at which that many whole business days have passed: at the same time of day, a weekend's hours left out.

    What begins on a Saturday or Sunday begins with the Monday. Else a Sunday afternoon would give less than a Friday evening.
    """
    moment = start
    if days and moment.weekday() >= SATURDAY:
        monday = moment + timedelta(days=7 - moment.weekday())
        moment = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < SATURDAY
    return moment
