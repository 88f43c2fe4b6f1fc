"""What other sites show of a link to a page here: Open Graph and Twitter tags, and structured data for search engines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from market.accounts.models import User
from market.catalog.combined import price_now
from market.catalog.models import DomainProof, PlugIn, PlugInSample, ProfileLink
from market.ledger.money import plain

SITE = "Copyright Plug-in Market"
_LONGEST = 200
# Within a script element only these could end it, or begin a comment; the last two end a line of JavaScript.
_ESCAPED = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class LinkPreview:
    """What is shown of a link. Every address is a whole one. Without a picture there is none."""

    title: str
    description: str
    url: str
    structured: SafeString
    kind: str = "website"
    image: str = ""
    image_alt: str = ""
    width: int = 0
    height: int = 0


def absolute(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"


def as_json_ld(data: Mapping[str, Any]) -> SafeString:
    """Write structured data that can stand within a script element, whatever people typed."""
    text = json.dumps({"@context": "https://schema.org", **data}, ensure_ascii=False)
    # What could leave the element is escaped by the table above.
    return mark_safe(text.translate(_ESCAPED))  # noqa: S308


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


def preview_of_plugin(plugin: PlugIn, sample: PlugInSample | None) -> LinkPreview:
    """Describe a plug-in that is on offer, with a sample of it."""
    concept, url = plugin.concept, absolute(plugin.get_absolute_url())
    title = f"{plugin.name} by {plugin.owner.display_name}"
    kind = concept.get_kind_display().lower()
    description = _shortened(
        concept.description or f"A {kind} for {plugin.base.name}, offered by its artist."
    )
    image = absolute(sample.url) if sample else ""
    data: dict[str, Any] = {
        "@type": "Product",
        "name": plugin.name,
        "description": description,
        "url": url,
        "category": f"Plug-in for image models: {kind}",
        "brand": {"@type": "Person", **_named(plugin.owner)},
        "offers": {
            "@type": "Offer",
            "url": url,
            "price": plain(price_now(plugin) + plugin.base.fee_micros),
            "priceCurrency": "EUR",
            "availability": "https://schema.org/InStock",
        },
    }
    if sample is None:
        return LinkPreview(title, description, url, as_json_ld(data), "product")
    return LinkPreview(
        title, description, url, as_json_ld(data | {"image": image}), "product", image,
        f"A picture made with {plugin.name}: {sample.prompt}", sample.width, sample.height,
    )  # fmt: skip


def _named(person: User) -> dict[str, str]:
    named = {"name": person.display_name}
    return named | {"url": absolute(person.get_absolute_url())} if person.is_artist else named


def preview_of_artist(
    person: User, newest: PlugIn | None, links: Sequence[ProfileLink], proof: DomainProof | None
) -> LinkPreview:
    """Describe an artist, with a sample of their newest plug-in. A search engine learns the domain only once it is proved."""
    description = _shortened(person.about or f"Plug-ins for image models by {person.display_name}.")
    same = [f"https://{proof.domain}/"] if proof else []
    data: dict[str, Any] = {
        "@type": "ProfilePage",
        "mainEntity": {
            "@type": "Person",
            **_named(person),
            "description": description,
            "sameAs": [*same, *(link.address for link in links)],
        },
    }
    url, structured = absolute(person.get_absolute_url()), as_json_ld(data)
    version = newest.current_version if newest else None
    sample = next(iter(version.samples.all()), None) if version else None
    if newest is None or sample is None:
        return LinkPreview(person.display_name, description, url, structured, "profile")
    return LinkPreview(
        person.display_name, description, url, structured, "profile", absolute(sample.url),
        f"A picture made with {newest.name}: {sample.prompt}", sample.width, sample.height,
    )  # fmt: skip
