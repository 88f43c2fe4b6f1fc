"""A PostgreSQL in which the migrations ran, kept from run to run in `.pytest_cache`: migrating takes longer than hundreds of tests.

It is made anew whenever a migration, its SQL, the settings or a requirement changed. Every run works on a copy, in which each process of the tests
has a database that is copied from the migrated one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from market import configuration
from market.configuration import ROOT
from market.stack.embedded import Postgres, other_user, start_alone

DATABASE = "migrated"
KEPT = ROOT / ".pytest_cache" / "postgres"


def data() -> Path:
    """Give the data directory of a server that is not running and has the migrated database; never start one on it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / _state()
    with (KEPT / "lock").open("w") as lock:
        # A run beside this one may be making it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in KEPT.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(kept)
    return kept


def copy_to(folder: Path) -> None:
    """Give a server such a data directory of its own."""
    shutil.copytree(data(), folder)
    if owner := other_user():
        for path in folder.rglob("*"):
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _state() -> str:
    """Name all that decides what a migrated database is like. Django itself adds what comes with a model, such as its permissions."""
    said = [f"{sys.version_info[:2]}"]
    for path in sorted([
        *ROOT.glob("market/*/migrations/*.py"), *ROOT.glob("market/*/sql/*.sql"), ROOT / "market" / "sql.py",
        ROOT / "market" / "settings.py", ROOT / "market" / "stack" / "embedded.py", ROOT / "requirements.txt", Path(__file__),
    ]):  # fmt: skip
        said.append(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _make(kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="market-migrated-") as scratch:
        folder = Path(scratch)
        postgres = Postgres(folder / "postgres", folder / "run", durable=False)
        process = start_alone(postgres, folder / "postgres.log")
        try:
            _migrate(postgres, folder)
        finally:
            process.send_signal(postgres.stop_signal)
            process.wait(timeout=60)
        draft = kept.with_suffix(".new")
        shutil.copytree(postgres.data, draft)
        draft.rename(kept)


def _migrate(postgres: Postgres, folder: Path) -> None:
    with psycopg.connect(postgres.url(role="postgres", database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {postgres.owner}")
        known = {variable.name for variable in configuration.VARIABLES}
        environment = {name: value for name, value in os.environ.items() if name not in known} | {
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": postgres.url(role=postgres.owner, database=DATABASE),
        }
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the migrations failed:\n{done.stdout}{done.stderr}")
        # Nobody connects to it any more, so that it can be copied at any time.
        connection.execute(f"ALTER DATABASE {DATABASE} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")
