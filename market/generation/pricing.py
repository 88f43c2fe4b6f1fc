"""What a request costs, line by line, and who gets it.

One `Quote` draws the price box, is kept with the request, gives the shares of the hold, and is printed as the receipt. So what
a person was shown and what is posted cannot differ. Amounts are whole micro-euros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from market.ledger.splits import BASIS_POINTS, split, take_out


@dataclass(frozen=True)
class Receiver:
    """A person among those who divide a fee. `weight` is their part of the sum of all weights.

    `through` names the parts of a combined plug-in through which the fee comes to them.
    """

    person: int
    name: str
    weight: int = 1
    through: str = ""


@dataclass(frozen=True)
class Fee:
    """The price of one thing for one picture. `line` is plugin_fee or base_fee; `subject` is what it is paid for.

    `because` says why it is more than usual.
    """

    line: str
    subject: str
    name: str
    micros: int
    receivers: tuple[Receiver, ...]
    because: str = ""


@dataclass(frozen=True)
class Portion:
    """What one receiver gets of a line. If it is the payer's `own`, nothing is paid."""

    person: int
    name: str
    amount: int
    through: str = ""
    own: bool = False


@dataclass(frozen=True)
class QuoteLine:
    """One fee over all the pictures: `total` = the portions of its receivers + `commission` (the market's)."""

    line: str
    subject: str
    name: str
    per_picture: int
    pictures: int
    portions: tuple[Portion, ...]
    commission: int
    commission_bps: int
    because: str = ""

    def __post_init__(self) -> None:
        if min(self.per_picture, self.commission) < 0 or self.pictures < 1:
            raise ValueError(f"a line of a quote cannot be negative or for no picture: {self}")
        if any(each.amount < 0 or (each.own and each.amount) for each in self.portions):
            raise ValueError(f"a portion is zero or more, and zero to the payer: {self}")
        if len({each.person for each in self.portions}) != len(self.portions) or not self.portions:
            raise ValueError(f"a line needs receivers, each of them once: {self}")
        whole = self.per_picture * self.pictures
        if self.total > whole or (self.total < whole and not self.partly_own) or (self.own and self.total):
            raise ValueError(f"the parts of a line must sum to it: {self}")

    @property
    def share(self) -> int:
        """What all receivers get together."""
        return sum(each.amount for each in self.portions)

    @property
    def total(self) -> int:
        return self.share + self.commission

    @property
    def own(self) -> bool:
        """Whether only the payer would receive it. Then it costs nothing."""
        return all(each.own for each in self.portions)

    @property
    def partly_own(self) -> bool:
        return any(each.own for each in self.portions)

    @property
    def paid(self) -> tuple[Portion, ...]:
        """The portions of everybody except the payer."""
        return tuple(each for each in self.portions if not each.own)

    @property
    def not_charged(self) -> int:
        """The payer's own part of the fee."""
        return self.per_picture * self.pictures - self.total

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
    def digest(self) -> str:
        """Hash exactly what a person was shown, so that a form can say which price they agreed to."""
        text = json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Quote:
        kept = dict(kept)
        # Older quotes have one rate for all lines.
        rate = {"commission_bps": kept.pop("commission_bps")} if "commission_bps" in kept else {}
        return cls(**kept | {"lines": tuple(_line(rate | line) for line in kept["lines"])})


def _line(kept: dict[str, Any]) -> QuoteLine:
    if "receiver" in kept:
        # Older quotes have one receiver for each line.
        person, name, amount, own = (kept.pop(key) for key in ("receiver", "receiver_name", "share", "own"))
        return QuoteLine(**kept | {"portions": (Portion(person, name, amount, own=own),)})
    return QuoteLine(**kept | {"portions": tuple(Portion(**each) for each in kept["portions"])})


def for_more_work(micros: int, *, pixels: int, usual: int, steps: int, included: int) -> int:
    """Raise a fee in proportion to pixels beyond the usual and steps beyond the included ones, in whole micro-units, rounded up."""
    more = max(pixels, usual) * max(steps, included)
    return -(-micros * more // (usual * included))


def draw_quote(
    *, fees: Sequence[Fee], pictures: int, payer: int, rates: Mapping[str, int], currency: str = "EUR"
) -> Quote:
    """Price a request: each fee times the number of pictures. The market's commission is taken out of each line.

    Commission rates are in basis points. Division is by largest remainder, so the parts always sum to the fee. In a tie
    receivers come before the market, and lower person ids first. Nobody pays themselves: the part of a fee that would come back
    to the payer is not charged.
    """
    if pictures < 1:
        raise ValueError(f"a quote is for at least one picture, not {pictures}")
    for rate in rates.values():
        if not 0 <= rate <= BASIS_POINTS:
            raise ValueError(f"a commission is 0 to {BASIS_POINTS} basis points, not {rate}")
    lines = tuple(_priced(fee, pictures, payer, rates[fee.line]) for fee in fees)
    return Quote(lines=lines, pictures=pictures, currency=currency)


def _priced(fee: Fee, pictures: int, payer: int, rate: int) -> QuoteLine:
    if fee.micros < 0:
        raise ValueError(f"the fee of {fee.subject} is negative: {fee.micros}")
    divided = split(fee.micros * pictures, [(each.person, each.weight) for each in fee.receivers])
    charged = sum(amount for person, amount in divided if person != payer)
    others = [(each.person, each.weight) for each in fee.receivers if each.person != payer and each.weight]
    share, taken = take_out(charged, rate)
    amounts = dict(split(share, others)) if others else {}
    return QuoteLine(
        line=fee.line,
        subject=fee.subject,
        name=fee.name,
        per_picture=fee.micros,
        pictures=pictures,
        portions=tuple(
            Portion(
                person=each.person,
                name=each.name,
                amount=amounts.get(each.person, 0),
                through=each.through,
                own=each.person == payer,
            )
            for each in fee.receivers
        ),
        commission=taken,
        commission_bps=rate,
        because=fee.because,
    )
