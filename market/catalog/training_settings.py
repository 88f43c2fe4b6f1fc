"""How a plug-in is learned from works, as far as its artist chooses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from market.refusals import Reason, invalid

MIN_STEPS, MAX_STEPS = 10, 5_000
MAX_RANK = 128
MAX_LEARNING_RATE = 0.1


@dataclass(frozen=True)
class TrainingSettings:
    """What an artist chose of a training. None: as the base asks.

    steps: of the whole training; its parts keep their shares. rank: of what is added to each layer. learning_rate: its highest.
    Raises Refused for a value out of range.
    """

    steps: int | None = None
    rank: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if reasons := list(self._wrong()):
            raise invalid(*reasons)

    def _wrong(self) -> Iterator[Reason]:
        if self.steps is not None and not MIN_STEPS <= self.steps <= MAX_STEPS:
            yield Reason(f"Between {MIN_STEPS} and {MAX_STEPS:,} steps.", "steps")
        if self.rank is not None and not 1 <= self.rank <= MAX_RANK:
            yield Reason(f"Between 1 and {MAX_RANK}.", "rank")
        if self.learning_rate is not None and not 0 < self.learning_rate <= MAX_LEARNING_RATE:
            yield Reason(f"Above 0, and at most {MAX_LEARNING_RATE:g}.", "learning_rate")

    def chosen(self) -> dict[str, Any]:
        """Give what was chosen, for a job's parameters."""
        return {name: value for name, value in vars(self).items() if value is not None}


AS_THE_BASE_ASKS = TrainingSettings()
