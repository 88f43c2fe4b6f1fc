"""A market with plug-ins of an earlier version's embedded base: it goes on with that base, or is refused untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from market.accounts.models import User
from market.basemodels.earlier import earlier_directory, same_embedded_base
from market.basemodels.models import BaseModel
from market.basemodels.registering import register_embedded
from tests.market.stage import make_plugin

pytestmark = pytest.mark.django_db

BEFORE, NOW = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.EMBEDDED_BASE_DIR = tmp_path / "embedded"
    write(settings.EMBEDDED_BASE_DIR, BEFORE)
    return tmp_path / "embedded"


def write(directory: Path, fingerprint: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    card = {
        "name": "Base", "fingerprint": fingerprint, "architecture": "sd", "resolution": 64, "default_steps": 20,
        "default_guidance": 2.0,
    }  # fmt: skip
    (directory / "card.json").write_text(json.dumps(card))


def test_a_base_that_somebody_used_is_refused_with_what_to_do(directory: Path, artist: User) -> None:
    base = register_embedded()
    make_plugin(artist, base)
    write(directory, NOW)

    with pytest.raises(SystemCheckError, match=r"embedded base abababababab.*cdcdcdcdcdcd") as refused:
        call_command("prepare", skip_checks=False)

    assert "Nothing was changed" in str(refused.value)
    assert str(earlier_directory()) in str(refused.value)
    base.refresh_from_db()
    assert (base.slug, base.fingerprint, BaseModel.objects.count()) == ("embedded", BEFORE, 1)


def test_with_its_directory_it_goes_on_beside_the_new_one(directory: Path, artist: User) -> None:
    base = register_embedded()
    plugin = make_plugin(artist, base)
    release = base.default_release()
    write(directory, NOW)
    write(earlier_directory(), BEFORE)

    assert same_embedded_base("default") == []
    new = register_embedded()

    base.refresh_from_db()
    plugin.refresh_from_db()
    assert (base.slug, base.source) == ("embedded-abababab", str(earlier_directory()))
    assert (base.name, base.fingerprint, base.default_release()) == ("Base (earlier)", BEFORE, release)
    assert (new.slug, new.source, new.fingerprint) == ("embedded", "", NOW)
    assert plugin.base == base
    assert register_embedded() == new
    assert same_embedded_base("default") == []


def test_another_directory_is_not_taken_for_it(directory: Path, artist: User) -> None:
    make_plugin(artist, register_embedded())
    write(directory, NOW)
    write(earlier_directory(), "ef" * 32)

    (refusal,) = same_embedded_base("default")
    assert refusal.id == "market.E002"


def test_a_base_that_nobody_used_is_brought_up_to_date(directory: Path) -> None:
    base = register_embedded()
    write(directory, NOW)

    assert same_embedded_base("default") == []
    register_embedded()

    base.refresh_from_db()
    assert (base.slug, base.fingerprint) == ("embedded", NOW)
    assert base.default_release().fingerprint == NOW


def test_an_empty_database_and_a_checkout_without_a_base_pass(directory: Path) -> None:
    assert same_embedded_base("default") == []
    register_embedded()
    (directory / "card.json").unlink()
    assert same_embedded_base("default") == []
