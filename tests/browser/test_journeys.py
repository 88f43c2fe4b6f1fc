"""The two journeys that the market is for, walked in a browser: an artist's, then a user's who pays that artist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import journeys
from tests.browser.artworks import bears
from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.browser.visitor import Visitor

ARTIST = "ines@example.net"
USER = "jonas@example.net"
PLUGIN = "Bruno"
NARROW = {"width": 360, "height": 740}


@dataclass(frozen=True)
class Walk:
    """Both journeys, walked once for all tests of this module; what each step saw."""

    concept: str
    job: str
    plugin: str
    picture: str
    price: str
    total: str
    credits: str
    earned: str
    problems: list[str]

    def addresses_of_artist(self) -> list[str]:
        own = map(_path, (self.concept, self.job, self.plugin))
        return [*own, "/desk/", "/earnings/", "/earnings/statements/", "/earnings/payouts/", "/me/"]

    def addresses_of_user(self) -> list[str]:
        own = [_path(self.picture), "/studio/", "/pictures/", "/jobs/", "/wallet/", "/wallet/top-up/"]
        return [*own, "/combinations/", "/combinations/new/"]


def _path(url: str) -> str:
    return urlsplit(url).path


@pytest.fixture(scope="module")
def walk(browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    visitors = []
    for _ in range(2):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)
        visitors.append(Visitor(context, site.url))
    artist, user = visitors

    journeys.sign_up(artist, site, name="Ines Moreau", email=ARTIST)
    journeys.become_artist(artist)
    concept = journeys.register_concept(
        artist, name=PLUGIN, kind="Character", description="A round-eared bear who likes plain colours."
    )
    journeys.upload_works(artist, bears(tmp_path_factory.mktemp("works")))
    job = journeys.start_addition(artist, price="0.05", steps=20)
    journeys.wait_for_state(artist.page, "succeeded", milliseconds=journeys.ADDITION_MS)
    plugin = journeys.publish(artist)

    journeys.sign_up(user, site, name="Jonas Weber", email=USER)
    journeys.top_up(user, euros="5")
    journeys.choose_settings(user, plugin=PLUGIN, prompt=f"{PLUGIN}, Noto style", count=2)
    prices = user.page.locator("#price .price-box")
    expect(prices).to_contain_text("€0.10")
    price, total = prices.inner_text(), user.page.locator("#price .price-total .money").inner_text()
    picture = journeys.run_and_open_picture(user)
    names = user.page.locator(".credits").inner_text()
    earned = artist.go("/earnings/").get_by_role("main").inner_text()

    problems = [*artist.problems, *user.problems]
    yield Walk(concept, job, plugin, picture, price, total, names, earned, problems)
    for visitor in visitors:
        visitor.context.close()


def test_no_step_of_the_journeys_met_an_error_or_another_host(walk: Walk) -> None:
    assert walk.problems == []


def test_price_was_shown_line_by_line_before_the_run(walk: Walk) -> None:
    assert PLUGIN in walk.price
    assert "Ines Moreau" in walk.price
    assert "€0.05 \u00d7 2" in walk.price


def test_picture_page_credits_the_artist_with_what_they_were_paid(walk: Walk) -> None:
    assert "Ines Moreau" in walk.credits
    assert f"for “{PLUGIN}”" in walk.credits
    assert "€0.09" in walk.credits  # two pictures at €0.05, less a tenth


def test_artist_sees_the_earning(walk: Walk) -> None:
    assert PLUGIN in walk.earned
    assert "€0.09" in walk.earned


def test_visitor_finds_the_plug_in_in_the_catalogue(enter: Enter, walk: Walk) -> None:
    visitor = enter()
    page = visitor.go("/plugins/")

    page.get_by_role("searchbox").fill("round-eared bear")
    page.get_by_role("main").get_by_role("button", name="Search").click()
    page.get_by_role("main").get_by_role("heading", name=PLUGIN).get_by_role("link").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(PLUGIN)
    assert _path(page.url) == _path(walk.plugin)
    assert visitor.audit() == []


@pytest.mark.parametrize("who", [ARTIST, USER])
@pytest.mark.parametrize("window", ["wide", "narrow"])
def test_pages_with_content_are_sound(enter: Enter, walk: Walk, who: str, window: str) -> None:
    visitor = enter(**({"viewport": NARROW, "color_scheme": "dark"} if window == "narrow" else {}))
    visitor.sign_in(who, journeys.PASSWORD)
    found = []

    for address in walk.addresses_of_artist() if who == ARTIST else walk.addresses_of_user():
        visitor.go(address)
        found += visitor.audit()

    assert found == []


def test_stranger_sees_neither_the_picture_nor_the_concept(enter: Enter, site: Site, walk: Walk) -> None:
    visitor = enter()
    visitor.sign_in("artist2@example.org", site.demo_password())

    with visitor.expecting(404):
        for address in (walk.picture, walk.concept, walk.job):
            page = visitor.go(address)
            expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_picture_is_made_with_the_keyboard_alone(enter: Enter, walk: Walk) -> None:
    visitor = enter()
    visitor.sign_in(USER, journeys.PASSWORD)
    page = visitor.go("/studio/")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    tab_to("[name=prompt]")
    page.keyboard.type(f"{PLUGIN}, Twemoji style")
    tab_to("#plugin-search")
    page.keyboard.type(PLUGIN)
    page.get_by_role("button", name=f"Add {PLUGIN}").wait_for()
    tab_to("[name=add]")
    page.keyboard.press("Enter")
    page.get_by_label(f"Weight of {PLUGIN}, slider").wait_for()
    page.locator("[name=prompt]").focus()
    tab_to("input[type=range]")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Weight", exact=True)).to_have_value("0.8")
    # What is run is what the price was shown for: a slow market shows it late.
    expect(page.locator(".price-lines")).to_contain_text(PLUGIN)
    tab_to("[name=run]")
    page.keyboard.press("Enter")
    journeys.wait_for_state(page, "succeeded", milliseconds=journeys.PICTURE_MS)

    expect(page.locator("#run .gallery img")).to_have_count(1)
