"""Plug-ins as they are while they are trained: an artist may like an earlier one better than the last."""

from collections.abc import Callable
from dataclasses import dataclass

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import require_whole


@dataclass(frozen=True)
class OnTheWay:
    """Who is given the plug-in while it is trained. Raises BadRequest.

    Args:
        every: After so many steps each.
        take: Given the steps done, and the plug-in as it is then. Whether works are given back is only said of the last one.
    """

    every: int
    take: Callable[[int, Adapter], None]

    def __post_init__(self) -> None:
        require_whole("every", self.every, 1, 100_000)

    def offer(self, done: int, make: Callable[[], Adapter]) -> None:
        """Hand over the plug-in if it is time."""
        if done % self.every == 0:
            self.take(done, make())
