"""Wake-ups for workers. A message carries no work: losing one costs time, repeating one costs nothing."""

from __future__ import annotations

from kombu.exceptions import OperationalError

from market.cache import Outage
from market.celery import app

WAKE = "workers.wake"

_outage = Outage("broker")


def wake(kind: str) -> bool:
    """Send one wake-up to the queue of this kind. Returns whether the broker took it."""
    if _outage.is_on:
        return False
    try:
        app.send_task(WAKE, args=[kind], queue=kind, ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        # Workers look for jobs themselves. The row stays undelivered, so the sweeper sends it again.
        _outage.began(error)
        return False
    _outage.ended()
    return True
