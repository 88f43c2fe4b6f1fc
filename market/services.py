"""Turn the configuration into the settings of outside services: database, broker, cache, files, mail, logs.

If DATABASE_URL or BROKER_URL is unset, the settings name the embedded services of the same data directory, which market.stack
starts. So `python manage.py shell` finds them too.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from market.configuration import Configuration

# sun_path holds 104 bytes on the BSDs and 108 on Linux; the longest name in the folder is ".s.PGSQL.5432.lock".
SOCKET_FOLDER_LIMIT = 80

DATABASE_NAME = "market"
# The embedded application's role, which cannot write the ledger's tables; and the role that owns them and migrates.
DATABASE_ROLE = "market"
DATABASE_OWNER = "market_owner"


def socket_folder(data_dir: Path) -> Path:
    """Return the folder of the embedded services' sockets: in the data directory if its path is short enough."""
    inside = data_dir / "run"
    if len(os.fsencode(inside)) <= SOCKET_FOLDER_LIMIT:
        return inside
    # The same directory always gives the same name; the folder is private to its owner.
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"plug-in-market-{os.getuid()}-{digest}"


def postgres_socket_folder(data_dir: Path) -> Path:
    """Return PostgreSQL's folder in it. It is separate, because under root the server runs as another user."""
    return socket_folder(data_dir) / "pg"


def valkey_socket(data_dir: Path) -> Path:
    return socket_folder(data_dir) / "valkey.sock"


KEY_FILES = {"SECRET_KEY": "secret_key", "SEAL_KEY": "seal_key"}
"""Where a data directory keeps the keys that the environment does not give."""


def kept_secret_key(data_dir: Path) -> str:
    """Return the secret key of this data directory. It is made on first use, and readable only by the owner."""
    return _kept(data_dir / KEY_FILES["SECRET_KEY"], lambda: secrets.token_urlsafe(64))


def kept_seal_key(data_dir: Path) -> str:
    """Return the key that signs the ledger's seals, 32 bytes in hexadecimal, kept like the secret key."""
    return _kept(data_dir / KEY_FILES["SEAL_KEY"], lambda: secrets.token_hex(32))


def _kept(path: Path, make: Callable[[], str]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(make())
        try:
            # If two processes start together, the first to link wins, and the other reads the winner's key.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def embedded_database_url(data_dir: Path) -> str:
    host = urlencode({"host": str(postgres_socket_folder(data_dir))})
    return f"postgresql://{DATABASE_ROLE}@/{DATABASE_NAME}?{host}"


def embedded_broker_url(data_dir: Path) -> str:
    return f"redis+socket://{valkey_socket(data_dir)}?virtual_host=0"


def database(config: Configuration) -> dict[str, Any]:
    """Return the DATABASES entry for a postgresql:// URL. The query part goes to libpq, except host."""
    parts = urlsplit(config.text("DATABASE_URL") or embedded_database_url(config.data_dir))
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    pool = config.number("DATABASE_POOL")
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or DATABASE_NAME,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
    }


def broker_url(config: Configuration) -> str:
    """Return the broker's URL in the form of Celery's transport."""
    url = config.text("BROKER_URL") or embedded_broker_url(config.data_dir)
    if url.startswith("unix://"):
        parts = urlsplit(url)
        number = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{parts.path}?virtual_host={number}"
    return url


def client_url(broker: str) -> str:
    """Return a broker URL in the form of redis-py."""
    parts = urlsplit(broker)
    if parts.scheme != "redis+socket":
        return broker
    number = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return f"unix://{parts.path}?db={number}"


def cache_url(config: Configuration) -> str:
    """Return the cache's URL: CACHE_URL, or the database after the broker's on the same server."""
    given = config.text("CACHE_URL")
    if given:
        return client_url(given)
    parts = urlsplit(client_url(broker_url(config)))
    if parts.scheme == "unix":
        number = int(parse_qs(parts.query).get("db", ["0"])[0])
        return f"unix://{parts.path}?db={number + 1}"
    number = int(parts.path.strip("/") or 0)
    return urlunsplit(parts._replace(path=f"/{number + 1}"))


def file_storage(config: Configuration) -> dict[str, Any]:
    bucket = config.text("S3_BUCKET")
    if not bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": config.media_root},
        }
    options: dict[str, Any] = {
        "bucket_name": bucket,
        "querystring_auth": True,
        "default_acl": None,
        "file_overwrite": False,
        "endpoint_url": config.text("S3_ENDPOINT_URL") or None,
        "region_name": config.text("S3_REGION") or None,
    }
    if config.text("S3_ACCESS_KEY"):
        options |= {"access_key": config.text("S3_ACCESS_KEY"), "secret_key": config.text("S3_SECRET_KEY")}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def mail(config: Configuration) -> dict[str, Any]:
    url = config.text("EMAIL_URL")
    backends = "django.core.mail.backends."
    if url == "file":
        return {
            "EMAIL_BACKEND": backends + "filebased.EmailBackend",
            "EMAIL_FILE_PATH": config.data_dir / "mail",
        }
    if url == "console":
        return {"EMAIL_BACKEND": backends + "console.EmailBackend"}
    parts = urlsplit(url)
    return {
        "EMAIL_BACKEND": backends + "smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 20,
    }


def logging_settings(config: Configuration) -> dict[str, Any]:
    level = config.text("LOG_LEVEL")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_probes": {"()": "market.logs.WithoutProbes"}},
        "formatters": {
            "text": {
                "()": "market.logs.TextFormatter",
                "fmt": "{asctime} {levelname:<7} {name}: {message}",
                "style": "{",
            },
            "json": {"()": "market.logs.JsonFormatter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": config.text("LOG_FORMAT"),
                "filters": ["without_probes"],
            },
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Replaces Django's own handlers, which print only when DEBUG and mail otherwise.
            "django": {"handlers": [], "level": level, "propagate": True},
            # A 404 is no news.
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "INFO"},
            "asyncio": {"level": "WARNING"},
            "botocore": {"level": "WARNING"},
            "PIL": {"level": "INFO"},
        },
    }
