"""Which plug-ins can become one, and what that costs: combining itself, and every picture with the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from market.accounts.models import User
from market.basemodels.models import BaseRelease
from market.catalog.combined import least_price, shares_of
from market.catalog.merged import refusals
from market.catalog.models import Concept, ConceptKind, PlugIn, PlugInVersion
from market.catalog.models.concepts import NAME_LENGTH, name_validator
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.offers import Offer, offers_on
from market.catalog.on_release import restores
from market.catalog.royalties import Royalty, royalties_through
from market.combinations.orders import CombinationOrder
from market.ledger.money import formatted
from market.refusals import invalid

LEAST_PARTS, MOST_PARTS = 2, 6


@dataclass(frozen=True)
class Chosen:
    """A part: the version that is combined, its share of the fee in basis points, and what it costs by itself."""

    version: PlugInVersion
    share: int
    price_micros: int


@dataclass(frozen=True)
class Quote:
    """What a combination will cost, and who will be paid for each picture with it.

    price_micros: for a picture.
    least_micros: the least that price may be. With it every artist gets what their own plug-in costs.
    only_release: whether it will be for this release alone, since a part restores what the release lacks.
    """

    name: str
    release: BaseRelease
    parts: tuple[Chosen, ...]
    fee_micros: int
    price_micros: int
    least_micros: int
    only_release: bool
    royalties: tuple[Royalty, ...]

    @property
    def digest(self) -> str:
        """Hash exactly what a person was shown, so that a form can say what they agreed to."""
        shown: dict[str, Any] = {
            "release": self.release.pk,
            "parts": [(each.version.pk, each.share) for each in self.parts],
            "fee": self.fee_micros,
            "price": self.price_micros,
            "royalties": [(each.person.pk, each.weight) for each in self.royalties],
        }
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def default_name(plugins: Sequence[PlugIn]) -> str:
    """Name a combination after its parts, as far as they fit: “Ink & Clay”."""
    name = " & ".join(plugin.name for plugin in plugins)
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 9].rstrip()} and more"


def draw_quote(person: User, order: CombinationOrder) -> Quote:
    """Say what combining would cost, and whom it would pay. Raises Refused with every reason at once."""
    by_id = PlugIn.objects.with_everything().in_bulk([each.pk for each in order.plugins])
    chosen = [by_id[each.pk] for each in order.plugins if each.pk in by_id]
    name = order.name or default_name(chosen)
    reasons = list(_refused(person, chosen, name))
    if reasons:
        raise invalid(*reasons)
    release = chosen[0].base.default_release()
    offers = offers_on(release, chosen, person)
    versions = [each.version for each in offers if each.version is not None]
    reasons = [*refusals(versions, person), *_idle(offers, release)]
    if reasons:
        raise invalid(*reasons)
    prices = [each.price_micros for each in offers]
    parts = tuple(map(Chosen, versions, shares_of(prices), prices))
    divided = [(each.version, each.share) for each in parts]
    least = least_price(divided, person.pk)
    price_micros = least if order.price_micros is None else order.price_micros
    if not least <= price_micros <= MAX_PRICE_MICROS:
        reason = (
            f"A picture with it costs at least {formatted(least)}, so that each artist gets what their own plug-in costs, and at "
            f"most {formatted(MAX_PRICE_MICROS)}; {formatted(price_micros)} was asked for."
        )
        raise invalid(reason)
    return Quote(
        name=name,
        release=release,
        parts=parts,
        fee_micros=settings.FEES.combination_micros,
        price_micros=price_micros,
        least_micros=least,
        only_release=any(map(restores, versions)),
        royalties=tuple(royalties_through(divided)),
    )


def concept_named(person: User, name: str) -> Concept | None:
    """Find a person's concept of this name, whatever its letter case."""
    return Concept.objects.filter(artist=person, name__iexact=name).first()


def _refused(person: User, chosen: Sequence[PlugIn], name: str) -> Iterator[str]:
    ids = [each.pk for each in chosen]
    if len(set(ids)) != len(ids):
        yield "A plug-in is chosen twice. Choose each once."
    elif not LEAST_PARTS <= len(ids) <= MOST_PARTS:
        yield f"From {LEAST_PARTS} to {MOST_PARTS} plug-ins become one; {len(ids)} are chosen."
    bases = {each.base_id: each.base for each in chosen}
    if len(bases) > 1:
        named = " and ".join(f"“{each.name}”" for each in bases.values())
        yield f"The plug-ins are for different base models, {named}: their weights do not fit together. Choose those of one."
    for base in bases.values():
        if not base.listed or not base.releases.filter(is_default=True).exists():
            yield f"{base.name} is not offered at present."
    yield from _misnamed(person, name)


def _misnamed(person: User, name: str) -> Iterator[str]:
    try:
        name_validator(name)
    except ValidationError as error:
        yield f"The name “{name[:NAME_LENGTH]}” cannot be taken. {error.messages[0]}"
    if not 2 <= len(name) <= NAME_LENGTH:
        yield f"A name has from 2 to {NAME_LENGTH} characters; this one has {len(name)}."
    taken = concept_named(person, name)
    if taken is not None and taken.kind != ConceptKind.COMBINATION:
        yield f"“{taken.name}” is a {taken.kind} of yours already. Choose another name."


def _idle(offers: Sequence[Offer], release: BaseRelease) -> Iterator[str]:
    """Say which plug-ins would change nothing on a release."""
    for offer in offers:
        if offer.misfit:
            yield offer.misfit
        elif not offer.needed:
            yield f"“{offer.plugin.name}” restores what {release} never lost: there is nothing to combine. Leave it out."
