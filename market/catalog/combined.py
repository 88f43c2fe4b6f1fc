"""What a plug-in combined on the market costs, and in which shares its parts divide the fee.

The shares follow the parts' prices at the time of combining. For each picture the artist of a part gets at least what their own
plug-in costs at that moment. So combining is no way round a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.royalties import parts_within
from market.ledger.splits import BASIS_POINTS, split


def price_of(plugin: PlugIn, version: PlugInVersion, at: datetime | None = None) -> int:
    """Give the fee of a picture with a version: its owner's price or what its parts ask for, whichever is more.

    It is the fee of now, or the one just before a moment.
    """
    past = plugin.past_prices.in_force(at) if at else None
    own = past.micros if past else plugin.price_micros
    return max(own, parts_ask(plugin, version, at)) if plugin.concept.is_combination else own


def parts_ask(plugin: PlugIn, version: PlugInVersion, at: datetime | None = None) -> int:
    """Give what the parts of a combined plug-in's version ask for, for a picture with it."""
    return least_price(_known_parts(version), plugin.owner_id, at)


def price_now(plugin: PlugIn) -> int:
    """Give the fee of a picture with what a plug-in offers now; before there is a version, its owner's price."""
    # Only for a combined plug-in is the version looked at, so lists of plug-ins need not have fetched theirs.
    version = plugin.current_version if plugin.concept.is_combination else None
    return price_of(plugin, version) if version else plugin.price_micros


def holds_others_weights(version: PlugInVersion) -> bool:
    """Whether the market combined a version from parts that are not all its owner's. Such weights are not handed out.

    A plug-in combined with next to nothing would be another artist's plug-in, and pictures drawn elsewhere pay nobody. An
    uploaded file may be handed back to its owner.
    """
    if version.affirmation_id is not None:
        return False
    owners = {
        each.part.plugin.owner_id
        for listed in parts_within([version]).values()
        for each in listed
        if each.part
    }
    return owners != {version.plugin.owner_id}


def least_price(parts: Sequence[tuple[PlugInVersion, int]], owner: int, at: datetime | None = None) -> int:
    """Give the least fee: what the parts cost together, or more if it takes more for each part to get its own price.

    Exact to a hundredth of a percent, as shares are. A part of `owner`'s own asks for nothing, except for what others have in
    it.
    """
    whole = sum(share for _, share in parts)
    asked = [(_asked(version, owner, at), share) for version, share in parts]
    needed = [-(-price * whole // (share + 1)) for price, share in asked]
    return min(max(sum(price for price, _ in asked), *needed, 0), MAX_PRICE_MICROS)


def _asked(version: PlugInVersion, owner: int, at: datetime | None) -> int:
    plugin = version.plugin
    if plugin.owner_id != owner:
        return price_of(plugin, version, at)
    return least_price(_known_parts(version), owner, at) if plugin.concept.is_combination else 0


def _known_parts(version: PlugInVersion) -> list[tuple[PlugInVersion, int]]:
    listed = version.parts.select_related("part__plugin__concept")
    return [(each.part, each.share) for each in listed if each.part]


def shares_of(prices: Sequence[int]) -> list[int]:
    """Divide 10,000 in proportion to prices, at least 1 to each part. If all parts are free, divide equally."""
    weights = list(prices) if any(prices) else [1] * len(prices)
    shares = [share for _, share in split(BASIS_POINTS, list(enumerate(weights)))]
    for index, share in enumerate(shares):
        if share == 0:
            shares[index] = 1
            shares[shares.index(max(shares))] -= 1
    return shares
