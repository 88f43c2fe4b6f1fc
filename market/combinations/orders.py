"""What people order: plug-ins made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.catalog.models import PlugIn
from market.catalog.models.concepts import NAME_LENGTH
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.ledger.money import words
from market.refusals import Reason, invalid


@dataclass(frozen=True)
class CombinationOrder:
    """Which plug-ins become one, what it is called, and what a picture with it costs.

    Without a name it is called after its parts; without a price a picture costs the least it may. Whether these plug-ins go
    together, and that price is enough, its quote says.
    """

    plugins: Sequence[PlugIn]
    name: str = ""
    price_micros: int | None = None

    def __post_init__(self) -> None:
        """Raise Refused with all that is wrong."""
        object.__setattr__(self, "name", " ".join(self.name.split()))
        reasons = []
        if len(self.name) > NAME_LENGTH:
            reasons.append(Reason(f"A name has at most {NAME_LENGTH} characters.", "name"))
        if self.price_micros is not None and not 0 <= self.price_micros <= MAX_PRICE_MICROS:
            reasons.append(Reason(f"A picture costs at most {words(MAX_PRICE_MICROS)}.", "price_micros"))
        if reasons:
            raise invalid(*reasons)
