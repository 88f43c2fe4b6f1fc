"""Steps of the story: each is timed, printed and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

Figures = dict[str, Any]


@dataclass
class Outcome:
    """The result of one step of the story."""

    name: str
    ok: bool
    seconds: float
    figures: Figures = field(default_factory=dict)

    def line(self) -> str:
        shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.figures.items())
        return f"{'ok    ' if self.ok else 'FAILED'}  {self.name:<34} {self.seconds:7.1f} s  {shown}"


class Story:
    """Steps, each timed, printed and kept. The first that fails ends the story."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.outcomes: list[Outcome] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Figures]:
        figures: Figures = {}
        started = time.monotonic()
        try:
            yield figures
        except Exception as problem:
            figures["problem"] = f"{type(problem).__name__}: {problem}"
            self._keep(Outcome(name, False, round(time.monotonic() - started, 2), figures))
            raise
        self._keep(Outcome(name, True, round(time.monotonic() - started, 2), figures))

    def _keep(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.say(outcome.line())

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(outcome) for outcome in self.outcomes]
