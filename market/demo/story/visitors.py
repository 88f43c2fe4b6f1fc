"""What people of the story do in a browser: sign up, follow a job, top up, pay for pictures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from market.demo.story.amounts import amount, written
from market.demo.story.steps import Figures
from market.stack.browsing import Browser, Page, Refusal

TOP_UP_EUROS = 10


@dataclass
class Visitor:
    """A person of the story: a browser, and the mail that the market sends them."""

    browser: Browser
    name: str
    email: str
    password: str
    mail: Path

    def sign_up(self) -> None:
        page = self.browser.open("/accounts/signup/")
        self.browser.submit(
            page.form(has="password1"),
            {"email": self.email, "password1": self.password, "display_name": self.name},
        )
        page = self.browser.open(self.mailed_link(r"/accounts/confirm-email/\S+/"))
        self.browser.submit(page.form_to(r"^/accounts/confirm-email/"))
        self.browser.open("/me/").says(re.escape(self.name))

    def sign_out_and_in(self) -> None:
        page = self.browser.open("/accounts/logout/")
        self.browser.submit(page.form_to(r"/accounts/logout/$"))
        if self.browser.status("/me/") != 302:
            raise Refusal("a signed-out person still sees /me/")
        page = self.browser.open("/accounts/login/")
        self.browser.submit(page.form(has="password"), {"login": self.email, "password": self.password})
        self.browser.open("/me/").says(re.escape(self.name))

    def take_on(self, role: str) -> None:
        page = self.browser.open(f"/me/roles/{role}/")
        self.browser.submit(page.form(has="accept"), {"accept": "on"})

    def mailed_link(self, pattern: str) -> str:
        """Return an address of this pattern from the newest mail to this person that has one."""
        for kept in sorted(self.mail.glob("*.log"), key=lambda one: one.stat().st_mtime, reverse=True):
            message = message_from_bytes(kept.read_bytes().split(b"\n-----")[0], policy=policy.default)
            body = message.get_body(("plain",)) if self.email in str(message["To"]) else None
            found = re.search(pattern, body.get_content()) if body else None
            if found:
                return found[0]
        raise Refusal(f"no mail to {self.email} has a link {pattern!r} in {self.mail}")


def follow_job(
    browser: Browser, page: Page, *, within: float, say: Callable[[str], None]
) -> tuple[Page, Figures]:
    """Follow a job by its server-sent events to its end, as its page does. Return the final page, and what was seen."""
    path = re.search(r"/jobs/[0-9a-f-]{36}/", page.path)
    if path is None:
        raise Refusal(f"{page.path} is no job's page: {page.summary()}")
    job, started, told = path[0], time.monotonic(), 0.0
    panels, steps, previews = 0, 0, set[str]()
    while time.monotonic() - started < within:
        for name, data in browser.events(job + "events/"):
            panels += name == "panel"
            previews.update(re.findall(r'preview/\?of=([^"&]+)', data))
            progress = re.search(r"Step (\d+) of (\d+)", data)
            if progress:
                steps = max(steps, int(progress[1]))
                if time.monotonic() - told > 10:
                    told = time.monotonic()
                    say(f"          step {progress[1]} of {progress[2]}")
            if name == "close" or time.monotonic() - started > within:
                break
        page = browser.open(job)
        state = page.states[0] if page.states else "unknown"
        if state == "succeeded":
            seconds = round(time.monotonic() - started, 1)
            return page, {
                "job_seconds": seconds,
                "events": panels,
                "steps_seen": steps,
                "previews": len(previews),
            }
        if state in {"failed", "cancelled"}:
            raise Refusal(f"the job {state}: {page.summary()}")
    raise Refusal(f"the job did not end within {within:.0f} s: {page.summary()}")


def top_up(user: Visitor) -> str:
    page = user.browser.open("/wallet/top-up/")
    page = user.browser.submit(page.form(has="amount"), {"amount": f"{TOP_UP_EUROS}.00", "gateway": "test"})
    # The gateway's own page, where a person confirms the payment.
    page = user.browser.submit(page.form(has="decision"), button="decision")
    deadline = time.monotonic() + 60
    while wallet(user) != TOP_UP_EUROS * 1_000_000:
        if time.monotonic() > deadline:
            raise Refusal(f"the wallet holds {written(wallet(user))}: {page.summary()}")
        time.sleep(0.5)
    return written(wallet(user))


def wallet(user: Visitor) -> int:
    return amount(user.browser.open("/wallet/"), "Available")
