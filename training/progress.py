"""One line a stage that says how far it is and how long it will take."""

import sys
import time


class ProgressLine:
    """Print step, figures and the time left, at most once in ``every`` seconds."""

    def __init__(self, name: str, steps: int, start: int = 0, every: float = 20.0) -> None:
        self.name, self.steps, self.start, self.every = name, steps, start, every
        self._begun = self._printed = time.monotonic()

    def update(self, step: int, **figures: float) -> None:
        now = time.monotonic()
        if now - self._printed < self.every and step != self.steps:
            return
        self._printed = now
        spent = now - self._begun
        left = spent / max(step - self.start, 1) * (self.steps - step)
        shown = " ".join(f"{key}={value:.4g}" for key, value in figures.items())
        print(
            f"{self.name} {step}/{self.steps} {shown} spent={spent / 60:.1f}min left={left / 60:.1f}min",
            flush=True,
        )

    def close(self) -> None:
        print(
            f"{self.name} done in {(time.monotonic() - self._begun) / 60:.1f} min",
            file=sys.stdout,
            flush=True,
        )
