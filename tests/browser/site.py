"""A whole market of its own, started the way `./run` starts it: web server, worker and sweeper as real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from market import configuration
from tests import migrated
from tests.browser.chromium import free_port

ROOT = Path(__file__).resolve().parents[2]
CONFIRM_LINK = re.compile(r"https?://\S+/accounts/confirm-email/\S+")


def make_database(server_url: str, name: str) -> str:
    """Make a database without rows, a copy of the migrated one, on the tests' server and return its URL."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(migrated.DATABASE)
            )
        )
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


@dataclass
class Site:
    """Starts on entering, stops on leaving. Everything it writes lies in `folder`.

    Without DATABASE_URL and BROKER_URL in `settings` it brings its own PostgreSQL and Valkey.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        # No variable of the developer may lead us to their database or files.
        known = {variable.name for variable in configuration.VARIABLES}
        clean = {name: value for name, value in os.environ.items() if name not in known}
        return clean | {
            "DATA_DIR": str(self.folder),
            "PORT": str(self.port),
            "DEVICE": "cpu",
            "WORKERS": "1",
            # The tests beside it use the other core: two processes that both want every core wait for each other.
            "OMP_NUM_THREADS": "1",
            **self.settings,
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "stack.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "market.stack"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):  # noqa: S310  # our own http address
                    return
            except OSError as error:
                ended = self.process is None or self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise RuntimeError(f"the market does not get ready ({error}):\n{self.log()}") from error
                time.sleep(0.2)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self, characters: int = 6000) -> str:
        """The ends of all logs, for the message of a failed test."""
        paths = [self.folder / "stack.log", *sorted(self.folder.glob("log/*"))]
        ends = [
            f"--- {path.name}\n{path.read_text(errors='replace')[-characters:]}"
            for path in paths
            if path.is_file()
        ]
        return "\n".join(ends)

    def manage(self, *arguments: str) -> str:
        """Run a management command against this site and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def demo_password(self) -> str:
        """The password of the people that the first start seeded."""
        first = (self.folder / "demo-accounts.txt").read_text().splitlines()[0]
        return first.rsplit(maxsplit=1)[-1]

    def demo_codes(self) -> list[str]:
        """The codes of the demo's admin, each good for one sign-in."""
        return re.findall(r"\b\d{8}\b", (self.folder / "demo-accounts.txt").read_text())

    def confirmation_link(self, address: str, *, seconds: float = 15) -> str:
        """The link in the newest mail to `address`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for mail in sorted(
                self.folder.glob("mail/*"), key=lambda path: path.stat().st_mtime_ns, reverse=True
            ):
                text = mail.read_text(errors="replace")
                found = CONFIRM_LINK.findall(text)
                if f"To: {address}" in text and found:
                    return str(found[-1])
            time.sleep(0.1)
        raise AssertionError(f"no mail with a link to {address} in {self.folder / 'mail'}")
