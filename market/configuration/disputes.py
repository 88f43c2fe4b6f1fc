"""How far back a dispute reaches."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

DISPUTES = Group(
    "Disputes",
    [
        Variable(
            "DISPUTE_DAYS",
            "integer",
            "How many days back a dispute reaches: what the plug-in earned since, and was not paid out, is frozen.",
            integer(1, 3650),
            "90",
        ),
    ],
)


@dataclass(frozen=True)
class DisputeRules:
    """How far back a dispute reaches."""

    days: int

    @classmethod
    def read(cls, given: Configuration) -> DisputeRules:
        return cls(days=given.number("DISPUTE_DAYS"))
