"""How long artists have to answer when their plug-ins are carried over."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

CARRYING = Group(
    "Carrying over",
    [
        Variable(
            "CARRYING_ANSWER_DAYS",
            "integer",
            "How many days an artist has to accept or decline a plug-in that was carried over to the next generation of its base. No answer "
            "counts as no.",
            integer(4, 365),
            "30",
        ),
    ],
)


@dataclass(frozen=True)
class CarryingRules:
    """How long artists have to answer when their plug-ins are carried over."""

    answer_days: int

    @classmethod
    def read(cls, given: Configuration) -> CarryingRules:
        return cls(answer_days=given.number("CARRYING_ANSWER_DAYS"))
