"""A browser without a screen: it has cookies, follows links, and fills in forms as the page has them, with hidden fields.

It presses only what a person could press. So a form that lost a field, or a link that leads nowhere, is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

TIMEOUT = 60


class Refusal(Exception):
    """A page did not do what a person would expect."""


@dataclass
class Form:
    """A form of a page: where it goes, what it holds, what can be ticked, and the buttons that carry a name."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Page:
    """An answer: its address, status and source, read for forms, links and text."""

    url: str
    status: int
    source: str
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    loose: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def form(self, *, has: str) -> Form:
        """Return the form that has a field or button of this name."""
        for form in self.forms:
            if has in form.names:
                return form
        raise Refusal(f"{self.path} has no form with {has!r}: {self.summary()}")

    def form_to(self, pattern: str) -> Form:
        """Return the first form whose address matches."""
        for form in self.forms:
            if re.search(pattern, urlsplit(form.action).path):
                return form
        raise Refusal(f"{self.path} has no form to {pattern!r}: {self.summary()}")

    def link(self, pattern: str, *, asking: str = "") -> str:
        """Return the first link whose path matches, and whose query begins with what is asked."""
        for link in self.links:
            if re.search(pattern, urlsplit(link).path) and urlsplit(link).query.startswith(asking):
                return link
        raise Refusal(f"{self.path} has no link to {pattern!r}: {self.summary()}")

    def says(self, pattern: str) -> re.Match[str]:
        """Find a pattern in the text that the page shows."""
        found = re.search(pattern, self.text)
        if found is None:
            raise Refusal(f"{self.path} does not say {pattern!r}: {self.summary()}")
        return found

    def hidden(self, name: str) -> str:
        """Return the value of a field outside any form, such as in a part of a page."""
        for known, value in self.loose:
            if known == name:
                return value
        raise Refusal(f"{self.path} has no field {name!r}: {self.summary()}")

    def summary(self) -> str:
        return f"status {self.status}, “{self.text[:600]}”"


class _Reader(HTMLParser):
    """Read a page's forms, links and text."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self._by_id: dict[str, Form] = {}
        self._form: Form | None = None
        self._select: tuple[Form, str] | None = None
        self._area: tuple[Form, str] | None = None
        self._silent = 0
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        present = {name for name, _ in attrs}
        if "data-state" in present:
            self.page.states.append(given["data-state"])
        if tag in {"script", "style", "title"}:
            self._silent += 1
        elif tag == "a" and given.get("href"):
            self.page.links.append(urljoin(self.page.url, given["href"]))
        elif tag == "form":
            self._form = Form(
                urljoin(self.page.url, given.get("action", "")), given.get("method", "get").lower()
            )
            self.page.forms.append(self._form)
            if given.get("id"):
                self._by_id[given["id"]] = self._form
        else:
            self._control(tag, given, present)

    def _control(self, tag: str, given: dict[str, str], present: set[str]) -> None:
        form = self._by_id.get(given["form"]) if "form" in given else self._form
        name = given.get("name", "")
        if tag == "option" and self._select is not None:
            self._option(given, present)
            return
        if not name or "disabled" in present:
            return
        if form is None:
            self.page.loose.append((name, given.get("value", "")))
            return
        form.names.add(name)
        kind = given.get("type", "submit" if tag == "button" else "text")
        if tag == "select":
            self._select = (form, name)
        elif tag == "textarea":
            self._area = (form, name)
            form.values.append((name, ""))
        elif kind in {"submit", "image"}:
            form.buttons.append((name, given.get("value", "")))
        elif kind in {"checkbox", "radio"}:
            form.boxes.append((name, given.get("value", "on")))
            if "checked" in present:
                form.values.append((name, given.get("value", "on")))
        elif tag == "input" and kind != "file":
            form.values.append((name, given.get("value", "")))

    def _option(self, given: dict[str, str], present: set[str]) -> None:
        if self._select is None:
            return
        form, name = self._select
        chosen = any(known == name for known, _ in form.values)
        if "selected" in present and chosen:
            form.values = [(known, value) for known, value in form.values if known != name]
            chosen = False
        if not chosen:
            # If no option is chosen, a browser sends the first.
            form.values.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "title"}:
            self._silent -= 1
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            form, name = self._area
            form.values = [
                (known, value + data.lstrip("\n") if known == name else value) for known, value in form.values
            ]
        elif not self._silent and data.strip():
            self._words.append(data)

    def finish(self) -> None:
        self.page.text = " ".join(" ".join(self._words).split())


def read_page(url: str, status: int, source: str) -> Page:
    page = Page(url, status, source)
    reader = _Reader(page)
    reader.feed(source)
    reader.close()
    reader.finish()
    return page


class Browser:
    """One person's browser."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()
        # Ignore proxies from the environment: this machine talks to itself.
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()

    def open(self, path: str) -> Page:
        """Open a page. Anything but 200 raises Refusal."""
        answer = self.session.get(urljoin(self.address, path), timeout=TIMEOUT)
        return self._page(answer, "opening")

    def download(self, path: str) -> tuple[bytes, str]:
        answer = self.session.get(urljoin(self.address, path), timeout=TIMEOUT)
        if answer.status_code != 200:
            raise Refusal(f"downloading {path}: status {answer.status_code}")
        return answer.content, answer.headers.get("Content-Type", "")

    def status(self, path: str) -> int:
        """Return the status of a path's answer, without following redirects."""
        return self.session.get(
            urljoin(self.address, path), timeout=TIMEOUT, allow_redirects=False
        ).status_code

    def submit(
        self,
        form: Form,
        values: Mapping[str, str | Sequence[str]] | None = None,
        *,
        files: list[tuple[str, tuple[str, bytes, str]]] | None = None,
        button: str = "",
    ) -> Page:
        """Fill in and send a form. A page that comes back with errors raises Refusal. A list ticks several boxes of one name."""
        filled = dict(values or {})
        unknown = filled.keys() - form.names
        if unknown:
            raise Refusal(f"the form to {form.action} has no {', '.join(sorted(unknown))}")
        data = [(name, value) for name, value in form.values if name not in filled]
        for name, value in filled.items():
            data += [(name, value)] if isinstance(value, str) else [(name, each) for each in value]
        if button:
            pressed = next((one for one in form.buttons if one[0] == button), None)
            if pressed is None:
                raise Refusal(f"the form to {form.action} has no button {button!r}")
            data.append(pressed)
        if form.method == "get":
            answer = self.session.get(form.action, params=data, timeout=TIMEOUT)
        else:
            answer = self.session.post(
                form.action,
                data=data,
                files=files,
                headers={"Referer": form.action, "Origin": self.address},
                timeout=TIMEOUT,
            )
        return self._page(answer, "sending the form to")

    def post_part(self, form: Form, path: str) -> Page:
        """Send a form as it stands to another address, as htmx does for a part of the page."""
        answer = self.session.post(
            urljoin(self.address, path),
            data=form.values,
            headers={"Referer": form.action, "Origin": self.address, "HX-Request": "true"},
            timeout=TIMEOUT,
        )
        return self._page(answer, "sending the form to")

    def events(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the server-sent events (name, data) of a stream until it ends."""
        with self.session.get(
            urljoin(self.address, path), stream=True, timeout=TIMEOUT, headers={"Accept": "text/event-stream"}
        ) as answer:
            if answer.status_code != 200:
                raise Refusal(f"the events at {path}: status {answer.status_code}")
            name, lines = "message", list[str]()
            for raw in answer.iter_lines(chunk_size=1):
                line = bytes(raw).decode()
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    lines.append(line[5:].removeprefix(" "))
                elif not line and lines:
                    yield name, "\n".join(lines)
                    name, lines = "message", []

    def _page(self, answer: Any, what: str) -> Page:
        page = read_page(answer.url, answer.status_code, answer.text)
        if answer.status_code != 200:
            raise Refusal(f"{what} {urlsplit(answer.url).path}: {page.summary()}")
        return page
