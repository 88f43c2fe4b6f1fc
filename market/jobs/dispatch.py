"""Wake-ups for workers. A message carries no work: losing one costs time, repeating one costs nothing."""

from __future__ import annotations

import logging

from market.celery import app

log = logging.getLogger(__name__)

WAKE = "workers.wake"


def wake(kind: str) -> bool:
    """Send one wake-up to the queue of this kind. Returns whether the broker took it."""
    try:
        app.send_task(WAKE, args=[kind], queue=kind, ignore_result=True, retry=False)
    except Exception:  # any transport's own error: the row stays undelivered and the sweeper sends it again
        log.warning("could not wake a worker for %s; the sweeper will", kind, exc_info=True)
        return False
    return True
