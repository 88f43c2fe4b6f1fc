"""Why a combination is refused."""

from __future__ import annotations

from collections.abc import Sequence


class CombinationRefused(Exception):
    """Nothing was charged and nothing enqueued. `reasons` says to the person why, one sentence each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = list(reasons)
        super().__init__(" ".join(reasons))


class QuoteChanged(CombinationRefused):
    """The price or the division is not the one the person agreed to. It is to be shown again."""


class TooManyWaiting(CombinationRefused):
    """The person has as many unfinished combinations as one may have."""


class BalanceTooLow(CombinationRefused):
    """The wallet does not hold the price of combining."""

    def __init__(self, reasons: Sequence[str], *, missing: int) -> None:
        super().__init__(reasons)
        self.missing = missing


class BadResult(Exception):
    """What a worker handed back cannot be kept: trying again would not change it."""
