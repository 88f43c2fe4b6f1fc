"""A whole market of its own: web server, worker and sweeper as real processes on a database made for it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
CONFIRM_LINK = re.compile(r"https?://\S+/accounts/confirm-email/\S+")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def make_database(server_url: str, name: str) -> str:
    """Make an empty database on the server of `server_url` and return its URL."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


@dataclass
class Site:
    """Starts on entering, stops on leaving. Everything it writes lies in `folder`."""

    folder: Path
    database_url: str
    broker_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "market.settings",
            "DATA_DIR": str(self.folder),
            "MEDIA_ROOT": str(self.folder / "media"),
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "EMAIL_URL": "file",
            "PORT": str(self.port),
            "DEVICE": "cpu",
            "SWEEP_SECONDS": "2",
            **self.settings,
        }

    def __enter__(self) -> Site:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "--verbosity=0")
        self.manage("collectstatic", "--noinput", "--verbosity=0")
        python = sys.executable
        try:
            self.start("web", [python, "-m", "uvicorn", "market.asgi:application", f"--port={self.port}"])
            self.start("worker", [python, "-m", "celery", "-A", "workers.app", "worker", "--loglevel=INFO"])
            self.start("sweeper", [python, "manage.py", "sweeper"])
            self.wait_for_web()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

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

    def start(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for_web(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):  # noqa: S310  # our own http address
                    return
            except (urllib.error.URLError, OSError) as error:
                if self.processes["web"].poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the web server does not answer ({error}):\n{self.log('web')}") from error
                time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def log(self, name: str, characters: int = 4000) -> str:
        """The end of a process's log, for the message of a failed test."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-characters:] if path.exists() else ""

    def confirmation_link(self, address: str, *, seconds: float = 15) -> str:
        """The link in the newest mail to `address`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for mail in sorted(self.folder.glob("mail/*.log"), key=lambda path: path.stat().st_mtime, reverse=True):
                text = mail.read_text(errors="replace")
                found = CONFIRM_LINK.findall(text)
                if f"To: {address}" in text and found:
                    return str(found[-1])
            time.sleep(0.1)
        raise AssertionError(f"no mail with a link to {address} in {self.folder / 'mail'}")
