"""How a long operation tells its caller where it is, and how the caller stops it."""

import math
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
    """One report on a long operation.

    Args:
        step: How many steps are done.
        steps: Of how many.
        loss: The training error, where something is trained.
        preview: A small, approximate picture; most reports carry none.
        message: What is being done.
        seconds_left: An estimate, or None before there is one.
    """

    step: int
    steps: int
    loss: float | None = None
    preview: Image.Image | None = field(default=None, compare=False)
    message: str = ""
    seconds_left: float | None = None


OnProgress = Callable[[Progress], None]
"""Told where an operation is. What it raises stops the operation, which leaves nothing half done."""
OnStep = Callable[[int, int, str, float | None], None]
"""What the stages of one operation call: step, steps, what is being done, and the training error if there is one."""


class Pace:
    """Estimate the time left from the mean of the steps so far, without the `first` ones, which were done before."""

    def __init__(self, steps: int, first: int = 0) -> None:
        self.steps = steps
        self._first = first
        self._started = time.monotonic()

    def skip(self, steps: int) -> None:
        """Leave out steps that took no time, as they were done by an earlier attempt."""
        self._first += steps

    def seconds_left(self, step: int) -> float | None:
        """Give the seconds that the remaining steps will take, or None before the first one is done."""
        done = step - self._first
        if done <= 0:
            return None
        elapsed = time.monotonic() - self._started
        return elapsed / done * max(self.steps - step, 0)


class StageReport:
    """Turn what the stages of an operation tell into progress; each stage counts its own steps."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._stage, self._pace = "", Pace(1)

    def __call__(self, step: int, steps: int, message: str, error: float | None) -> None:
        if self._on_progress is None:
            return
        if message != self._stage:
            self._stage, self._pace = message, Pace(steps, step)
        loss = error if error is None or math.isfinite(error) else None
        left = self._pace.seconds_left(step)
        self._on_progress(Progress(step, steps, loss, message=message, seconds_left=left))
