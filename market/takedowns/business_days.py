"""Business days: Mondays to Fridays. Public holidays differ by place, so the setting leaves room for them."""

from __future__ import annotations

from datetime import datetime, timedelta

SATURDAY = 5


def after_business_days(start: datetime, days: int) -> datetime:
    """Give the moment at which that many whole business days have passed: at the same time of day, without weekend hours.

    What begins on a Saturday or Sunday begins with the Monday. Otherwise a Sunday afternoon would give less time than a Friday
    evening.
    """
    moment = start
    if days and moment.weekday() >= SATURDAY:
        monday = moment + timedelta(days=7 - moment.weekday())
        moment = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < SATURDAY
    return moment
