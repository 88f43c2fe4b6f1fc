"""What a stack consists of, and how it is started until /readyz answers."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from market.configuration import ROOT, Configuration
from market.stack.embedded import EmbeddedService, Postgres, StackError, embedded
from market.stack.leftovers import MARK, Record, end
from market.stack.lock import StackLock
from market.stack.supervisor import Child, Stopped, Supervisor

# Connections that a web process may hold: as many as it has threads for views.
WEB_CONNECTIONS = "16"

# Far longer than a start takes: on a busy machine it is slow, not broken.
READY_WITHIN = 600.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stack:
    """A running market: where it answers, and the supervisor that keeps it."""

    address: str
    supervisor: Supervisor


def say(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # Nobody reads our output any more; the market continues.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123


def check_port_is_free(config: Configuration) -> None:
    address, port = config.text("BIND_ADDRESS"), config.number("PORT")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as refused:
            raise StackError(
                f"Cannot listen on {address}, port {port}: {refused.strerror}. "
                f"Choose another: PORT={port + 1 if port < 65535 else 8000} ./run"
            ) from refused


def local_address(config: Configuration) -> str:
    """Return the address at which this machine reaches its own web server, whatever PUBLIC_URL says."""
    address = config.text("BIND_ADDRESS")
    if address in {"0.0.0.0", "::", ""}:  # noqa: S104, compared, not bound
        address = "127.0.0.1"
    return f"http://{f'[{address}]' if ':' in address else address}:{config.number('PORT')}"


def web(config: Configuration, environment: Mapping[str, str]) -> Child:
    command = [
        *(sys.executable, "-m", "uvicorn", "market.asgi:application"),
        *("--host", config.text("BIND_ADDRESS"), "--port", str(config.number("PORT"))),
        *("--workers", str(config.number("WEB_WORKERS"))),
        # httptools takes headers of any length; h11 ends the connection at this many bytes.
        *("--http", "h11", "--h11-max-incomplete-event-size", "32768"),
        *("--proxy-headers", "--forwarded-allow-ips", ",".join(config.words("FORWARDED_ALLOW_IPS"))),
        *("--timeout-graceful-shutdown", "3", "--lifespan", "off", "--no-server-header"),
        *("--log-level", "info" if config.flag("DEBUG") else "warning"),
    ]
    pool = environment.get("DATABASE_POOL") or os.environ.get("DATABASE_POOL") or WEB_CONNECTIONS
    return Child("web", command, {**environment, "DATABASE_POOL": pool}, patience=8)


def worker(number: int, environment: Mapping[str, str]) -> Child:
    """Return a Celery worker. The first does every kind of job; further ones draw only pictures, for which people wait."""
    command = [
        *(sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"),
        *("--hostname", f"worker{number}@%h", "--concurrency", "1", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle"),
        *(("-Q", "generation") if number > 1 else ()),
    ]
    # Celery warns of root because of pickled messages; ours are JSON, and say only that there is work.
    quiet = {"PYTHONWARNINGS": "ignore::Warning:celery.platforms"} if os.geteuid() == 0 else {}
    return Child(f"worker{number}", command, {**environment, **quiet}, patience=20)


def sweeper(config: Configuration, environment: Mapping[str, str]) -> Child:
    command = manage("sweeper", "--interval", str(config.number("SWEEP_SECONDS")))
    return Child("sweeper", command, environment, patience=5)


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def service(one: EmbeddedService) -> Child:
    return Child(
        one.name,
        one.command(),
        identity=one.identity(),
        prepare=one.prepare,
        stop_signal=one.stop_signal,
        patience=40,
        shown=False,
    )


@contextmanager
def running_stack(
    config: Configuration, *, seed: bool, verbose: bool, announce: Say = say
) -> Iterator[Stack]:
    """Start a stack, give it, and stop it in order however the body ends."""
    data_dir = config.data_dir
    lock = StackLock(data_dir)
    lock.acquire(config.public_url)
    supervisor = Supervisor(data_dir, say=announce, verbose=verbose)
    supervisor.catch_signals()
    try:
        bring_up(config, supervisor, seed=seed, announce=announce)
        yield Stack(local_address(config), supervisor)
    finally:
        if supervisor.running:
            announce("Stopping.")
        supervisor.stop()
        lock.release()


def bring_up(config: Configuration, supervisor: Supervisor, *, seed: bool, announce: Say) -> None:
    data_dir = config.data_dir
    ended = end(Record(data_dir).alive())
    services = embedded(
        data_dir, postgres=not config.text("DATABASE_URL"), valkey=not config.text("BROKER_URL")
    )
    ended += end_orphan_postgres(services)
    if ended:
        announce(f"  ended {ended} processes that a killed market had left")
    check_port_is_free(config)
    environment = {
        MARK: str(data_dir),
        "DATA_DIR": str(data_dir),
        "PORT": str(config.number("PORT")),
        "PYTHONUNBUFFERED": "1",
    }

    for one in services:
        with step(announce, one.name):
            supervisor.start(service(one))
            supervisor.wait_for(one.is_ready, what="starting it", names=[one.name], seconds=120)
            one.set_up()
    with step(announce, "database and static files" + (", demo on the first start" if seed else "")):
        arguments = ["--seed"] if seed else []
        as_owner: dict[str, str] = {}
        for one in services:
            if isinstance(one, Postgres):
                arguments += ["--forget-workers", "--application-role", one.role]
                as_owner = {"DATABASE_URL": one.url(role=one.owner)}
        command = manage("prepare", *arguments)
        supervisor.run_once(Child("prepare", command, {**environment, **as_owner}, shown=False))
    with step(announce, "web, worker and sweeper"):
        supervisor.start(worker(1, environment))
        supervisor.start(sweeper(config, environment))
        supervisor.start(web(config, environment))
        ready = Readiness(local_address(config), announce)
        supervisor.wait_for(
            ready, what="waiting for /readyz", names=["worker1", "sweeper", "web"], seconds=READY_WITHIN
        )
    # Only now, so that loading a second copy of torch does not slow the first.
    for number in range(2, config.number("WORKERS") + 1):
        supervisor.start(worker(number, environment))


def end_orphan_postgres(services: Any) -> int:
    orphans = [one.running_pid() for one in services if isinstance(one, Postgres)]
    return end([psutil.Process(pid) for pid in orphans if pid])


class Readiness:
    """Ask /readyz repeatedly, and say from time to time what is still missing."""

    def __init__(self, address: str, announce: Say, *, every: float = 0.3, told_every: float = 15.0) -> None:
        self.address = address
        self.announce = announce
        self.every = every
        self.told_every = told_every
        self.asked = 0.0
        self.told = time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self.asked < self.every:
            return False
        answer = ask(self.address + "/readyz")
        self.asked = time.monotonic()
        if not answer.get("ok") and self.asked - self.told > self.told_every:
            self.told = self.asked
            missing = [name for name, check in answer.get("checks", {}).items() if not check.get("ok")]
            self.announce(f"    still waiting for {', '.join(missing) or 'the web server'}")
        return bool(answer.get("ok"))


def ask(url: str) -> dict[str, Any]:
    """Return the JSON answer of a health address, {} while nobody answers."""
    # The host header names loopback, which is always allowed; health addresses are not redirected to https.
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310, our own address
            return dict(json.load(response))
    except urllib.error.HTTPError as refused:
        try:
            return dict(json.load(refused))
        except ValueError:
            return {}
    except (OSError, ValueError):
        return {}


@contextmanager
def step(announce: Say, what: str) -> Iterator[None]:
    started = time.monotonic()
    announce(f"  {what} ...")
    yield
    announce(f"  {what}: {time.monotonic() - started:.1f} s")


def serve(config: Configuration) -> int:
    """Run the market until Ctrl-C or SIGTERM. Returns the exit code."""
    started = time.monotonic()
    say(f"Starting the market in {config.data_dir}")
    try:
        with running_stack(config, seed=True, verbose=True) as stack:
            say("")
            say(f"The market is ready after {time.monotonic() - started:.1f} s:  {config.public_url}")
            say(accounts(config))
            say(
                f"Logs are in {config.data_dir / 'log'}, mail in {config.data_dir / 'mail'}. Ctrl-C stops everything."
            )
            while not stack.supervisor.stop_asked:
                stack.supervisor.tick()
    except Stopped:
        say("Stopped before it was ready.")
        return 130
    say("Stopped.")
    return 0


def accounts(config: Configuration) -> str:
    """Return the demo people with their passwords, which the seeding wrote for the owner of the data directory."""
    kept = config.data_dir / "demo-accounts.txt"
    try:
        return kept.read_text()
    except OSError:
        return ""
