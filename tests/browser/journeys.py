"""What an artist and a user do, step by step, through the pages alone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.site import Site
from tests.browser.visitor import Visitor

PASSWORD = "a-long-walk-by-the-river"
# A plug-in learns for minutes on a machine that does other things too.
ADDITION_MS = 900_000
PICTURE_MS = 240_000


def sign_up(visitor: Visitor, site: Site, *, name: str, email: str) -> None:
    """Create an account and confirm its address with the link in the mail."""
    page = visitor.go("/accounts/signup/")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    visitor.go(site.confirmation_link(email))
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.locator(".account-menu")).to_contain_text(name)


def become_artist(visitor: Visitor) -> None:
    page = visitor.go("/me/roles/artist/")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Become an artist").click()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Desk")).to_be_visible()


def register_concept(visitor: Visitor, *, name: str, kind: str, description: str) -> str:
    """Register a concept, affirm the rights, and return the address of its page."""
    page = visitor.go("/desk/concepts/new/")
    page.get_by_role("radio", name=kind).check()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description").fill(description)
    page.get_by_role("button", name="Register the concept").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("checkbox", name="I affirm this.").check()
    page.get_by_role("button", name="Affirm my rights").click()
    expect(page.get_by_text("Affirmed on")).to_be_visible()
    return page.url


def upload_works(visitor: Visitor, works: list[Path]) -> None:
    """Upload from the concept's page, where the visitor is."""
    page = visitor.page
    page.locator('input[type="file"]').set_input_files(works)
    expect(page.locator(".drop-list li")).to_have_count(len(works))
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#captions .frame img")).to_have_count(len(works))


def start_addition(visitor: Visitor, *, price: str, steps: int) -> str:
    """Start from the concept's page, with so many steps, and return the address of the job."""
    page = visitor.page
    page.get_by_role("link", name="Make a plug-in").click()
    page.get_by_label("Price per picture").fill(price)
    page.get_by_text("Training settings").click()
    page.get_by_label("Steps").fill(str(steps))
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/jobs/*/")
    return page.url


def publish(visitor: Visitor) -> str:
    """Publish from the page of the finished job and return the address of the public page."""
    page = visitor.page
    page.get_by_role("link", name="Look at its figures and publish it").click()
    page.get_by_role("button", name="Publish at").click()
    page.get_by_role("link", name="See it in the catalogue").click()
    page.wait_for_url("**/plugins/*/")
    return page.url


def wait_for_state(page: Page, state: str, *, milliseconds: int) -> None:
    """Wait on a job's page, which keeps itself current, until the job is in `state`."""
    page.locator(f'[data-state="{state}"]').wait_for(timeout=milliseconds)


def top_up(visitor: Visitor, *, euros: str) -> None:
    """Pay into the wallet through the offline test gateway."""
    page = visitor.go("/wallet/top-up/")
    page.get_by_label("Amount").fill(euros)
    page.get_by_role("button", name="Continue to payment").click()
    page.get_by_role("button", name="Confirm test payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your wallet is topped up")


def choose_settings(visitor: Visitor, *, plugin: str, prompt: str, count: int) -> None:
    """Fill the studio's form, with one plug-in found by its name."""
    page = visitor.go("/studio/")
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_label("Add a plug-in").press_sequentially(plugin)
    page.get_by_role("button", name=f"Add {plugin}").click()
    expect(page.get_by_label("Weight", exact=True)).to_be_visible()
    page.get_by_label("Number of pictures").fill(str(count))
    page.get_by_label("Number of pictures").press("Tab")


def run_and_open_picture(visitor: Visitor) -> str:
    """Press Run, follow the run to its end in place, open the first picture and return its address."""
    page = visitor.page
    page.get_by_role("button", name="Run", exact=True).click()
    wait_for_state(page, "succeeded", milliseconds=PICTURE_MS)
    page.locator("#run .gallery a").first.click()
    page.wait_for_url("**/pictures/*/")
    return page.url
