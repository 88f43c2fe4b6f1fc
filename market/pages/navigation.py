"""What the main navigation offers whom."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One entry of the main navigation; `roles` empty means that everyone, signed in or not, sees it."""

    label: str
    href: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class NavigationItem:
    """A place as it is shown on one page; `current` is the value of aria-current, or empty."""

    label: str
    href: str
    current: str


_SIGNED_IN = frozenset({"user", "artist", "model_owner", "admin"})

PLACES: tuple[Place, ...] = (
    Place("Catalogue", "/plugins/"),
    Place("Studio", "/studio/", _SIGNED_IN),
    Place("Pictures", "/pictures/", _SIGNED_IN),
    Place("Desk", "/desk/", frozenset({"artist"})),
    Place("My base models", "/my-bases/", frozenset({"model_owner", "admin"})),
    Place("Claims", "/claims/", frozenset({"artist", "model_owner", "admin"})),
    Place("Jobs", "/jobs/", _SIGNED_IN),
    Place("Earnings", "/earnings/", frozenset({"artist", "model_owner"})),
    Place("Wallet", "/wallet/", _SIGNED_IN),
    Place("Reports", "/reports/", frozenset({"admin"})),
)
VISITOR_PLACES: tuple[Place, ...] = (
    Place("Catalogue", "/plugins/"),
    Place("Base models", "/bases/"),
    Place("How royalties work", "/about/"),
    Place("Help", "/help/"),
)


def navigation_for(*, roles: Iterable[str] | None, path: str) -> list[NavigationItem]:
    """List what a person with these roles sees on the page at `path`; roles is None for a visitor.

    A page inside a section marks the section with aria-current="true", the section's own page with "page".
    """
    places: Iterable[Place] = VISITOR_PLACES
    if roles is not None:
        held = frozenset(roles) | {"user"}
        places = (place for place in PLACES if not place.roles or place.roles & held)
    return [NavigationItem(place.label, place.href, _current(place.href, path)) for place in places]


def _current(href: str, path: str) -> str:
    if path == href:
        return "page"
    return "true" if path.startswith(href) else ""
