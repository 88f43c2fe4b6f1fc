"""What people order: plug-ins made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.catalog.models import PlugIn
from market.catalog.models.concepts import NAME_LENGTH
from market.refusals import invalid


@dataclass(frozen=True)
class CombinationOrder:
    """Which plug-ins become one, what it is called, and what a picture with it costs.

    Without a name it is called after its parts; without a price a picture costs the least it may. Whether these plug-ins go
    together, and that price will do, its quote says.
    """

    plugins: Sequence[PlugIn]
    name: str = ""
    price_micros: int | None = None

    def __post_init__(self) -> None:
        """Raise Refused for a name that is none."""
        object.__setattr__(self, "name", " ".join(self.name.split()))
        if len(self.name) > NAME_LENGTH:
            raise invalid(f"A name has at most {NAME_LENGTH} characters.", field="name")
