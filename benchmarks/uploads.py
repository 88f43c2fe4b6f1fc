"""What pages take while strangers upload: twenty flat pictures of six million pixels side by side, of one account and of twenty.

A market of its own, as `./run` starts it, with one web process. Whoever uploads begins again as soon as there is an answer, whatever it
was. Pages are asked for one after the other, by a visitor and by an artist; the peer is the same without uploads.
"""

import io
import itertools
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

from benchmarks.report import Report
from market.configuration import ROOT, VARIABLES

MOST = 300.0  # milliseconds, at the 95th percentile
UPLOADS = 20
PICTURES = 60
SIDE = 2500
SECONDS, QUICK_SECONDS = 60, 15
READY_WITHIN = 600.0
TIMEOUT = 300.0

_PEOPLE = """
import json
from django.conf import settings
from django.test import Client
from market.accounts.models import Role, User
from market.catalog.models import Concept
people = []
for number in range({count}):
    person = User.objects.create_user(f"uploader{{number}}@example.org", None, display_name=f"Artist {{number}}", roles=[Role.ARTIST])
    concept = Concept.objects.create(artist=person, name="Ink", kind="style")
    concept.affirm_rights(person)
    client = Client()
    client.force_login(person)
    people.append((client.cookies[settings.SESSION_COOKIE_NAME].value, concept.get_absolute_url()))
print(json.dumps(people))
"""


def measure(report: Report, _: Path) -> None:
    seconds = QUICK_SECONDS if report.quick else SECONDS
    # Drawn before: drawing them takes a core, which is not the market's to lose.
    pictures = [_flat(number) for number in range(PICTURES)]
    with tempfile.TemporaryDirectory(prefix="market-bench-") as folder, _market(Path(folder)) as market:
        people = market.people(UPLOADS)
        alone = market.pages(people[0], seconds)
        for name, senders in (("one_account", people[1:2] * UPLOADS), ("twenty_accounts", people)):
            with market.uploading(senders, pictures) as answers:
                beside = market.pages(people[0], seconds)
                memory = market.memory()
            report.details[name] = {"uploads": dict(answers), "pages": len(beside.milliseconds)}
            report.add(
                f"page_ms_p95_{name}", beside.p95, target=MOST, at_least=False, peer=alone.p95,
                note=f"{UPLOADS} uploads side by side; answers {dict(sorted(answers.items()))}",
            )  # fmt: skip
            report.add(
                f"failed_{name}", beside.failed + sum(n for status, n in answers.items() if status == 500),
                target=0, at_least=False,
            )  # fmt: skip
            report.add(f"web_gigabytes_{name}", memory / 1e9, note="the web process and its children")


@dataclass(frozen=True)
class Pages:
    """How long pages took, and how many did not come."""

    milliseconds: list[float]
    failed: int

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.milliseconds, n=20)[-1]


@dataclass(frozen=True)
class Person:
    session: str
    concept: str


@dataclass
class _Market:
    address: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]

    def people(self, count: int) -> list[Person]:
        command = [
            sys.executable,
            "manage.py",
            "shell",
            "--verbosity",
            "0",
            "-c",
            _PEOPLE.format(count=count),
        ]
        made = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, check=True)
        return [Person(*each) for each in json.loads(made.stdout.splitlines()[-1])]

    def browser(self, person: Person) -> requests.Session:
        browser = requests.Session()
        browser.cookies.set("session", person.session)
        return browser

    def pages(self, person: Person, seconds: int) -> Pages:
        """Ask for pages for so long, one after the other."""
        addresses = [
            (requests.Session(), "/"),
            (self.browser(person), "/desk/"),
            (self.browser(person), person.concept),
        ]
        took, failed, until = [], 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for browser, path in addresses:
                begun = time.monotonic()
                answer = browser.get(self.address + path, timeout=TIMEOUT)
                took.append(1000 * (time.monotonic() - begun))
                failed += answer.status_code != 200
            time.sleep(0.05)
        return Pages(took, failed)

    @contextmanager
    def uploading(self, senders: list[Person], pictures: list[bytes]) -> Iterator[Counter[int]]:
        """Have each of these upload, again and again, from a process of their own; count their answers by status."""
        counted: Counter[int] = Counter()
        apart = multiprocessing.get_context("spawn")
        ended, answers = apart.Event(), apart.SimpleQueue()
        process = apart.Process(target=_upload_all, args=(self.address, senders, pictures, ended, answers))
        process.start()
        time.sleep(5)  # until it has begun
        try:
            yield counted
        finally:
            ended.set()
            counted.update(answers.get())
            process.join()

    def memory(self) -> int:
        """Add up what the web server's processes hold now."""
        stack = psutil.Process(self.process.pid)
        web = [each for each in stack.children(recursive=True) if _is_web(each)]
        return sum(each.memory_info().rss for each in web)


def _upload_all(address: str, senders: list[Person], pictures: list[bytes], ended: Any, answers: Any) -> None:
    """Upload as each of the senders, side by side, until it has ended; then say all answers' statuses."""
    found: list[int] = []
    threads = [
        threading.Thread(
            target=_upload, args=(address, person, pictures[number:] + pictures[:number], ended, found)
        )
        for number, person in enumerate(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(found)


def _upload(address: str, person: Person, pictures: list[bytes], ended: Any, answers: list[int]) -> None:
    browser = requests.Session()
    browser.cookies.set("session", person.session)
    token = _token(browser.get(address + person.concept, timeout=TIMEOUT).text)
    for picture in itertools.cycle(pictures):
        if ended.is_set():
            return
        answer = browser.post(
            f"{address}{person.concept}works/",
            data={"csrfmiddlewaretoken": token},
            files={"files": ("work.png", picture, "image/png")},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
        answers.append(answer.status_code)


def _is_web(process: psutil.Process) -> bool:
    command = " ".join(process.cmdline())
    return "uvicorn" in command or "market.decoding.child" in command


def _token(page: str) -> str:
    return page.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]


def _flat(number: int) -> bytes:
    """Draw a large picture of two colours, another for each number, that has some 30 kB."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    picture.paste((number % 200, number // 200 % 200, 90), (100, 100, 1200, 100 + 7 * (number % 300) + 50))
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


@contextmanager
def _market(folder: Path) -> Iterator[_Market]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {variable.name for variable in VARIABLES}
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {"DATA_DIR": str(folder), "PORT": str(port), "DEVICE": "cpu", "WORKERS": "1"}
    with (folder / "stack.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "market.stack"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield _Market(address, environment, process)
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(address + "/readyz", timeout=5).ok:
                return
        time.sleep(0.5)
    raise RuntimeError("the market did not start")
