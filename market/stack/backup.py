"""Backups of a whole market: database, files and keys, in one folder that can be checked and restored.

The database is dumped first and the files are copied after it. A file without a row is clutter, but a row without its file is a
lost picture. The manifest lists what the backup contains, with the head of the ledger's tree. A restored ledger must have that
same head.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from market import services
from market.configuration import Configuration
from market.stack.embedded import EXTENSIONS, Postgres, postgres_programs, start_alone

FORMAT = 1
MANIFEST, DATABASE, FILES, KEYS = "manifest.json", "database.dump", "media.tar", "keys.json"
PREFIX = "market-"
PASSING = "jobs/previews/"  # temporary files


class BadBackup(Exception):
    """Something is wrong with a backup, or with the place it should go to. The message says what."""


@dataclass(frozen=True)
class Part:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup contains. The ledger's head is its tree's size and root; "" if nothing was sealed yet."""

    format: int
    made: str
    sealed: int
    root: str
    has_media: bool
    parts: dict[str, Part]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a backup's manifest. Raises BadBackup."""
        path = folder / MANIFEST
        try:
            said = json.loads(path.read_text())
            parts = {
                name: Part(int(part["bytes"]), str(part["sha256"])) for name, part in said["parts"].items()
            }
            found = cls(
                int(said["format"]),
                str(said["made"]),
                int(said["sealed"]),
                str(said["root"]),
                bool(said["has_media"]),
                parts,
            )
        except FileNotFoundError as missing:
            raise BadBackup(f"{folder} is no backup: expected a file {MANIFEST} in it") from missing
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise BadBackup(f"{path} cannot be read: {wrong}") from wrong
        if found.format != FORMAT:
            raise BadBackup(f"{path} is of format {found.format}; this version reads format {FORMAT}")
        if DATABASE not in found.parts or set(found.parts) - {DATABASE, FILES, KEYS}:
            raise BadBackup(
                f"{path} names the files {sorted(found.parts)}; expected {DATABASE}, {FILES} and {KEYS}"
            )
        return found

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n")


def back_up(config: Configuration, into: Path, *, with_keys: bool = True) -> Path:
    """Make a backup in a new folder under ``into``, check it, and give it. Raises BadBackup, and then leaves nothing behind."""
    made = datetime.now(UTC)
    folder = into / f"{PREFIX}{made:%Y-%m-%dT%H-%M-%SZ}"
    into.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".backup-", dir=into))
    try:
        with database(config) as url:
            sealed, root = _dump(url, draft / DATABASE)
        names = [DATABASE]
        has_media = not config.text("S3_BUCKET")
        if has_media:
            _pack(config.media_root, draft / FILES)
            names.append(FILES)
        if with_keys:
            _write_keys(config, draft / KEYS)
            names.append(KEYS)
        parts = {name: _part(draft / name) for name in names}
        Manifest(FORMAT, made.isoformat(timespec="seconds"), sealed, root, has_media, parts).write(draft)
        check(draft)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder


def check(folder: Path) -> Manifest:
    """Compare every file of a backup with its manifest, and check that dump and archive can be read. Raises BadBackup."""
    manifest = Manifest.read(folder)
    for name, expected in manifest.parts.items():
        if not (folder / name).is_file():
            raise BadBackup(f"{folder / name} is missing")
        if _part(folder / name) != expected:
            raise BadBackup(
                f"{folder / name} is not the file that was backed up: its size or its hash is another"
            )
    _contents(folder / DATABASE)
    if manifest.has_media:
        try:
            with tarfile.open(folder / FILES) as archive:
                for member in archive:
                    _require_plain(member)
        except tarfile.TarError as wrong:
            raise BadBackup(f"{folder / FILES} cannot be read: {wrong}") from wrong
    return manifest


def restore(config: Configuration, folder: Path) -> Manifest:
    """Bring a backup into an empty database and an empty folder of files, with its keys. Raises BadBackup.

    The caller makes sure that no market runs there. A place that is not empty is refused before anything is written.
    """
    manifest = check(folder)
    media = config.media_root
    if manifest.has_media and media.is_dir() and any(media.iterdir()):
        raise BadBackup(f"{media} is not empty: move it away, or choose another with MEDIA_ROOT")
    if KEYS in manifest.parts:
        _require_same_keys(config, folder / KEYS)
    with database(config) as url:
        _require_empty(url)
        _load(url, folder / DATABASE)
        sealed, root = _head(url)
    if (sealed, root) != (manifest.sealed, manifest.root):
        raise BadBackup(
            f"the restored ledger has {sealed} sealed transfers with the root {root or 'none'}; the backup has {manifest.sealed} "
            f"with {manifest.root or 'none'}"
        )
    if manifest.has_media:
        media.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tarfile.open(folder / FILES) as archive:
            archive.extractall(media, filter="data")
    if KEYS in manifest.parts:
        _put_keys(config, folder / KEYS)
    return manifest


def forget_old(into: Path, keep: int) -> list[Path]:
    """Delete all but the newest ``keep`` backups in a folder, and give the deleted ones. Nothing else in it is touched."""
    found = sorted(path for path in into.glob(f"{PREFIX}*") if (path / MANIFEST).is_file())
    old = found[:-keep]
    for path in old:
        shutil.rmtree(path)
    return old


@contextmanager
def database(config: Configuration) -> Iterator[str]:
    """Give the URL of the market's database, as its owner. Start the embedded server if it does not run."""
    url = config.text("DATABASE_URL")
    if url:
        yield url
        return
    server = Postgres(config.data_dir / "postgres", services.postgres_socket_folder(config.data_dir))
    if server.running_pid() is not None:
        yield server.url(role=server.owner)
        return
    log = config.data_dir / "log" / "postgres-for-backup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = start_alone(server, log)
    try:
        yield server.url(role=server.owner)
    finally:
        process.send_signal(server.stop_signal)
        process.wait(timeout=60)


def _dump(url: str, into: Path) -> tuple[int, str]:
    """Dump the database, and give the size and root of the ledger's tree at the very moment of the dump."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        head = _head_in(connection)
        snapshot = str(row[0]) if row else ""
        _run(
            "pg_dump",
            url,
            "--format=custom",
            "--no-owner",
            "--no-acl",
            f"--snapshot={snapshot}",
            f"--file={into}",
        )
    return head


def _load(url: str, dump: Path) -> None:
    """Fill an empty database. Existing extensions belong to a superuser and are left as they are."""
    there = _extensions(url)
    kept = [
        line
        for line in _contents(dump)
        if " COMMENT - EXTENSION " not in line
        and not (" EXTENSION - " in line and line.split(" EXTENSION - ")[1].strip() in there)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
        listed.write("\n".join(kept))
        listed.flush()
        _run(
            "pg_restore",
            url,
            "--no-owner",
            "--no-acl",
            "--single-transaction",
            f"--use-list={listed.name}",
            str(dump),
        )


def _extensions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {str(name) for (name,) in connection.execute("SELECT extname FROM pg_extension")}


def _contents(dump: Path) -> list[str]:
    return _run("pg_restore", None, "--list", str(dump)).splitlines()


def _run(program: str, url: str | None, *arguments: str) -> str:
    """Run one of PostgreSQL's programs. The password is passed in the environment: everybody can see arguments."""
    environment = dict(os.environ)
    command = [_path_of(program), *arguments]
    if url is not None:
        said = conninfo_to_dict(url)
        environment["PGPASSWORD"] = str(said.pop("password", "") or environment.get("PGPASSWORD", ""))
        command.append(f"--dbname={make_conninfo('', **said)}")
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BadBackup(f"{program} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _path_of(program: str) -> str:
    """Prefer the programs that come with the embedded server: they have the newest version that the market knows."""
    ours = postgres_programs() / program
    return str(ours) if ours.exists() else shutil.which(program) or program


def _head(url: str) -> tuple[int, str]:
    with psycopg.connect(url) as connection:
        return _head_in(connection)


def _head_in(connection: psycopg.Connection[Any]) -> tuple[int, str]:
    found = connection.execute("SELECT size, root FROM ledger_treehead ORDER BY size DESC LIMIT 1").fetchone()
    return (int(found[0]), bytes(found[1]).hex()) if found else (0, "")


def _require_empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    missing = sorted(set(EXTENSIONS) - _extensions(url))
    if found and found[0]:
        raise BadBackup(
            f"the database is not empty: it has {found[0]} tables. Restore into a new one, named by DATABASE_URL or DATA_DIR"
        )
    if missing:
        raise BadBackup(
            f"the database lacks {', '.join(missing)}: a superuser has to run CREATE EXTENSION for each"
        )


def _pack(media: Path, into: Path) -> None:
    """Put the files into one archive. A file that disappears meanwhile (a deleted picture, an old preview) is left out."""
    with tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(media.rglob("*")) if media.is_dir() else []:
            name = path.relative_to(media).as_posix()
            if path.is_symlink() or not path.is_file() or name.startswith(PASSING):
                continue
            try:
                archive.add(path, name, recursive=False)
            except FileNotFoundError:
                continue


def _require_plain(member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if not member.isfile() or name.is_absolute() or ".." in name.parts:
        raise BadBackup(
            f"the archive of files holds {member.name!r}, which the market does not make: nothing is restored"
        )


def _write_keys(config: Configuration, path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(_keys(config), indent=2) + "\n")


def _keys(config: Configuration) -> dict[str, str]:
    return {
        "SECRET_KEY": config.text("SECRET_KEY") or services.kept_secret_key(config.data_dir),
        "SEAL_KEY": config.text("SEAL_KEY") or services.kept_seal_key(config.data_dir),
    }


def _require_same_keys(config: Configuration, path: Path) -> None:
    """Refuse keys in the environment that differ from the backup's. Keys in DATA_DIR are written later."""
    held = _read_keys(path)
    for name, value in held.items():
        if config.text(name) and config.text(name) != value:
            raise BadBackup(
                f"{name} is set to another key than the backup's: statements signed so far would no longer verify. Set it to the "
                f"one in {path}, or unset it"
            )


def _put_keys(config: Configuration, path: Path) -> None:
    held = _read_keys(path)
    for name, file in services.KEY_FILES.items():
        if not config.text(name):
            target = config.data_dir / file
            target.unlink(missing_ok=True)
            target.touch(mode=0o600)
            target.write_text(held[name])


def _read_keys(path: Path) -> dict[str, str]:
    try:
        said = json.loads(path.read_text())
        return {name: str(said[name]) for name in services.KEY_FILES}
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise BadBackup(f"{path} cannot be read: {wrong}") from wrong


def _part(path: Path) -> Part:
    with path.open("rb") as file:
        return Part(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
