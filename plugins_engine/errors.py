"""Errors a caller can show to a person: each says what was wrong, what was expected and what to do."""

import math
from typing import Any


class EngineError(Exception):
    """Base of every error that this library raises on purpose; its text is meant to be shown."""


class BadBase(EngineError):
    """A base model directory cannot be read, or is not of a supported architecture."""


class BadAdapter(EngineError):
    """A plug-in file cannot be read, or holds something that this library does not apply."""


class BaseMismatch(EngineError):
    """A plug-in was made for another base than the one it is used with."""


class BadPrompt(EngineError):
    """A prompt is empty, or longer than the base's text encoder reads."""


class LongCaption(BadPrompt):
    """A work's caption is longer than the base's text encoder reads. work: its place among the works, from 0. why: without it."""

    def __init__(self, work: int, of: int, why: str) -> None:
        super().__init__(f"work {work + 1} of {of}: {why}")
        self.work, self.why = work, why


class BadRequest(EngineError):
    """A number asked for (steps, seed, size, weight, …) is outside what can be drawn."""


class BadPicture(EngineError):
    """A picture file cannot be read."""


class DeviceUnavailable(EngineError):
    """The device asked for is not on this machine."""


class BrokenPicture(EngineError):
    """The model's numbers overflowed, so there is no picture to give."""


def require_positive(name: str, value: float, at_most: float = math.inf) -> None:
    """Raise BadRequest unless a number asked for is above 0, finite, and within its bound."""
    if not (math.isfinite(value) and 0 < value <= at_most):
        bound = f", at most {at_most:g}" if at_most < math.inf else ""
        raise BadRequest(f"{name} {value}: expected a number above 0{bound}")


def require_whole(name: str, value: Any, low: int, high: int) -> None:
    """Raise BadRequest unless a number asked for is whole and within its bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"{name} {value}: expected a whole number from {low} to {high}")
