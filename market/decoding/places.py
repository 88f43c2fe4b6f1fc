"""Who may have files read just now: few people at once, with a lower limit for one person.

Whoever finds no place is asked to come again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus

from django.conf import settings

from market.refusals import Refused, too_many

TWICE = "An upload of yours is being read just now. Nothing of this one was taken: send it again when that has ended."
FULL = "The market is reading as many uploads as it can just now. Nothing of yours was taken: send it again in a minute."


class Places:
    """So many places in all, and `each` for one person. They belong to this process: each web process has as many."""

    def __init__(self, count: int, each: int = 1) -> None:
        self.count = count
        self.each = each
        self._taken: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken_by(self, person: int) -> Iterator[None]:
        """Hold a place for a person. Raises Refused at once if there is none: nobody waits."""
        with self._lock:
            if self._taken[person] >= self.each:
                raise too_many(TWICE)
            if self._taken.total() >= self.count:
                raise Refused(FULL, status=HTTPStatus.SERVICE_UNAVAILABLE)
            self._taken[person] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[person] -= 1
                self._taken += Counter()  # drops the entry of a person who holds none


@cache
def places_for_files() -> Places:
    """Give the places for reading works, controls and plug-ins."""
    return Places(settings.UPLOADS.at_once)


@cache
def places_for_parts() -> Places:
    """Give the places for parts of base models.

    They are separate, since many parts follow each other. Two tabs may send at once.
    """
    return Places(settings.UPLOADS.at_once, each=2)
