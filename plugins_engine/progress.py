"""How a long operation tells its caller where it is, and how the caller stops it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image


class Cancelled(Exception):
    """Raised by a progress callback to stop the operation; it leaves nothing half done.

    Not an EngineError: nothing went wrong.
    """


@dataclass(frozen=True)
class Progress:
    """One report: `step` of `steps` are done. A preview is small and approximate; most reports carry none."""

    step: int
    steps: int
    loss: float | None = None
    preview: Image.Image | None = field(default=None, compare=False)
    message: str = ""
    seconds_left: float | None = None


OnProgress = Callable[[Progress], None]
# What the stages of one operation tell it: step, steps, what is being done, and the training error if there is one.
OnStep = Callable[[int, int, str, float | None], None]


class Pace:
    """Estimate the time left from the mean of the steps so far."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._started = time.monotonic()

    def seconds_left(self, step: int) -> float | None:
        """Give the seconds that the remaining steps will take, or None before the first one is done."""
        if step <= 0:
            return None
        elapsed = time.monotonic() - self._started
        return elapsed / step * max(self.steps - step, 0)
