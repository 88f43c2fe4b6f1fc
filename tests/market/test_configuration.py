from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.configuration import (
    BY_NAME,
    ROOT,
    VARIABLES,
    Configuration,
    ConfigurationError,
    load,
)
from market.configuration.fees import Fees
from market.configuration.files import UploadLimits
from market.configuration.payouts import PayoutRules
from market.configuration.reference import markdown
from market.configuration.spelling import distance


def problems_of(environment: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(environment)
    return raised.value.problems


def test_an_empty_environment_is_a_production_configuration_of_this_machine_only() -> None:
    config = load({})

    assert config.flag("DEBUG") is False
    assert config.data_dir == ROOT / "var"
    assert config.media_root == ROOT / "var" / "media"
    assert config.public_url == "http://127.0.0.1:8000"
    assert set(config.allowed_hosts) == {"127.0.0.1", "localhost", "[::1]"}


def test_every_variable_has_a_default_that_passes_its_own_check() -> None:
    for variable in VARIABLES:
        variable.parse(variable.default)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80a"),
        ("PORT", "70000"),
        ("PORT", ""),
        ("DEBUG", "maybe"),
        ("DATABASE_URL", "mysql://localhost/market"),
        ("DATABASE_URL", "market"),
        ("BROKER_URL", "amqp://localhost"),
        ("PUBLIC_URL", "market.example"),
        ("PUBLIC_URL", "https://market.example/shop"),
        ("SECRET_KEY", "short"),
        ("DEVICE", "gpu"),
        ("COMMISSION_BPS", "10001"),
        ("COMMISSION_BPS", "-1"),
        ("EMAIL_URL", "smtp:"),
        ("LOG_FORMAT", "xml"),
        ("PAYMENT_GATEWAYS", "test,bitcoin"),
        ("BASE_MAX_MB", "-1"),
        ("BASE_MODEL_DIRS", "models"),
        ("BASE_MODEL_DIRS", "/srv/models,/srv/../etc"),
        ("BASE_MODEL_DIRS", "/"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_variable_and_what_was_expected(name: str, value: str) -> None:
    problems = problems_of({name: value})

    assert len(problems) == 1
    assert problems[0].startswith(f"{name}: ")
    assert "expected" in problems[0]


def test_every_problem_is_told_at_once() -> None:
    problems = problems_of({"PORT": "x", "DEVICE": "y", "ALOWED_HOSTS": "z"})

    assert len(problems) == 3


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES if variable.secret])
def test_the_value_of_a_secret_is_never_repeated(name: str) -> None:
    # Paired with a wrong value of another variable, so that there is an error whatever this one accepts.
    problems = problems_of({name: "hunter2 hunter2", "PORT": "x"})

    assert "hunter2" not in "".join(problems)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASEURL", "DATABASE_URL"),
        ("ALOWED_HOST", "ALLOWED_HOSTS"),
        ("SECRETKEY", "SECRET_KEY"),
        ("COMISSION_BPS", "COMMISSION_BPS"),
        ("MEDIA_ROTO", "MEDIA_ROOT"),
        ("DEVCE", "DEVICE"),
        ("database_url", "DATABASE_URL"),
        ("S3_BUCKETS", "S3_BUCKET"),
    ],
)
def test_a_misspelt_name_is_an_error_that_names_the_one_that_was_meant(typo: str, meant: str) -> None:
    assert problems_of({typo: "anything"}) == [
        f"{typo}: not a variable of this application. Did you mean {meant}?"
    ]


def test_variables_of_other_programs_are_left_alone() -> None:
    load(
        {
            "HOME": "/root",
            "HOSTNAME": "box",
            "HOST": "box",
            "PATH": "/bin",
            "DATABASE_PORT": "tcp://10.0.0.1",
            "DOCKER_HOST": "unix:///x",
            "CUDA_VISIBLE_DEVICES": "0",
            "http_proxy": "",
            "LOGNAME": "me",
            "TERM": "xterm",
            "PS1": "$",
            "AWS_REGION": "eu",
            "MAIL": "/var/mail/me",
            "EDITOR": "vi",
            "OLDPWD": "/",
        }
    )


def test_no_two_variables_are_so_alike_that_one_passes_for_a_slip_of_the_other() -> None:
    for name in BY_NAME:
        load({"PORT": "8000"} if name == "PORT" else {name: BY_NAME[name].default})


@given(st.text(alphabet="ABC_", max_size=6), st.text(alphabet="ABC_", max_size=6))
def test_the_distance_of_names_is_symmetric_and_nought_only_for_the_same_name(left: str, right: str) -> None:
    assert distance(left, right, 6) == distance(right, left, 6)
    assert (distance(left, right, 6) == 0) == (left == right)
    assert distance(left, right, 6) <= max(len(left), len(right))


def test_money_that_is_not_real_is_offered_on_this_machine_only_unless_asked_for() -> None:
    assert load({}).payment_gateways == ["test"]
    assert load({"PUBLIC_URL": "https://market.example"}).payment_gateways == []
    assert load({"PUBLIC_URL": "https://market.example", "PAYMENT_GATEWAYS": "test"}).payment_gateways == [
        "test"
    ]


def test_the_public_host_is_allowed_beside_those_that_were_named() -> None:
    config = load({"PUBLIC_URL": "https://market.example", "ALLOWED_HOSTS": "www.market.example, "})

    assert {"market.example", "www.market.example"} <= set(config.allowed_hosts)


def test_policy_is_read_in_the_units_that_the_code_counts_in() -> None:
    config = load(
        {
            "COMBINATION_FEE_CENTS": "50",
            "PAYOUT_MINIMUM": "10",
            "COMMISSION_BPS": "1500",
            "UPLOAD_MAX_MB": "20",
        }
    )

    assert (Fees.read(config).combination_micros, Fees.read(config).commission_bps) == (500_000, 1500)
    assert PayoutRules.read(config).minimum_micros == 10_000_000
    assert UploadLimits.read(config).work_bytes == 20_000_000


def test_the_values_stay_out_of_the_representation() -> None:
    config: Configuration = load({"SECRET_KEY": "hunter2" * 8})

    assert "hunter2" not in repr(config)


def test_the_reference_lists_every_variable_as_the_code_declares_it() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()

    assert markdown() in page, "run: python -m market.configuration, and put the result into the page"


def test_no_other_module_reads_the_environment_for_a_setting() -> None:
    """A variable that is read elsewhere would be neither documented nor checked."""
    reads = re.compile(r"environ(?:\.get\(|\[)\s*\"([A-Z_0-9]+)\"|getenv\(\"([A-Z_0-9]+)\"")
    known = set(BY_NAME) | {"DJANGO_SETTINGS_MODULE"}
    for folder in ("market", "workers"):
        for module in (ROOT / folder).rglob("*.py"):
            for found in reads.finditer(module.read_text()):
                assert (found[1] or found[2]) in known, module


def test_a_start_with_a_bad_environment_ends_with_the_reason_and_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "PORT": "eighty", "ALLOWED_HOST": "x"}

    done = subprocess.run(
        [sys.executable, "-m", "market.stack"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "PORT: expected a whole number from 1 to 65535, found 'eighty'." in done.stderr
    assert "ALLOWED_HOST: not a variable of this application. Did you mean ALLOWED_HOSTS?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
