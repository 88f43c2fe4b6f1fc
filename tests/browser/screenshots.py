"""Photograph every page, light, dark and 390 pixels narrow: `python -m tests.browser.screenshots DIR`.

Starts a market of its own with staged content; `--url` and `--password` use one that runs and is staged already.
Prints what the audit of each page finds, and exits 1 if it finds anything.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium, missing
from tests.browser.site import ROOT, Site
from tests.browser.visitor import Visitor

WINDOWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}
EVERYONE = [
    "/",
    "/about/",
    "/help/",
    "/plugins/",
    "/bases/",
    "/bases/embedded/degradation/",
    "/proof/",
    "/api/v1/docs",
    "/accounts/login/",
    "/accounts/signup/",
    "/no/page/",
]
PEOPLE = {
    "artist": [
        "/desk/",
        "/desk/concepts/new/",
        "/desk/shares/",
        "/carry-overs/",
        "/claims/",
        "/claims/new/",
        "/takedowns/mine/",
        "/earnings/",
        "/earnings/statements/",
        "/earnings/payouts/",
        "/earnings/payouts/details/",
        "/me/",
        "/me/tokens/",
        "/accounts/email/",
        "/accounts/2fa/",
    ],
    "owner": [
        "/my-bases/",
        "/my-bases/register/",
        "/bases/embedded/extractions/",
        "/bases/embedded/extractions/new/",
        "/bases/embedded/upgrade/",
        "/bases/embedded/releases/compare/",
    ],
    "user": [
        "/studio/",
        "/combinations/",
        "/combinations/new/",
        "/pictures/",
        "/takedowns/mine/",
        "/me/tokens/",
        "/jobs/",
        "/wallet/",
        "/wallet/top-up/",
        "/me/roles/artist/",
    ],
    "admin": [
        "/reports/",
        "/reports/requests/?period=this_month",
        "/reports/degradation/",
        "/reports/books/",
        "/reports/queries/",
        "/reports/payouts/",
        "/reports/top-ups/",
        "/reports/credit/",
        "/reports/audit/",
        "/disputes/",
        "/claims/",
        "/takedowns/",
    ],
}
# Pages with an address of their own: followed from a page by the first link that matches, and on from there by the next.
FOLLOWED: dict[str, list[tuple[str, ...]]] = {
    "": [("/plugins/", "a[href^='/plugins/']:not([href='/plugins/'])"), ("/plugins/", "a[href^='/artists/']"),
         ("/bases/", "main a[href^='/bases/']:not([href='/bases/'])")],
    "artist": [("/desk/", "main a[href^='/desk/concepts/']:not([href$='/new/'])"), ("/desk/", "a[href^='/desk/plugins/']"),
               ("/desk/", "a[href^='/desk/plugins/']", "main a[href$='/shares/']"),
               ("/desk/", "a[href^='/desk/plugins/']", "main a[href*='/upload/']"),
               ("/desk/", "main a[href^='/jobs/']:not([href='/jobs/'])"),
               ("/desk/", "a[href^='/desk/plugins/']", "main a[href^='/retests/']"),
               ("/carry-overs/", "main th a[href^='/carry-overs/']"),
               ("/takedowns/mine/", "main th a[href^='/takedowns/']"),
               ("/takedowns/mine/", "main th a[href^='/takedowns/']", "main a[href$='/counter-notice/']"),
               ("/claims/", "main th a[href^='/claims/']"),
               ("/claims/?state=evidence_ready", "main th a[href^='/claims/']"),
               ("/earnings/statements/", "main th a[href^='/earnings/statements/']")],
    "owner": [("/my-bases/", "main a[href^='/bases/']:not([href='/bases/'])"),
              ("/bases/embedded/extractions/", "main tr:nth-child(1) th a[href^='/extractions/']"),
              ("/bases/embedded/extractions/", "main tr:nth-child(2) th a[href^='/extractions/']"),
              ("/bases/embedded/extractions/", "main tr:nth-child(1) th a[href^='/extractions/']", "main a[href*='/compare/']"),
              ("/bases/embedded/extractions/", "main tr:nth-child(4) th a[href^='/extractions/']"),
              ("/bases/embedded/extractions/", "main a[href^='/releases/builds/']")],
    "user": [("/pictures/", "main a[href^='/pictures/']:not([href='/pictures/'])"),
             ("/combinations/", "main a[href^='/combinations/']:not([href$='/new/'])"),
             ("/jobs/", "main a[href^='/jobs/']:not([href='/jobs/'], [href*='?'])")],
    "admin": [("/reports/", "main a[href^='/reports/transfers/']"), ("/claims/", "main th a[href^='/claims/']"),
              ("/takedowns/", "main th a[href^='/takedowns/']"), ("/plugins/", "h3 a", "main a[href^='/takedowns/plugins/']"),
              ("/disputes/", "main th a[href^='/disputes/']")],
}  # fmt: skip


def photograph(
    browser: Browser,
    home: str,
    password: str,
    codes: list[str],
    folder: Path,
    windows: list[str],
    only: list[str],
) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    for window in windows:
        for who in ["", *PEOPLE]:
            context = browser.new_context(**WINDOWS[window])
            context.set_default_timeout(60_000)
            visitor = Visitor(context, home, expected={404})
            if who:
                code = codes.pop() if who == "admin" else ""
                visitor.sign_in(f"{who}@example.org", password, code)
            addresses = list(PEOPLE.get(who, EVERYONE))
            for start, *links in FOLLOWED[who]:
                if address := _followed(visitor, start, links):
                    addresses.append(address)
            for address in addresses:
                if only and not any(part in address for part in only):
                    continue
                page = visitor.go(address)
                if "/reauthenticate/" in page.url:
                    page.get_by_label("Password", exact=True).fill(password)
                    page.get_by_role("button", name="Confirm").click()
                    page.wait_for_url(f"**{address}")
                name = "_".join([who or "visitor", *address.strip("/").split("/")]).rstrip("_")
                _draw_all(page)
                page.screenshot(path=folder / f"{name}-{window}.png", full_page=True)
                found += [f"{window} {problem}" for problem in visitor.audit()]
            found += visitor.problems
            context.close()
    return found


def _draw_all(page: Page) -> None:
    """Load the pictures, too, that a page loads only once they are scrolled to; the audit tells of those that do not load."""
    page.evaluate(
        """async () => {
          for (const image of document.images) image.loading = "eager";
          await Promise.allSettled([...document.images].map((image) => image.decode()));
        }"""
    )


def _followed(visitor: Visitor, start: str, links: list[str]) -> str:
    """Give the address at the end of the links, or nothing if one of them is not there."""
    address = start
    for link in links:
        visitor.go(address)
        target = visitor.page.locator(link).first
        if not target.count():
            return ""
        address = urlsplit(str(target.evaluate("link => link.href"))).path
    return address


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="address of a market that runs")
    parser.add_argument("--password", default="", help="password of its demo people")
    parser.add_argument("--codes", nargs="+", default=[], help="codes of its admin, one for each window")
    parser.add_argument("--windows", nargs="+", choices=list(WINDOWS), default=list(WINDOWS))
    parser.add_argument(
        "--only", nargs="+", default=[], help="parts of addresses: photograph only pages with one"
    )
    chosen = parser.parse_args()
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        home, password, codes = chosen.url, chosen.password, chosen.codes
        if not home:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="market-shots-")))
            site = stack.enter_context(Site(folder))
            subprocess.run(
                [sys.executable, "-m", "tests.browser.stage_content"],
                cwd=ROOT,
                env=site.environment,
                check=True,
            )
            home, password, codes = site.url, site.demo_password(), site.demo_codes()
        browser = stack.enter_context(chromium())
        found = photograph(
            browser, home.rstrip("/"), password, codes, chosen.folder, chosen.windows, chosen.only
        )
    print("\n".join(found) or "nothing to mend")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
