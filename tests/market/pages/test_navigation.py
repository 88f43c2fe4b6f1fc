"""Whom the main navigation shows what."""

from __future__ import annotations

import pytest

from market.pages.navigation import navigation_for


def labels(roles: list[str] | None, path: str = "/") -> list[str]:
    return [item.label for item in navigation_for(roles=roles, path=path)]


def current(path: str, *roles: str) -> dict[str, str]:
    return {item.label: item.current for item in navigation_for(roles=roles, path=path) if item.current}


def test_visitor_sees_public_places_only() -> None:
    assert labels(None) == ["Catalogue", "Base models", "How royalties work", "Help"]


@pytest.mark.parametrize(
    ("roles", "more"),
    [
        ([], set()),
        (["user"], set()),
        (["user", "artist"], {"Desk", "Claims", "Earnings"}),
        (["user", "model_owner"], {"Claims", "Earnings", "My base models"}),
        (["user", "admin"], {"Claims", "Reports", "My base models"}),
    ],
)
def test_each_role_adds_its_places(roles: list[str], more: set[str]) -> None:
    assert set(labels(roles)) == {"Catalogue", "Studio", "Pictures", "Jobs", "Wallet"} | more


def test_own_page_is_current_and_a_page_within_marks_its_section() -> None:
    assert current("/desk/", "artist") == {"Desk": "page"}
    assert current("/desk/concepts/3/", "artist") == {"Desk": "true"}
    assert current("/", "artist") == {}


@pytest.mark.parametrize(
    ("path", "roles", "section"),
    [
        ("/combinations/", [], "Catalogue"),
        ("/retests/3/", ["artist"], "Desk"),
        ("/extractions/3/", ["model_owner"], "My base models"),
        ("/disputes/", ["artist"], "Claims"),
        ("/disputes/", ["artist", "admin"], "Reports"),
        ("/takedowns/3/", ["artist"], "Desk"),
        ("/takedowns/", ["artist", "model_owner", "admin"], "Reports"),
    ],
)
def test_pages_elsewhere_mark_one_section_of_those_whom_they_are_for(
    path: str, roles: list[str], section: str
) -> None:
    assert section in current(path, *roles)
    assert len(current(path, *roles)) == 1
