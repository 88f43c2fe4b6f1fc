"""Pages that everyone sees: looks, colours, keyboard, no JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enter
from tests.browser.site import Site

PUBLIC = (
    "/",
    "/about/",
    "/help/",
    "/plugins/",
    "/bases/",
    "/proof/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
)
NARROW = {"width": 360, "height": 740}


@pytest.mark.parametrize("path", PUBLIC)
def test_public_page_is_sound_in_wide_and_narrow_windows(enter: Enter, path: str) -> None:
    wide, narrow = enter(), enter(viewport=NARROW, color_scheme="dark")

    wide.go(path)
    narrow.go(path)

    assert wide.audit() + narrow.audit() == []


def test_unknown_address_gets_a_page_that_leads_back(enter: Enter) -> None:
    visitor = enter()

    with visitor.expecting(404):
        page = visitor.go("/nothing/here/")

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert visitor.audit() == []


def test_chosen_colours_stay_on_the_next_page_and_before_it_is_painted(enter: Enter) -> None:
    visitor = enter(color_scheme="light")
    page = visitor.go("/")

    page.get_by_role("radio", name="Dark").check()
    page.goto(visitor.home + "/about/", wait_until="commit")
    page.wait_for_selector("body", state="attached")

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(22, 20, 18)"
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()


def test_colours_follow_the_device_until_chosen(enter: Enter) -> None:
    visitor = enter(color_scheme="dark")

    page = visitor.go("/")

    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(22, 20, 18)"


def test_first_tab_offers_to_skip_to_the_content(enter: Enter) -> None:
    page = enter().go("/help/")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_menu_opens_and_closes_by_keyboard_and_gives_focus_back(enter: Enter) -> None:
    page = enter(viewport=NARROW).go("/")
    summary = page.locator(".nav-fold > summary")

    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Catalogue")
    page.keyboard.press("Escape")

    expect(summary).to_be_focused()
    expect(page.locator(".nav-fold")).not_to_have_attribute("open", "")


def test_every_control_that_tab_reaches_shows_its_focus(enter: Enter) -> None:
    page = enter().go("/")
    unseen = []

    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return null;
              const ring = (element, part) => getComputedStyle(element, part).outlineStyle !== "none";
              return ring(at) || ring(at, "::after") || ring(at.closest("label") ?? at) ? null : at.outerHTML;
            }"""
        )
        if seen:
            unseen.append(seen)

    assert unseen == []


def test_pages_work_without_javascript(enter: Enter, site: Site) -> None:
    visitor = enter(java_script_enabled=False)

    visitor.sign_in("user@example.org", site.demo_password())
    page = visitor.go("/")

    expect(page.locator(".theme-switch")).to_be_hidden()
    page.locator(".account-menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_wrong_password_is_explained_and_tied_to_the_form(enter: Enter) -> None:
    visitor = enter()
    page = visitor.go("/accounts/login/")

    page.get_by_label("Email").fill("user@example.org")
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_be_visible()
    assert visitor.audit() == []


def test_motion_stops_for_those_who_ask_for_less(enter: Enter) -> None:
    page = enter(reduced_motion="reduce").go("/")

    assert page.evaluate("getComputedStyle(document.querySelector('.button')).transitionDuration") == "1e-05s"
