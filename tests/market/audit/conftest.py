"""What the log says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from market.audit.models import AuditLine

Written = Callable[..., list[AuditLine]]


@pytest.fixture
def written(db: None) -> Written:
    """Return a function that gives the lines of an action, the first written first."""

    def lines(action: str = "", **which: object) -> list[AuditLine]:
        found = AuditLine.objects.filter(**which).order_by("pk")
        return list(found.filter(action=action) if action else found)

    return lines
