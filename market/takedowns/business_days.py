"""Business days: Mondays to Fridays. Public holidays differ by place, and are left room for by the setting."""

from __future__ import annotations

from datetime import datetime, timedelta

SATURDAY = 5


def after_business_days(start: datetime, days: int) -> datetime:
    """Give the moment that many business days later, at the same time of day; the day of the start does not count."""
    moment = start
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < SATURDAY
    return moment
