"""How far back a dispute reaches, and when an appeal against a refused prompt may be decided by an admin."""

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
        Variable(
            "APPEAL_ANSWER_DAYS",
            "integer",
            "How many days the artist of a plug-in has to answer an appeal against a refused prompt, before an admin may decide it.",
            integer(1, 365),
            "7",
        ),
    ],
)


@dataclass(frozen=True)
class DisputeRules:
    """How far back a dispute reaches, and how long an artist has for an appeal."""

    days: int
    appeal_days: int

    @classmethod
    def read(cls, given: Configuration) -> DisputeRules:
        return cls(days=given.number("DISPUTE_DAYS"), appeal_days=given.number("APPEAL_ANSWER_DAYS"))
