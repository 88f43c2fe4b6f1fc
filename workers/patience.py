"""Handing over a result although the storage or the database does not answer for a moment: what took minutes is not made again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

Result = TypeVar("Result")

WAITS = (1.0, 5.0, 15.0)
"""Seconds before each further try."""
PASSING = (OSError, BotoCoreError, ClientError, OperationalError, InterfaceError)


def patiently(hand_over: Callable[[], Result]) -> Result:
    """Call what keeps a result, and again after a while if storage or database do not answer; raise what the last try raises.

    It keeps all or nothing, and the lease is kept meanwhile by its own thread.
    """
    for wait in WAITS:
        try:
            return hand_over()
        except PASSING:
            log.warning("a result could not be kept; trying again in %g s", wait, exc_info=True)
            connection.close()
            time.sleep(wait)
    return hand_over()
