"""The story of the market, walked over HTTP by people who sign up for it: `python -m market.stack.story`.

Every step fails loudly: it raises Refusal when a page, a price, a picture or an amount is not what it has to be.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from PIL import Image

from market.configuration import ROOT
from market.stack.browsing import Browser, Page, Refusal
from market.stack.demo_works import WorkSet, shipped_work_sets

Figures = dict[str, Any]

PASSWORD_BYTES = 12
PLUGIN_PRICE = 50_000
TOP_UP_EUROS = 10
PICTURES = 2
LONGEST_TRAINING = 1200.0
LONGEST_GENERATION = 600.0


@dataclass
class Outcome:
    """How one step of the story went."""

    name: str
    ok: bool
    seconds: float
    figures: Figures = field(default_factory=dict)

    def line(self) -> str:
        shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.figures.items())
        return f"{'ok    ' if self.ok else 'FAILED'}  {self.name:<34} {self.seconds:7.1f} s  {shown}"


class Story:
    """Steps, each timed, printed and kept; the first that fails ends it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.outcomes: list[Outcome] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Figures]:
        figures: Figures = {}
        started = time.monotonic()
        try:
            yield figures
        except Exception as problem:
            figures["problem"] = f"{type(problem).__name__}: {problem}"
            self._keep(Outcome(name, False, round(time.monotonic() - started, 2), figures))
            raise
        self._keep(Outcome(name, True, round(time.monotonic() - started, 2), figures))

    def _keep(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.say(outcome.line())

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(outcome) for outcome in self.outcomes]


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
        """Return the address in the newest mail to this person that has one of this pattern."""
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
    """Follow a job by its server-sent events to its end, as its page does; return the page then, and what was seen."""
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


def euros(text: str) -> int:
    """Read an amount such as €1.25 as micro-euros."""
    found = re.search(r"€\s?(-?[\d,]+(?:\.\d+)?)", text)
    if found is None:
        raise Refusal(f"no amount in “{text[:80]}”")
    whole, _, part = found[1].replace(",", "").partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0")[:6] or 0)


def amount(page: Page, pattern: str) -> int:
    return euros(page.says(pattern + r"[^€]*(€\s?[\d,.]+\d)")[1])


def tell(story: Story, address: str, data_dir: Path, works: WorkSet) -> None:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    tag = secrets.token_hex(3)
    mail = data_dir / "mail"
    artist = Visitor(Browser(address), "Ada Artist", f"ada-{tag}@example.org", password, mail)
    user = Visitor(Browser(address), "Uma User", f"uma-{tag}@example.org", password, mail)
    stranger = Visitor(Browser(address), "Sam Stranger", f"sam-{tag}@example.org", password, mail)

    with story.step("the artist signs up") as figures:
        artist.sign_up()
        artist.sign_out_and_in()
        artist.take_on("artist")
        figures["mails"] = len(list(mail.glob("*.log")))

    with story.step("rights to a concept are affirmed") as figures:
        page = artist.browser.open("/desk/concepts/new/")
        page = artist.browser.submit(
            page.form(has="aliases"),
            {"kind": works.kind, "name": works.name, "description": works.description},
        )
        page = artist.browser.submit(page.form(has="affirm"), {"affirm": "on"})
        concept = page.path
        figures["concept"] = works.name

    with story.step("works are uploaded") as figures:
        figures["works"] = upload_works(artist, concept, works)

    with story.step("a plug-in is trained") as figures:
        page = artist.browser.open(concept + "addition/")
        page = artist.browser.submit(
            page.form(has="price_micros"), {"price_micros": f"{PLUGIN_PRICE / 1e6:.2f}"}
        )
        page, seen = follow_job(artist.browser, page, within=LONGEST_TRAINING, say=story.say)
        figures |= seen

    with story.step("the plug-in is published") as figures:
        page = artist.browser.open(page.link(r"^/desk/plugins/\d+/$"))
        page = artist.browser.submit(page.form_to(r"/publish/$"))
        public = stranger.browser.open(page.link(r"^/plugins/[^/]+/$"))
        figures["price"] = public.says(r"€\s?[\d.]+\d")[0]
        slug = public.path.strip("/").split("/")[-1]

    with story.step("a user tops up") as figures:
        user.sign_up()
        figures["balance"] = top_up(user)

    with story.step("a price is quoted") as figures:
        studio = user.browser.open(f"/studio/?plugin={slug}")
        form = studio.form(has="prompt")
        form.values = [(name, str(PICTURES) if name == "count" else value) for name, value in form.values]
        quote = user.browser.post_part(form, "/studio/quote/")
        total = amount(quote, "Total")
        fee = amount(quote, works.name)
        if fee != PLUGIN_PRICE:
            raise Refusal(f"the plug-in costs {fee} a picture instead of {PLUGIN_PRICE}: {quote.summary()}")
        figures |= {"total": written(total), "pictures": PICTURES}
        agreed = quote.hidden("agreed")

    with story.step("pictures are generated") as figures:
        prompt = works.prompt
        form.values = [one for one in form.values if one[0] != "agreed"]
        form.names.add("agreed")
        page = user.browser.submit(form, {"prompt": prompt, "seed": "7", "agreed": agreed}, button="run")
        page, seen = follow_job(user.browser, page, within=LONGEST_GENERATION, say=story.say)
        pictures = list(
            dict.fromkeys(link for link in page.links if re.search(r"/pictures/[0-9a-f-]{36}/$", link))
        )
        if len(pictures) != PICTURES:
            raise Refusal(f"{len(pictures)} pictures instead of {PICTURES}: {page.summary()}")
        figures |= {**seen, **picture_figures(user, pictures)}

    with story.step("the artist is paid") as figures:
        picture = user.browser.open(pictures[0])
        credited = amount(picture, re.escape(artist.name))
        commission = PICTURES * PLUGIN_PRICE - credited
        if not 0 <= commission <= PICTURES * PLUGIN_PRICE // 2 or credited <= 0:
            raise Refusal(f"the artist got {credited} of {PICTURES * PLUGIN_PRICE}: {picture.summary()}")
        earnings = artist.browser.open("/earnings/")
        if written(credited) not in earnings.text.replace("€ ", "€"):
            raise Refusal(f"earnings do not show {written(credited)}: {earnings.summary()}")
        left = wallet(user)
        if left != TOP_UP_EUROS * 1_000_000 - total:
            raise Refusal(f"the user has {written(left)} left after paying {written(total)}")
        figures |= {"royalty": written(credited), "commission": written(commission), "left": written(left)}

    with story.step("a stranger sees none of it") as figures:
        stranger.sign_up()
        # An artist too, so that it is the owner that counts and not the role.
        stranger.take_on("artist")
        private = [pictures[0], pictures[0] + "file/", page.url, concept]
        for path in private:
            if stranger.browser.status(path) != 404:
                raise Refusal(f"a stranger gets {stranger.browser.status(path)} for {path}")
        figures["addresses_refused"] = len(private)

    with story.step("the ledger verifies") as figures:
        figures |= verify_ledger()

    with story.step("the artist verifies a statement") as figures:
        figures |= verify_statement(artist, data_dir)


def upload_works(artist: Visitor, concept: str, works: WorkSet) -> int:
    page = artist.browser.open(concept)
    files = [("files", (work.file.name, work.file.read_bytes(), "image/png")) for work in works.works]
    page = artist.browser.submit(page.form_to(r"/works/$"), files=files)
    page = artist.browser.open(concept)
    form = page.form_to(r"/captions/$")
    fields = [name for name, _ in form.values if name.startswith("caption-")]
    if len(fields) != len(works.works):
        raise Refusal(f"{len(fields)} of {len(works.works)} works were taken: {page.summary()}")
    # Works are listed in the order in which they were sent; their numbers tell.
    ordered = sorted(fields, key=lambda name: int(name.removeprefix("caption-")))
    captions = {name: work.caption for name, work in zip(ordered, works.works, strict=True)}
    artist.browser.submit(form, captions)
    return len(fields)


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


def picture_figures(user: Visitor, pictures: list[str]) -> Figures:
    """Open each picture's page and file; check that the files are pictures, and not all the same."""
    files = []
    for picture in pictures:
        user.browser.open(picture)
        content, kind = user.browser.download(picture + "file/")
        if kind != "image/png":
            raise Refusal(f"{picture} is sent as {kind}")
        files.append(content)
    sizes = []
    for content in files:
        with Image.open(io.BytesIO(content)) as opened:
            opened.load()
            sizes.append("{}x{}".format(*opened.size))
    if len(set(files)) != len(files):
        raise Refusal("two pictures of a run are the same")
    return {"pictures": len(files), "size": sizes[0]}


def verify_ledger() -> Figures:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "verify_ledger", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise Refusal(f"verify_ledger said: {done.stdout}{done.stderr}") from None
    if done.returncode or not result["ok"]:
        raise Refusal(f"the ledger does not verify: {done.stdout}")
    return dict(result["counts"])


def verify_statement(artist: Visitor, folder: Path) -> Figures:
    """Download the statement with its proof and verify it as the artist would: by a program of one file, offline."""
    listed = artist.browser.open("/earnings/statements/")
    files = {
        "statement.json": listed.link(r"/statements/[\d-]+\.json$"),
        "verify_statement.py": "/proof/verify_statement.py",
    }
    for name, address in files.items():
        folder.joinpath(name).write_bytes(artist.browser.download(address)[0])
    key = artist.browser.download("/proof/key")[0].decode().strip()
    command = [sys.executable, "-I", "verify_statement.py", "statement.json", "--key", key]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    right = run()
    if right.returncode or "VERIFIED." not in right.stdout:
        raise Refusal(f"verify_statement.py said: {right.stdout}{right.stderr}")
    kept = folder / "statement.json"
    kept.write_bytes(kept.read_bytes().replace(b'"total": ', b'"total": 1', 1))
    if run().returncode != 1:
        raise Refusal("verify_statement.py takes a changed statement for right")
    lines = re.search(r"(\d+) lines", right.stdout)
    return {"lines": int(lines[1]) if lines else 0, "a_changed_one": "refused"}


def written(micros: int) -> str:
    """Write micro-euros as the pages do."""
    whole, part = divmod(micros, 1_000_000)
    return f"€{whole:,}.{f'{part:06d}'[:2]}{f'{part:06d}'[2:].rstrip('0')}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m market.stack.story", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--outcomes", type=Path, required=True, help="where to write the steps as JSON")
    chosen = parser.parse_args(arguments)
    story = Story(lambda line: print(line, flush=True))
    try:
        tell(story, chosen.address, chosen.data_dir, shipped_work_sets()[0])
    except Exception as problem:
        if isinstance(problem, Refusal | OSError) or story.outcomes:
            print(f"          {type(problem).__name__}: {problem}", flush=True)
            return 1
        raise
    finally:
        chosen.outcomes.write_text(json.dumps(story.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
