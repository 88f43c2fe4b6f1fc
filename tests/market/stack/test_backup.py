"""A market that was backed up is restored elsewhere: database, files and keys, with the same ledger to the last bit."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from market import configuration
from market.accounts.models import User
from market.configuration import ROOT, Configuration
from market.ledger.models import TreeHead
from market.ledger.sealing import seal_some
from market.stack.backup import (
    DATABASE,
    FILES,
    KEYS,
    MANIFEST,
    BadBackup,
    Manifest,
    _part,
    back_up,
    check,
    database,
    forget_old,
    restore,
)
from tests.market.stage import EURO, top_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def market(tmp_path: Path, user: User) -> Configuration:
    """A deployment on the tests' database: money moved and sealed, files, keys."""
    for _ in range(3):
        top_up(user, EURO)
    while seal_some():
        pass
    folder = tmp_path / "from"
    media = folder / "media"
    (media / "pictures" / "a").mkdir(parents=True)
    (media / "pictures" / "a" / "1.png").write_bytes(b"a picture")
    (media / "jobs" / "previews" / "x").mkdir(parents=True)
    (media / "jobs" / "previews" / "x" / "1-1.png").write_bytes(b"of a moment")
    url = urlunsplit(
        urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    )
    return configuration.load({"DATA_DIR": str(folder), "DATABASE_URL": url})


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py on another deployment, which embeds its services."""
    known = {variable.name for variable in configuration.VARIABLES}
    clean = {name: value for name, value in os.environ.items() if name not in known}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean | {"DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_is_restored_into_an_empty_deployment_with_the_same_ledger(
    market: Configuration, tmp_path: Path, user: User
) -> None:
    head = TreeHead.objects.latest()
    folder = back_up(market, tmp_path / "backups")
    assert check(folder).root == bytes(head.root).hex()

    elsewhere = tmp_path / "to"
    done = command(elsewhere, "restore_backup", str(folder))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The ledger verifies." in done.stdout
    assert (elsewhere / "media" / "pictures" / "a" / "1.png").read_bytes() == b"a picture"
    assert not (elsewhere / "media" / "jobs").exists()
    for name in ("secret_key", "seal_key"):
        assert (elsewhere / name).read_text() == (market.data_dir / name).read_text()
        assert (elsewhere / name).stat().st_mode & 0o077 == 0
    with database(configuration.load({"DATA_DIR": str(elsewhere)})) as url, psycopg.connect(url) as restored:
        row = restored.execute(
            "SELECT size, root, checkpoint FROM ledger_treehead ORDER BY size DESC LIMIT 1"
        ).fetchone()
        people = restored.execute("SELECT email FROM accounts_user").fetchall()
    assert row == (head.size, bytes(head.root), head.checkpoint)
    assert (user.email,) in people

    again = command(elsewhere, "restore_backup", str(folder))
    assert again.returncode != 0
    assert "is not empty" in again.stderr
    assert (elsewhere / "media" / "pictures" / "a" / "1.png").exists()


@pytest.fixture
def backup(market: Configuration, tmp_path: Path) -> Path:
    return back_up(market, tmp_path / "backups")


def signed_again(backup: Path) -> None:
    """Make the manifest fit files that were changed on purpose."""
    held = Manifest.read(backup)
    parts = {name: _part(backup / name) for name in held.parts}
    Manifest(held.format, held.made, held.sealed, held.root, held.has_media, parts).write(backup)


def cut(backup: Path) -> None:
    dump = backup / DATABASE
    dump.write_bytes(dump.read_bytes()[:-1000])


def climb(backup: Path) -> None:
    with tarfile.open(backup / FILES, "w") as archive:
        entry = tarfile.TarInfo("../outside")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))
    signed_again(backup)


def link(backup: Path) -> None:
    with tarfile.open(backup / FILES, "w") as archive:
        entry = tarfile.TarInfo("pictures")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(entry)
    signed_again(backup)


def garble(backup: Path) -> None:
    (backup / DATABASE).write_bytes(b"no dump")
    signed_again(backup)


def garble_files(backup: Path) -> None:
    (backup / FILES).write_bytes(b"no archive" * 100)
    signed_again(backup)


def change(**values: Any) -> Callable[[Path], None]:
    def act(backup: Path) -> None:
        said = json.loads((backup / MANIFEST).read_text())
        (backup / MANIFEST).write_text(json.dumps(said | values))

    return act


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda backup: (backup / MANIFEST).unlink(), "is no backup"),
        (lambda backup: (backup / MANIFEST).write_text("{"), "cannot be read"),
        (lambda backup: (backup / MANIFEST).write_text("[]"), "cannot be read"),
        (change(format=2), "reads format 1"),
        (change(parts={"../x": {"bytes": 1, "sha256": ""}}), "names the files"),
        (lambda backup: (backup / FILES).unlink(), "is missing"),
        (cut, "is not the file that was backed up"),
        (garble, "pg_restore failed"),
        (garble_files, "cannot be read"),
        (climb, "nothing is restored"),
        (link, "nothing is restored"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_written(
    backup: Path, tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    harm(backup)
    elsewhere = configuration.load({"DATA_DIR": str(tmp_path / "to")})

    with pytest.raises(BadBackup, match=said):
        restore(elsewhere, backup)

    assert not (tmp_path / "to").exists()


def test_another_key_in_the_environment_is_refused(backup: Path, tmp_path: Path) -> None:
    elsewhere = configuration.load({"DATA_DIR": str(tmp_path / "to"), "SEAL_KEY": "5" * 64})

    with pytest.raises(BadBackup, match="SEAL_KEY is set to another key"):
        restore(elsewhere, backup)


def test_a_database_with_tables_is_left_as_it_is(market: Configuration, backup: Path, tmp_path: Path) -> None:
    full = configuration.load({"DATA_DIR": str(tmp_path / "to"), "DATABASE_URL": market.text("DATABASE_URL")})

    with pytest.raises(BadBackup, match="the database is not empty"):
        restore(full, backup)

    assert not (tmp_path / "to").exists()


def test_keys_stay_out_where_that_is_asked_for_and_are_private_else(
    market: Configuration, backup: Path, tmp_path: Path
) -> None:
    assert (backup / KEYS).stat().st_mode & 0o077 == 0
    without = back_up(market, tmp_path / "others", with_keys=False)
    assert not (without / KEYS).exists()
    assert check(without).parts.keys() == {DATABASE, FILES}


def test_old_backups_go_and_nothing_else_does(tmp_path: Path) -> None:
    for day in range(1, 5):
        folder = tmp_path / f"market-2026-11-0{day}T00-00-00Z"
        folder.mkdir()
        (folder / MANIFEST).write_text("{}")
    (tmp_path / "market-notes").mkdir()

    assert len(forget_old(tmp_path, 2)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "market-2026-11-03T00-00-00Z",
        "market-2026-11-04T00-00-00Z",
        "market-notes",
    ]


def test_a_backup_that_fails_leaves_nothing(market: Configuration, tmp_path: Path) -> None:
    nowhere = configuration.load(
        {"DATA_DIR": str(tmp_path / "x"), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    )

    with pytest.raises((BadBackup, psycopg.OperationalError)):
        back_up(nowhere, tmp_path / "backups")

    assert list((tmp_path / "backups").iterdir()) == []
