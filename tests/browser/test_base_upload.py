"""A model owner uploads a base model in a browser, loses the connection on the way, and lists it when it passed."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.browser.conftest import Enter
from tests.browser.site import Site
from tests.plugins_engine import tiny_pipelines

CHECK_MS = 240_000
SLOW_MS = 60_000
NARROW = {"width": 360, "height": 740}


def test_a_directory_is_uploaded_goes_on_after_a_lost_connection_and_is_listed(
    enter: Enter, site: Site, tmp_path: Path
) -> None:
    folder = tiny_pipelines.sd1(tmp_path / "ink", seed=11)
    (folder / "README.md").write_text("Left out.")
    (folder / "card.json").write_text(json.dumps({"default_steps": 3, "subjects": ["a fox"]}))
    owner = enter()
    owner.sign_in("owner@example.org", site.demo_password())
    page = owner.go("/my-bases/register/")
    assert owner.audit() == []

    # The connection is lost at the first part of the second file, once: the script tries again by itself.
    lost: list[str] = []

    def lose(route: Route) -> None:
        if not lost:
            lost.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/files/1/parts/0/", lose)
    page.locator("#id_folder").set_input_files(folder)
    expect(page.locator("[data-note]")).to_have_text(
        "All files are there. Register the base model.", timeout=SLOW_MS
    )
    owner.problems = [each for each in owner.problems if "ERR_FAILED" not in each]
    assert len(lost) == 1
    expect(page.locator("[data-left-out]")).to_contain_text("README.md")
    assert owner.audit() == []

    page.get_by_label("Name", exact=True).fill("Ink base")
    page.get_by_label("Licence", exact=True).select_option("MIT")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ink base", timeout=SLOW_MS)
    address = page.url
    page.get_by_role("link", name="Waiting").or_(page.get_by_role("link", name="Running")).or_(
        page.get_by_role("link", name="Done")
    ).first.click()
    expect(page.get_by_role("link", name="See the result")).to_be_visible(timeout=CHECK_MS)
    page.get_by_role("link", name="See the result").click()
    assert page.url == address
    expect(page.get_by_text("It passed.")).to_be_visible()
    assert owner.audit() == []

    page.get_by_label("Listed").check()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("not listed")).to_have_count(0)
    expect(page.get_by_alt_text("a fox")).to_be_visible()
    page.goto(owner.home + "/my-bases/")
    assert owner.audit() == []
    visitor = enter(viewport=NARROW, color_scheme="dark")
    visitor.go("/bases/ink-base/")
    assert visitor.audit() == []
