from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, get_connection
from django.test import Client
from pytest_django.fixtures import Settings

from market import services
from market.accounts.models import User
from market.configuration import ROOT, load
from market.logs import JsonFormatter, TextFormatter, WithoutProbes
from market.stack.checks import money_stays_at_home, public_address_is_encrypted


def settings_of(environment: dict[str, str], *names: str) -> dict[str, object]:
    """Load the settings in a process of their own, since a process has one configuration."""
    program = (
        "import json, django; from django.conf import settings;"
        f"print(json.dumps({{n: getattr(settings, n) for n in {names!r}}}, default=str))"
    )
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, "DJANGO_SETTINGS_MODULE": "market.settings", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_settings_are_those_of_production_unless_debug_is_asked_for(tmp_path: Path) -> None:
    data = {"DATA_DIR": str(tmp_path)}

    assert settings_of(data, "DEBUG") == {"DEBUG": False}
    assert settings_of({**data, "DEBUG": "1"}, "DEBUG") == {"DEBUG": True}


def test_https_brings_secure_cookies_redirects_and_hsts(tmp_path: Path) -> None:
    names = (
        *("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS"),
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"),
    )
    data = {"DATA_DIR": str(tmp_path)}

    public = settings_of({**data, "PUBLIC_URL": "https://market.example"}, *names, "CSRF_TRUSTED_ORIGINS")
    local = settings_of(data, *names)

    assert public == {
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31536000,
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "CSRF_TRUSTED_ORIGINS": ["https://market.example"],
    }
    assert (local.pop("SESSION_COOKIE_NAME"), local.pop("CSRF_COOKIE_NAME")) == ("session", "csrf")
    assert not any(local.values())


def test_the_secret_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = services.kept_secret_key(tmp_path / "new")
    second = services.kept_secret_key(tmp_path / "new")

    assert first == second
    assert len(first) >= 50
    kept = tmp_path / "new" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [entry.name for entry in kept.parent.iterdir()] == ["secret_key"]
    assert services.kept_secret_key(tmp_path / "other") != first


def test_a_database_url_becomes_connection_settings() -> None:
    config = load(
        {"DATABASE_URL": "postgresql://me:p%40ss@db.example:6432/shop?sslmode=require", "DATABASE_POOL": "4"}
    )

    found = services.database(config)

    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "me", "p@ss", "db.example", "6432", "shop",
    )  # fmt: skip
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["pool"]["max_size"] == 4


def test_without_urls_the_services_of_the_data_directory_are_used(tmp_path: Path) -> None:
    config = load({"DATA_DIR": str(tmp_path)})

    folder = services.socket_folder(tmp_path)
    assert services.database(config)["HOST"] == str(folder / "pg")
    assert services.broker_url(config) == f"redis+socket://{folder}/valkey.sock?virtual_host=0"
    assert services.cache_url(config) == f"unix://{folder}/valkey.sock?db=1"


def test_sockets_of_a_deep_data_directory_lie_in_a_short_private_folder() -> None:
    deep = Path("/srv") / ("a" * 90) / "var"

    folder = services.socket_folder(deep)

    assert len(str(folder / "pg" / ".s.PGSQL.5432")) < 100
    assert folder == services.socket_folder(deep)
    assert folder != services.socket_folder(deep / "other")


@pytest.mark.parametrize(
    ("broker", "cache"),
    [
        ("redis://valkey:6379/0", "redis://valkey:6379/1"),
        ("redis://valkey:6379", "redis://valkey:6379/1"),
        ("rediss://:secret@valkey:6379/3", "rediss://:secret@valkey:6379/4"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock?db=3"),
    ],
)
def test_the_cache_is_the_database_after_the_brokers(broker: str, cache: str) -> None:
    assert services.cache_url(load({"BROKER_URL": broker})) == cache


def test_files_go_to_a_bucket_when_one_is_named() -> None:
    config = load({"S3_BUCKET": "market", "S3_ENDPOINT_URL": "https://s3.example", "S3_REGION": "eu"})

    found = services.file_storage(config)

    assert found["BACKEND"] == "storages.backends.s3.S3Storage"
    assert found["OPTIONS"]["bucket_name"] == "market"
    assert "access_key" not in found["OPTIONS"], "boto3's own sources are used"


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example", 25, False, False),
        ("smtp+tls://me:pw@mail.example", 587, True, False),
        ("smtps://me:pw@mail.example:4650", 4650, False, True),
    ],
)
def test_a_mail_url_becomes_mail_settings(url: str, port: int, tls: bool, ssl: bool) -> None:
    found = services.mail(load({"EMAIL_URL": url}))

    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)


def test_mail_can_be_read_in_the_data_directory(tmp_path: Path) -> None:
    found = services.mail(load({"DATA_DIR": str(tmp_path)}))
    connection = get_connection(found["EMAIL_BACKEND"], file_path=str(found["EMAIL_FILE_PATH"]))

    EmailMessage("Hello", "Follow the link", to=["user@example.org"], connection=connection).send()

    (mail,) = (tmp_path / "mail").iterdir()
    assert "Follow the link" in mail.read_text()


def test_pages_allow_no_other_host_and_no_inline_script(client: Client, db: None) -> None:
    response = client.get("/healthz")

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response.headers["Permissions-Policy"]


@pytest.mark.parametrize("path", ["/wallet/", "/earnings/", "/me/"])
def test_pages_about_money_stay_in_no_browser(client: Client, user: User, path: str) -> None:
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    response = client.get(path)

    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


def test_files_are_read_by_this_user_alone(tmp_path: Path) -> None:
    program = (
        "import django; django.setup();"
        "from django.core.files.storage import default_storage as s; from django.core.files.base import ContentFile as C;"
        "from django.core.files.uploadedfile import TemporaryUploadedFile as T;"
        "t = T('x', 'image/png', 1, None); t.write(b'x'); t.seek(0);"
        "from django.core.mail import send_mail;"
        "s.save('works/1/a.png', C(b'x')); s.save('works/2/b.png', t); send_mail('x', 'y', 'a@b.example', ['c@d.example'])"
    )
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    environment = {**kept, "DJANGO_SETTINGS_MODULE": "market.settings", "DATA_DIR": str(tmp_path / "var")}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, umask=0)

    made = [path for path in (tmp_path / "var").rglob("*") if path.name != "run"]

    assert sum(path.suffix == ".png" for path in made) == 2
    assert any(path.parent.name == "mail" for path in made)
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_log_line_from_a_strangers_file_stays_one_line() -> None:
    record = logging.LogRecord(
        "market", logging.INFO, __file__, 1, "tensor %r, %s", ("a", "x\nINFO forged\x1b[2J\u202e"), None
    )

    line = TextFormatter("{levelname} {message}", style="{").format(record)

    assert line == "INFO tensor 'a', x\\nINFO forged\\x1b[2J\\u202e"


def test_log_lines_for_a_collector_are_one_json_object_each() -> None:
    record = logging.LogRecord("market.jobs", logging.INFO, __file__, 1, "job %s\nended", ("7",), None)

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "job 7\nended"


def test_a_readyz_that_says_no_does_not_fill_the_log() -> None:
    class Asked:
        path = "/readyz"

    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Service Unavailable", (), None)
    assert WithoutProbes().filter(record)
    record.request = Asked()
    assert not WithoutProbes().filter(record)


def test_every_static_file_that_a_stylesheet_names_is_there(tmp_path: Path) -> None:
    """Gathering hashes the files and fails over a reference that leads nowhere; then the server serves them."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").exists()


@pytest.mark.parametrize(
    ("environment", "warnings"),
    [
        ({}, []),
        ({"PUBLIC_URL": "https://market.example"}, []),
        ({"PUBLIC_URL": "http://market.example"}, ["market.W001"]),
        ({"PUBLIC_URL": "https://market.example", "PAYMENT_GATEWAYS": "test"}, ["market.W002"]),
    ],
)
def test_a_deployment_is_warned_of_plain_http_and_of_money_that_is_not_real(
    settings: Settings, environment: dict[str, str], warnings: list[str]
) -> None:
    settings.CONFIG = load(environment)

    found = [*public_address_is_encrypted(None), *money_stays_at_home(None)]

    assert [warning.id for warning in found] == warnings
