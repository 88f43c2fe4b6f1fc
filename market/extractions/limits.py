"""What an extraction has to reach to be approved without a reason given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

NOT_JUDGED = "No judge knows this base's concepts, so nothing was counted: only the pictures tell, and how far they moved."


@dataclass(frozen=True)
class Limit:
    """A figure (a share, 0 to 1) and its bound."""

    label: str
    found: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        # The bound itself counts as met, even if a share such as 0.01 is not exact in binary.
        short = self.bound - self.found if self.at_least else self.found - self.bound
        return short <= 1e-9

    @property
    def bound_in_words(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.bound:.0%}"

    @property
    def found_in_words(self) -> str:
        return f"{self.found:.1%}"

    @property
    def in_words(self) -> str:
        return f"{self.label}: {self.found_in_words}, {self.bound_in_words} is asked for."


def limits_of(figures: Mapping[str, Any]) -> list[Limit]:
    """Compare an extraction's figures with the limits. Empty if no judge counted."""
    if "h_o" not in figures:
        return []
    target = figures["target"]["accuracy"]
    others = [each["accuracy"] for name, each in figures.items() if name != "target" and _is_group(each)]
    before, after = (sum(each[stage]["rate"] for each in others) for stage in ("before", "after"))
    return [
        Limit(
            "The concept still seen when it is asked for",
            target["after"]["rate"],
            settings.EXTRACTIONS.max_target / 100,
        ),
        Limit(
            "All else seen as often as before",
            after / before if before else 1.0,
            settings.EXTRACTIONS.min_retained / 100,
            at_least=True,
        ),
        Limit(
            "The concept seen less, or more, than before once the plug-in restores it",
            abs(target["restored"]["rate"] - target["before"]["rate"]),
            settings.EXTRACTIONS.max_restoration_change / 100,
        ),
        Limit(
            "The concept brought back by the recovery attack",
            figures["recovery"]["after"]["rate"],
            settings.EXTRACTIONS.max_recovered / 100,
        ),
    ]


def missed(limits: Sequence[Limit]) -> list[str]:
    """Say which limits an extraction misses. That nothing was counted is one of them."""
    return [each.in_words for each in limits if not each.met] if limits else [NOT_JUDGED]


def _is_group(figure: Any) -> bool:
    return isinstance(figure, Mapping) and "accuracy" in figure
