"""Deadlines of takedowns, and what strikes lead to."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

TAKEDOWNS = Group(
    "Takedowns",
    [
        Variable(
            "TAKEDOWN_COUNTER_DAYS",
            "integer",
            "How many days after a notice's takedown it counts as upheld, and as a strike, where no counter-notice came.",
            integer(1, 365),
            "14",
        ),
        Variable(
            "TAKEDOWN_RESTORE_BUSINESS_DAYS",
            "integer",
            "How many days, Saturdays and Sundays left out, after a counter-notice a takedown is undone, unless the claimant goes to "
            "court. 12 leaves room for two public holidays within the 10 to 14 business days of 17 U.S.C. 512(g)(2)(C).",
            integer(10, 14),
            "12",
        ),
        Variable(
            "STRIKES_MAX",
            "integer",
            "With so many strikes (upheld takedowns) within STRIKE_DAYS an artist's publishing is suspended.",
            integer(1, 100),
            "3",
        ),
        Variable("STRIKE_DAYS", "integer", "How many days a strike counts.", integer(1, 3650), "365"),
    ],
)


@dataclass(frozen=True)
class TakedownRules:
    """Deadlines of takedowns, and what strikes lead to."""

    counter_days: int
    restore_business_days: int
    strikes_max: int
    strike_days: int

    @classmethod
    def read(cls, given: Configuration) -> TakedownRules:
        return cls(
            counter_days=given.number("TAKEDOWN_COUNTER_DAYS"),
            restore_business_days=given.number("TAKEDOWN_RESTORE_BUSINESS_DAYS"),
            strikes_max=given.number("STRIKES_MAX"),
            strike_days=given.number("STRIKE_DAYS"),
        )
