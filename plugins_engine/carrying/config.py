"""How plug-ins are carried over."""

from dataclasses import dataclass
from typing import Literal, get_args

from plugins_engine.errors import BadRequest, require_positive, require_whole

CarryingMethod = Literal["best", "copy", "project", "distil"]
"""One of these; `CarryingConfig.method` tells what each does."""
CARRYING_METHODS: tuple[CarryingMethod, ...] = get_args(CarryingMethod)
"""How a plug-in can be carried over to another generation of its base."""


@dataclass(frozen=True)
class CarryingConfig:
    """How a plug-in is carried over. Raises BadRequest for a value out of range.

    Args:
        method: How, of `CARRYING_METHODS`. "copy" takes the deltas as they are. "project" takes them from the old layers' main
            directions to the new ones'. "distil" trains what misses less of these two. "best" takes the first that is good enough,
            the quickest first, and "distil" if none of the others is.
        good_enough: How much may be missed of what the plug-in changes, above 0, at most 1. Above it, it is better trained anew
            from its works.
        pictures: Drawn with the plug-in on the old base, and half as many of other prompts on the new one. More take longer.
        drawing_steps: Denoising steps of each of these pictures. Few are enough, as every step counts.
        energy: Of "project": the share of a layer's squared singular values that its main directions hold, above 0, at most 1.
        steps: Of "distil": optimiser steps. It begins near its end, so few are enough.
        rank: Of "distil": the highest that a layer's delta may have; one above it is cut off first.
        seed: Of all that is drawn at random.
    """

    method: CarryingMethod = "best"
    good_enough: float = 0.25
    pictures: int = 48
    drawing_steps: int = 6
    energy: float = 0.9
    steps: int = 60
    rank: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in CARRYING_METHODS:
            raise BadRequest(f'method "{self.method}": expected one of {", ".join(CARRYING_METHODS)}')
        require_positive("good_enough", self.good_enough, at_most=1)
        require_whole("pictures", self.pictures, 2, 4096)
        require_whole("drawing_steps", self.drawing_steps, 1, 1000)
        require_positive("energy", self.energy, at_most=1)
        require_whole("steps", self.steps, 1, 100_000)
        require_whole("rank", self.rank, 1, 256)
