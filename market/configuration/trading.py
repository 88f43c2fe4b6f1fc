"""What trade among people who belong together looks like, and how long what it paid is held."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

TRADE = Group(
    "Trade",
    [
        Variable(
            "TRADE_DAYS",
            "integer",
            "How many days of trade the nightly look goes through.",
            integer(1, 90),
            "30",
        ),
        Variable(
            "TRADE_SCORE",
            "integer",
            "From how many points on trade between two accounts is flagged. Each sign has its points.",
            integer(10, 300),
            "60",
        ),
        Variable(
            "TRADE_LEAST",
            "integer",
            "The least that a person was paid by flagged trade, in whole euros, for admins to be shown it.",
            integer(1, 10_000),
            "5",
        ),
        Variable(
            "TRADE_HELD_DAYS",
            "integer",
            "For how many days flagged earnings are held at most. An admin decides before, or they are released. 0 looks at no trade and "
            "holds nothing.",
            integer(0, 60),
            "14",
        ),
    ],
)


@dataclass(frozen=True)
class TradeRules:
    """What trade is flagged, and how long earnings from it are held. `least_micros` is in micro-euros."""

    days: int
    score: int
    least_micros: int
    held_days: int

    @classmethod
    def read(cls, given: Configuration) -> TradeRules:
        return cls(
            days=given.number("TRADE_DAYS"),
            score=given.number("TRADE_SCORE"),
            least_micros=given.euros("TRADE_LEAST"),
            held_days=given.number("TRADE_HELD_DAYS"),
        )
