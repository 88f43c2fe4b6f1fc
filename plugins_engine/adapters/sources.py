"""What the file of a combined plug-in says that it was made of: each part's name, hash, weight and share."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

BASIS_POINTS = 10_000


@dataclass(frozen=True)
class Source:
    """A part of a combined plug-in, as its file states it.

    Args:
        name: What the part is called.
        tensors_sha256: The hash of its weights, by which a market knows it again.
        share_bps: Its part of what the combined plug-in earns, in basis points; those of all parts sum to 10,000.
        weight: With which it was combined.
    """

    name: str
    tensors_sha256: str
    share_bps: int
    weight: float = 1.0


def state_sources(sources: Sequence[Source]) -> dict[str, str]:
    """Give the metadata by which a file states its parts."""
    return {"plugin.merged_from": json.dumps([asdict(each) for each in sources])}


def shares_of(weights: Sequence[float]) -> list[int]:
    """Divide 10,000 in proportion to weights, by largest remainder; ties go to who comes first.

    A market rounds in the same way (`market.ledger.splits`); a test holds the two together.
    """
    wholes = [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    exact = [BASIS_POINTS * each / sum(wholes) for each in wholes]
    shares = [int(each) for each in exact]
    missing = BASIS_POINTS - sum(shares)
    for index in sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])[:missing]:
        shares[index] += 1
    return shares
