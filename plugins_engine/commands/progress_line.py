"""Show progress to a person at a terminal, or in a log."""

import sys
from typing import Self

from plugins_engine.progress import Progress


class ProgressLine:
    """Show progress on stderr: one line that is rewritten on a terminal, else a line every tenth."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._tenth = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print(file=sys.stderr)

    def step(self, step: int, steps: int, message: str, loss: float | None) -> None:
        """Show what one stage of several tells (`OnStep`)."""
        self(Progress(step, steps, loss, message=message))

    def __call__(self, progress: Progress) -> None:
        tenth = 10 * progress.step // max(progress.steps, 1)
        if not self._terminal and tenth == self._tenth:
            return
        self._tenth = tenth
        text = f"{progress.message or 'working'} {progress.step}/{progress.steps}"
        if progress.loss is not None:
            text += f", loss {progress.loss:.4f}"
        if progress.seconds_left is not None:
            text += f", {progress.seconds_left:.0f} s left"
        print(
            f"\r{text}\033[K" if self._terminal else text,
            end="" if self._terminal else "\n",
            file=sys.stderr,
            flush=True,
        )
