"""An artist claims that a base holds their style; its owner accepts, and begins to take it out."""

from __future__ import annotations

from playwright.sync_api import expect

from market.configuration import ROOT
from tests.browser import journeys
from tests.browser.conftest import Enter
from tests.browser.site import Site

CLAIMED = ROOT / "plugins_engine" / "embedded" / "claimed"


def test_a_claim_leads_from_works_to_the_extraction(enter: Enter, site: Site) -> None:
    works, controls = (sorted((CLAIMED / part).glob("*.png")) for part in ("works", "controls"))
    artist = enter()
    artist.sign_in("artist2@example.org", site.demo_password())
    journeys.register_concept(artist, name="Noto", kind="Style", description="Soft, shaded drawings.")
    journeys.upload_works(artist, works[:3])

    page = artist.go("/claims/new/?base=embedded")
    page.get_by_label("Your concept").select_option(label="Noto")
    page.get_by_role("button", name="Begin the draft").click()
    expect(page.get_by_role("heading", name="Still missing")).to_be_visible()
    for box in page.locator("input[name=works]").all():
        box.check()
    page.get_by_role("button", name="Choose these works").click()
    page.get_by_label("Prompts that may reproduce your works").fill("a balloon, Noto style")
    page.get_by_label("Your rights").fill("I drew them.")
    page.get_by_role("button", name="Save the draft").click()
    page.locator("input[type=file]").set_input_files(controls[:8])
    page.get_by_role("button", name="Upload controls").click()
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    found = artist.audit()
    page.get_by_role("link", name="Go on to the notice").click()
    found += artist.audit()
    page.get_by_label("Signature").fill("Berta Brush")
    page.get_by_label("Postal address").fill("1 Brush Lane, Exampletown")
    page.get_by_label("Telephone").fill("+1 555 0100")
    for statement in page.locator("main input[type=checkbox]").all():
        statement.check()
    page.get_by_role("button", name="Sign and submit").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    claimed = page.url
    found += artist.audit()

    owner = enter(viewport={"width": 390, "height": 844}, color_scheme="dark")
    owner.sign_in("owner@example.org", site.demo_password())
    page = owner.go("/claims/?of=against")
    page.get_by_role("main").get_by_role("link", name="Embedded base").first.click()
    assert page.url == claimed
    found += owner.audit()
    page.get_by_role("button", name="Accept the claim").click()
    page.get_by_role("link", name="Take the concept out").click()
    expect(page.get_by_label("Concept", exact=True)).to_have_value("Noto")
    found += owner.audit()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Cancel").click()
    journeys.wait_for_state(page, "cancelled", milliseconds=journeys.PICTURE_MS)
    found += owner.audit()

    stranger = enter()
    stranger.sign_in("user@example.org", site.demo_password())
    with stranger.expecting(404):
        page = stranger.go(claimed)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert found == []
