"""A person at a browser, whom nothing wrong on a page escapes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

# The browser's own note on a failed response, which _saw_response judges; and htmx's, that it gave up a request
# because a newer one replaces it, as hx-sync asks.
NO_FAULT = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")

# What an audit of a page finds, as a list of sentences. Runs in the page.
AUDIT = """
() => {
  const problems = [];
  const name = (element) => element.outerHTML.slice(0, 120);
  const shown = (element) => element.getClientRects().length > 0;
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const edge = document.documentElement.clientWidth;
    const culprits = [...document.querySelectorAll("main *, header *, footer *")]
      .filter((element) => element.getBoundingClientRect().right > edge + 0.5 && !element.closest(".table-wrap, .tabs, pre"))
      .slice(0, 3).map(name);
    problems.push(`scrolls sideways by ${wide} px: ${culprits.join(" ")}`);
  }
  const headings = document.querySelectorAll("h1");
  if (headings.length !== 1) problems.push(`has ${headings.length} h1 headings`);
  let level = 1;
  for (const heading of document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) problems.push(`jumps from h${level} to ${name(heading)}`);
    level = next;
  }
  for (const image of document.querySelectorAll("img:not([alt])")) problems.push(`has a picture without alt: ${name(image)}`);
  for (const image of document.querySelectorAll("img")) {
    if (shown(image) && image.complete && image.naturalWidth === 0) problems.push(`has a picture that does not load: ${name(image)}`);
  }
  for (const control of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (shown(control) && !control.labels?.length && !control.getAttribute("aria-label") && !control.getAttribute("aria-labelledby")) {
      problems.push(`has a control without a label: ${name(control)}`);
    }
  }
  for (const control of document.querySelectorAll("a[href], button, summary")) {
    const text = control.textContent.trim() || control.getAttribute("aria-label") || control.querySelector("img[alt]")?.alt;
    if (shown(control) && !text && control.getAttribute("aria-hidden") !== "true") problems.push(`has a control without a name: ${name(control)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) problems.push(`uses the id ${id} twice`);
  for (const element of document.querySelectorAll("[style]:not([style='']), script:not([src]):not([type='application/json']):not([type='application/ld+json'])")) {
    // A script may set custom properties; the policy refuses styles that a page was sent with.
    const isSetByScript = /^(--[a-z-]+:[^;]+;? *)+$/.test(element.getAttribute("style") ?? "");
    if (!element.closest("svg") && !isSetByScript) problems.push(`has inline style or script: ${name(element)}`);
  }
  for (const element of document.querySelectorAll("*")) {
    const handler = [...element.attributes].find((attribute) => attribute.name.startsWith("on"));
    if (handler) problems.push(`has an inline handler: ${name(element)}`);
  }
  return problems;
}
"""


@dataclass
class Visitor:
    """One browser window. `problems` gathers what went wrong on any page; a test ends with none."""

    context: BrowserContext
    home: str
    page: Page = field(init=False)
    problems: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.context.on("request", self._saw_request)
        self.context.on("response", self._saw_response)
        self.page.on("console", self._heard)
        self.page.on(
            "pageerror", lambda error: self.problems.append(f"{self.page.url}: script error: {error}")
        )

    def _saw_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.home).netloc:
            self.problems.append(f"{self.page.url}: asked another host: {request.url}")

    def _saw_response(self, response: Response) -> None:
        # A job's preview goes when the job ends; a slow page that was told of it may ask just after.
        is_late_preview = response.status == 404 and urlsplit(response.url).path.endswith("/preview/")
        if response.status >= 400 and response.status not in self.expected and not is_late_preview:
            self.problems.append(f"{self.page.url}: {response.status} for {response.url}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(NO_FAULT):
            self.problems.append(f"{self.page.url}: console: {message.text}")

    @contextmanager
    def expecting(self, *statuses: int) -> Iterator[None]:
        """Allow responses with these statuses for a while: a refusal that is being tested."""
        before = set(self.expected)
        self.expected |= set(statuses)
        try:
            yield
        finally:
            self.expected = before

    def go(self, path: str) -> Page:
        self.page.goto(path if "://" in path else self.home + path)
        return self.page

    def audit(self) -> list[str]:
        """What is wrong with the page as it stands: overflow, headings, names and labels, inline code."""
        # A document that has only begun, as after a form was sent, has no element yet.
        self.page.wait_for_load_state("load")
        found: list[str] = self.page.evaluate(AUDIT)
        return [f"{urlsplit(self.page.url).path} {problem}" for problem in found]

    def sign_in(self, email: str, password: str, code: str = "") -> None:
        """Sign in by the form; with a code where a second factor is asked for."""
        self.go("/accounts/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("main").get_by_role("button", name="Sign in").click()
        if code:
            self.page.locator("[name=code]").fill(code)
            self.page.locator("[name=code]").press("Enter")
        self.page.locator(".account-menu").wait_for()
