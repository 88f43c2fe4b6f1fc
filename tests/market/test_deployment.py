"""The container files: what docker compose would be told, checked without docker."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from market.configuration import BY_NAME, ROOT, load

# Variables of the compose file itself or of the images it uses.
OTHERS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB"}

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
    assert {*SERVICES, "postgres", "valkey"} == set(compose["services"])
    assert compose["services"]["worker-gpu"]["profiles"] == ["gpu"]
    assert compose["services"]["worker-gpu"]["environment"]["DEVICE"] == "cuda"


def test_every_variable_in_it_is_one_that_the_settings_know(compose: dict[str, Any], source: str) -> None:
    named = set(re.findall(r"\$\{([A-Z0-9_]+)", source))
    given = {name for service in compose["services"].values() for name in service.get("environment", {})}

    assert (named | given) - OTHERS <= set(BY_NAME)


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_is_given_is_a_valid_configuration(compose: dict[str, Any], service: str) -> None:
    chosen = {
        "POSTGRES_PASSWORD": "p" * 20,
        "SECRET_KEY": "s" * 50,
        "SEAL_KEY": "5" * 64,
        "PUBLIC_URL": "https://market.example",
    }

    def filled(value: str) -> str:
        return re.sub(
            r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}",
            lambda found: chosen.get(found[1], found[3] if found[2] == "-" else ""),
            value,
        )

    environment = {name: filled(value) for name, value in compose["services"][service]["environment"].items()}
    config = load(environment)

    assert config.is_https
    assert "${" not in "".join(environment.values())


def test_no_secret_is_written_in_it(compose: dict[str, Any]) -> None:
    secret = {name for name, variable in BY_NAME.items() if variable.secret} | {"POSTGRES_PASSWORD"}
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if name in secret and value:
                assert "${" in value or "@" not in value, name
    for service in SERVICES:
        environment = compose["services"][service]["environment"]
        assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
        assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]


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
    }

    assert used == set(compose["volumes"]) == {"media", "backups", "postgres", "valkey"}


def test_only_the_host_itself_reaches_the_web_server(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert name == "web"
            assert port.startswith("127.0.0.1:")


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
