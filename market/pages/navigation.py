"""What the main navigation offers to whom."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One entry of the main navigation. With empty `roles` everybody sees it, signed in or not.

    Pages below `also` belong to this section, too, unless a later place that the person sees claims them.
    """

    label: str
    href: str
    roles: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        return path.startswith((self.href, *self.also))


@dataclass(frozen=True)
class NavigationItem:
    """A place as one page shows it. `current` is the value of aria-current, or empty."""

    label: str
    href: str
    current: str


_SIGNED_IN = frozenset({"user", "artist", "model_owner", "admin"})

PLACES: tuple[Place, ...] = (
    Place("Catalogue", "/plugins/", also=("/artists/", "/bases/", "/combinations/")),
    Place("Studio", "/studio/", _SIGNED_IN, also=("/appeals/",)),
    Place("Pictures", "/pictures/", _SIGNED_IN),
    Place("Desk", "/desk/", frozenset({"artist"}), also=("/retests/", "/carry-overs/", "/takedowns/")),
    Place(
        "My base models",
        "/my-bases/",
        frozenset({"model_owner", "admin"}),
        also=("/extractions/", "/releases/"),
    ),
    Place("Claims", "/claims/", frozenset({"artist", "model_owner", "admin"}), also=("/disputes/",)),
    Place("Jobs", "/jobs/", _SIGNED_IN),
    Place("Earnings", "/earnings/", frozenset({"artist", "model_owner"})),
    Place("Wallet", "/wallet/", _SIGNED_IN),
    Place("Reports", "/reports/", frozenset({"admin"}), also=("/disputes/", "/takedowns/")),
)
VISITOR_PLACES: tuple[Place, ...] = (
    Place("Catalogue", "/plugins/"),
    Place("Base models", "/bases/"),
    Place("How royalties work", "/about/"),
    Place("Help", "/help/"),
)


def navigation_for(*, roles: Iterable[str] | None, path: str) -> list[NavigationItem]:
    """List what a person with these roles sees on the page at `path`. `roles` is None for a visitor.

    A page inside a section marks the section with aria-current="true", the section's own page with "page".
    """
    places = VISITOR_PLACES
    if roles is not None:
        held = frozenset(roles) | {"user"}
        places = tuple(place for place in PLACES if not place.roles or place.roles & held)
    section = next((place for place in reversed(places) if place.holds(path)), None)
    within = "page" if section and section.href == path else "true"
    return [NavigationItem(place.label, place.href, within if place is section else "") for place in places]
