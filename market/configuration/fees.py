"""What the market charges, and how fast prices on it rise."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import boolean, integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

FEES = Group(
    "Fees",
    [
        Variable(
            "COMMISSION_BPS",
            "integer",
            "The market's commission on each fee, in basis points (1000 is 10%), where no rate was set in the administration.",
            integer(0, 10000),
            "1000",
        ),
        Variable(
            "COMBINATION_FEE_CENTS",
            "integer",
            "What combining plug-ins into one costs, in cents, however many they are. The market receives it: it pays for the worker. "
            "0 is free of charge.",
            integer(0, 100_000),
            "50",
        ),
        Variable(
            "RETRAINING_FEE_CENTS",
            "integer",
            "What the owner of a base pays, in cents, for each plug-in that dropped on a release of it and is trained again. Its "
            "artist pays nothing.",
            integer(0, 10_000),
            "20",
        ),
        Variable(
            "PRICE_RISE_PERCENT",
            "integer",
            "By how much the price of a plug-in, or the fee of a base, may rise within 24 hours, in percent of the lowest at which it was "
            "on offer in that time. By a cent it always may.",
            integer(0, 1000),
            "25",
        ),
        Variable(
            "PROMOTION_PAYS_ROYALTIES",
            "boolean",
            "Whether promotional credit may be spent on plug-ins, whose artists the market then pays; otherwise on plain base models only.",
            boolean,
            "1",
        ),
    ],
)


@dataclass(frozen=True)
class Fees:
    """What the market charges, and how fast prices on it rise. Amounts are micro-euros.

    `commission_bps` holds where no rate was set: `market.generation.commission` says which rate is in force.
    """

    commission_bps: int
    combination_micros: int
    retraining_micros: int
    price_rise_percent: int
    promotion_pays_royalties: bool

    @classmethod
    def read(cls, given: Configuration) -> Fees:
        return cls(
            commission_bps=given.number("COMMISSION_BPS"),
            combination_micros=given.cents("COMBINATION_FEE_CENTS"),
            retraining_micros=given.cents("RETRAINING_FEE_CENTS"),
            price_rise_percent=given.number("PRICE_RISE_PERCENT"),
            promotion_pays_royalties=given.flag("PROMOTION_PAYS_ROYALTIES"),
        )
