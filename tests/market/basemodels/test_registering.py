"""The embedded base model is registered from its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from market.accounts.models import Role, User
from market.basemodels.card import BadCard, read_card
from market.basemodels.models import BaseModel
from market.basemodels.registering import register_embedded

CARD = {
    "name": "Emoji base",
    "description": "Draws small pictures.",
    "fingerprint": "ab" * 32,
    "architecture": "Stable Diffusion",
    "resolution": 64,
    "default_steps": 20,
    "default_guidance": 2.5,
    "subjects": ["a fox"],
    "styles": ["Noto"],
    "figures": [{"name": "Style accuracy", "value": 0.931, "target": 0.9, "unit": "%", "met": True}],
    "data": [
        {"name": "Noto", "artist": "Google", "licence": "Apache-2.0", "source": "https://example.org/noto"}
    ],
    "held_out": ["FxEmoji"],
}


@pytest.fixture
def directory(tmp_path: Path, settings: Any) -> Path:
    settings.EMBEDDED_BASE_DIR = tmp_path
    return tmp_path


def write(directory: Path, **changes: Any) -> None:
    (directory / "card.json").write_text(json.dumps(CARD | changes))


@pytest.mark.django_db
def test_the_embedded_base_is_made_from_its_card(directory: Path) -> None:
    write(directory)

    base = register_embedded()

    assert (base.slug, base.name, base.source, base.listed) == ("embedded", "Emoji base", "", True)
    assert (base.fingerprint, base.default_steps, base.default_guidance) == ("ab" * 32, 20, 2.5)
    assert base.owner.has_role(Role.MODEL_OWNER)
    assert not base.owner.has_usable_password()
    release = base.default_release()
    assert (release.number, release.fingerprint) == (1, base.fingerprint)


def test_registering_again_keeps_what_the_owner_decided(directory: Path, model_owner: User) -> None:
    write(directory)
    first = register_embedded(model_owner)
    BaseModel.objects.filter(pk=first.pk).update(fee_micros=7, listed=False, default_steps=30)

    again = register_embedded()

    assert again.pk == first.pk
    again.refresh_from_db()
    assert (again.owner, again.fee_micros, again.listed, again.default_steps) == (model_owner, 7, False, 30)
    assert again.releases.count() == 1


def test_a_given_owner_takes_the_base_over(directory: Path, model_owner: User) -> None:
    write(directory)
    register_embedded()

    assert register_embedded(model_owner).owner == model_owner


@pytest.mark.django_db
def test_other_weights_are_another_release_and_former_ones_return_to_theirs(directory: Path) -> None:
    write(directory)
    base = register_embedded()
    write(directory, fingerprint="cd" * 32)
    register_embedded()
    assert [(r.number, r.is_default) for r in base.releases.all()] == [(1, False), (2, True)]

    write(directory)
    register_embedded()

    assert [(r.number, r.is_default) for r in base.releases.all()] == [(1, True), (2, False)]


@pytest.mark.django_db
def test_without_a_card_nothing_is_registered_and_the_file_is_named(directory: Path) -> None:
    with pytest.raises(BadCard, match=r"card\.json: not found"):
        register_embedded()

    assert not BaseModel.objects.exists()


@pytest.mark.django_db
def test_a_card_without_a_fingerprint_needs_one_from_elsewhere(directory: Path) -> None:
    write(directory, fingerprint="")
    with pytest.raises(BadCard, match="names no fingerprint"):
        register_embedded()

    assert register_embedded(fingerprint="ef" * 32).fingerprint == "ef" * 32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "expected JSON"),
        ("[]", "expected a JSON object"),
        ('{"fingerprint": "xyz"}', "64 hexadecimal digits"),
        ('{"figures": [{"value": 1}]}', "name"),
        ('{"resolution": "large"}', "large"),
        ('{"data": ["noto"]}', "get"),
    ],
)
def test_a_card_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "card.json").write_text(text)

    with pytest.raises(BadCard, match=said) as problem:
        read_card(tmp_path)

    assert "card.json" in str(problem.value)


def test_figures_are_written_for_people_in_both_shapes(tmp_path: Path) -> None:
    write(tmp_path)
    (figure,) = read_card(tmp_path).figures
    assert (figure.value, figure.target, figure.met) == ("93.1%", "90.0%", True)

    write(tmp_path, figures={"psnr_db": 27.123456, "pictures": 6705})
    assert [(f.name, f.value) for f in read_card(tmp_path).figures] == [
        ("psnr db", "27.12"),
        ("pictures", "6,705"),
    ]


def test_prompts_beside_the_weights_stand_in_for_the_cards(tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text('{"subjects": ["a house"], "styles": ["Blobs"]}')
    (tmp_path / "card.json").write_text("{}")
    assert read_card(tmp_path).subjects == ["a house"]

    write(tmp_path)
    assert read_card(tmp_path).subjects == ["a fox"]


def test_a_source_that_is_no_web_address_does_not_become_a_link(tmp_path: Path) -> None:
    write(tmp_path, data=[{"name": "x", "source": "javascript:alert(1)"}])

    assert read_card(tmp_path).data[0].source == ""
