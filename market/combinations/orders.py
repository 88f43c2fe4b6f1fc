"""The order of a combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.catalog.models import PlugIn
from market.catalog.models.concepts import NAME_LENGTH
from market.refusals import invalid


@dataclass(frozen=True)
class CombinationOrder:
    """Which plug-ins become one, its name, and what a picture with it costs.

    Without a name it is called after its parts. Without a price a picture costs the least it may. The quote says whether these
    plug-ins fit together and the price is possible.
    """

    plugins: Sequence[PlugIn]
    name: str = ""
    price_micros: int | None = None

    def __post_init__(self) -> None:
        """Raise Refused for an unusable name."""
        object.__setattr__(self, "name", " ".join(self.name.split()))
        if len(self.name) > NAME_LENGTH:
            raise invalid(f"A name has at most {NAME_LENGTH} characters.", field="name")
