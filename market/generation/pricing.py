"""What a request costs, line by line, and who gets it.

One `Quote` draws the price box, is kept with the request, gives the shares of the hold, and is printed as the receipt:
what a person was shown and what is posted cannot differ. Amounts are whole micro-euros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from market.ledger.splits import BASIS_POINTS, commission


@dataclass(frozen=True)
class Fee:
    """Somebody's price for one picture. `line` is plugin_fee or base_fee; `subject` is what it is paid for."""

    line: str
    subject: str
    name: str
    receiver: int
    receiver_name: str
    micros: int


@dataclass(frozen=True)
class QuoteLine:
    """One fee over all the pictures: `total` = `share` (the receiver's) + `commission` (the platform's)."""

    line: str
    subject: str
    name: str
    receiver: int
    receiver_name: str
    per_picture: int
    pictures: int
    share: int
    commission: int
    commission_bps: int
    own: bool

    def __post_init__(self) -> None:
        if min(self.per_picture, self.share, self.commission) < 0 or self.pictures < 1:
            raise ValueError(f"a line of a quote cannot be negative or for no picture: {self}")
        if self.share + self.commission != (0 if self.own else self.per_picture * self.pictures):
            raise ValueError(f"the parts of a line must sum to it: {self}")

    @property
    def total(self) -> int:
        return self.share + self.commission

    @property
    def is_plugin(self) -> bool:
        return self.line == "plugin_fee"


@dataclass(frozen=True)
class Quote:
    """A price, line by line. The base comes first, then the plug-ins in the order they were chosen."""

    lines: tuple[QuoteLine, ...]
    pictures: int
    currency: str = "EUR"

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def commission(self) -> int:
        return sum(line.commission for line in self.lines)

    @property
    def per_picture(self) -> int:
        return sum(line.per_picture for line in self.lines if not line.own)

    @property
    def digest(self) -> str:
        """Name exactly what a person was shown, so that a form can say which price it agreed to."""
        text = json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"lines": [asdict(line) for line in self.lines]}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Quote:
        kept = dict(kept)
        # Of one rate for all lines, as quotes were once.
        rate = {"commission_bps": kept.pop("commission_bps")} if "commission_bps" in kept else {}
        return cls(**kept | {"lines": tuple(QuoteLine(**rate | line) for line in kept["lines"])})


def draw_quote(
    *, fees: Sequence[Fee], pictures: int, payer: int, rates: Mapping[str, int], currency: str = "EUR"
) -> Quote:
    """Price a request: every fee times the pictures, the platform's commission for its line (in basis points) taken out of each.

    The remainder of a commission goes by largest remainder, so that the parts always sum to the fee. Nobody pays
    themselves: a fee whose receiver is the payer is shown, and costs nothing.
    """
    if pictures < 1:
        raise ValueError(f"a quote is for at least one picture, not {pictures}")
    for rate in rates.values():
        if not 0 <= rate <= BASIS_POINTS:
            raise ValueError(f"a commission is 0 to {BASIS_POINTS} basis points, not {rate}")
    lines = []
    for fee in fees:
        if fee.micros < 0:
            raise ValueError(f"the fee of {fee.subject} is negative: {fee.micros}")
        own = fee.receiver == payer
        amount = 0 if own else fee.micros * pictures
        share, taken = commission(amount, rates[fee.line])
        lines.append(
            QuoteLine(
                line=fee.line,
                subject=fee.subject,
                name=fee.name,
                receiver=fee.receiver,
                receiver_name=fee.receiver_name,
                per_picture=fee.micros,
                pictures=pictures,
                share=share,
                commission=taken,
                commission_bps=rates[fee.line],
                own=own,
            )
        )
    return Quote(lines=tuple(lines), pictures=pictures, currency=currency)
