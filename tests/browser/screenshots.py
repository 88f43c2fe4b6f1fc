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

from playwright.sync_api import Browser

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
    "/proof/",
    "/accounts/login/",
    "/accounts/signup/",
    "/no/page/",
]
PEOPLE = {
    "artist": [
        "/desk/",
        "/desk/concepts/new/",
        "/desk/shares/",
        "/claims/",
        "/claims/new/",
        "/earnings/",
        "/earnings/statements/",
        "/earnings/payouts/",
        "/earnings/payouts/details/",
        "/me/",
        "/accounts/email/",
        "/accounts/2fa/",
    ],
    "owner": [
        "/my-bases/",
        "/my-bases/register/",
        "/bases/embedded/extractions/",
        "/bases/embedded/extractions/new/",
    ],
    "user": [
        "/studio/",
        "/combinations/",
        "/combinations/new/",
        "/pictures/",
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
               ("/claims/", "main th a[href^='/claims/']"),
               ("/claims/?state=evidence_ready", "main th a[href^='/claims/']"),
               ("/earnings/statements/", "main th a[href^='/earnings/statements/']")],
    "owner": [("/my-bases/", "main a[href^='/bases/']:not([href='/bases/'])"),
              ("/bases/embedded/extractions/", "main tr:nth-child(1) th a[href^='/extractions/']"),
              ("/bases/embedded/extractions/", "main tr:nth-child(2) th a[href^='/extractions/']"),
              ("/bases/embedded/extractions/", "main a[href^='/releases/builds/']")],
    "user": [("/pictures/", "main a[href^='/pictures/']:not([href='/pictures/'])"),
             ("/jobs/", "main a[href^='/jobs/']:not([href='/jobs/'], [href*='?'])")],
    "admin": [("/reports/", "main a[href^='/reports/transfers/']"), ("/claims/", "main th a[href^='/claims/']")],
}  # fmt: skip


def photograph(browser: Browser, home: str, password: str, folder: Path, windows: list[str]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    found: list[str] = []
    for window in windows:
        for who in ["", *PEOPLE]:
            context = browser.new_context(**WINDOWS[window])
            context.set_default_timeout(60_000)
            visitor = Visitor(context, home, expected={404})
            if who:
                visitor.sign_in(f"{who}@example.org", password)
            addresses = list(PEOPLE.get(who, EVERYONE))
            for start, *links in FOLLOWED[who]:
                if address := _followed(visitor, start, links):
                    addresses.append(address)
            for address in addresses:
                page = visitor.go(address)
                name = "_".join([who or "visitor", *address.strip("/").split("/")]).rstrip("_")
                page.screenshot(path=folder / f"{name}-{window}.png", full_page=True)
                found += [f"{window} {problem}" for problem in visitor.audit()]
            found += visitor.problems
            context.close()
    return found


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
    parser.add_argument("--windows", nargs="+", choices=list(WINDOWS), default=list(WINDOWS))
    chosen = parser.parse_args()
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        home, password = chosen.url, chosen.password
        if not home:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="market-shots-")))
            site = stack.enter_context(Site(folder))
            subprocess.run(
                [sys.executable, "-m", "tests.browser.stage_content"],
                cwd=ROOT,
                env=site.environment,
                check=True,
            )
            home, password = site.url, site.demo_password()
        browser = stack.enter_context(chromium())
        found = photograph(browser, home.rstrip("/"), password, chosen.folder, chosen.windows)
    print("\n".join(found) or "nothing to mend")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
