"""The pages of base models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from tests.market.basemodels.test_registering import CARD

SignIn = Callable[[User], Client]


@pytest.fixture
def base(model_owner: User, tmp_path: Path, settings: Any) -> BaseModel:
    settings.EMBEDDED_BASE_DIR = tmp_path
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    base = BaseModel.objects.create(
        slug="little", name="Little base", description="<i>Small</i>", owner=model_owner, fingerprint="ab" * 32,
        architecture="Stable Diffusion", resolution=64, fee_micros=12_500, listed=True,
    )  # fmt: skip
    BaseRelease.objects.create(base=base, number=1, fingerprint="ab" * 32, is_default=True)
    return base


@pytest.mark.django_db
def test_an_empty_list_says_so(client: Client) -> None:
    assert "No base models yet" in client.get("/bases/").content.decode()


def test_everybody_sees_figures_data_and_fee(base: BaseModel, client: Client) -> None:
    assert "€0.0125" in client.get("/bases/").content.decode()

    page = client.get("/bases/little/").content.decode()

    for part in ["Style accuracy", "93.1%", "Apache-2.0", "FxEmoji", "€0.0125", "&lt;i&gt;Small", "ab" * 32]:
        assert part in page, part
    assert "Your settings" not in page


def test_the_page_stands_without_a_card(base: BaseModel, client: Client, tmp_path: Path) -> None:
    (tmp_path / "card.json").unlink()

    response = client.get("/bases/little/")

    assert response.status_code == 200
    assert "No figures have been published" in response.content.decode()


def test_an_unlisted_base_is_seen_by_its_owner_and_administrators_alone(
    base: BaseModel, model_owner: User, admin: User, stranger: User, client: Client, client_for: SignIn
) -> None:
    BaseModel.objects.update(listed=False)

    assert client.get("/bases/little/").status_code == 404
    assert client_for(stranger).get("/bases/little/").status_code == 404
    assert "Little base" not in client.get("/bases/").content.decode()
    for person in (model_owner, admin):
        assert client_for(person).get("/bases/little/").status_code == 200


def test_the_owner_sets_fee_and_defaults(base: BaseModel, model_owner: User, client_for: SignIn) -> None:
    response = client_for(model_owner).post(
        "/bases/little/",
        {
            "fee_micros": "0.02",
            "default_steps": "30",
            "default_guidance": "4",
            "listed": "on",
            "description": "New",
        },
    )

    assert response.status_code == 302
    base.refresh_from_db()
    assert (base.fee_micros, base.default_steps, base.default_guidance) == (20_000, 30, 4.0)


@pytest.mark.parametrize(
    "changes",
    [{"fee_micros": "-1"}, {"fee_micros": "101"}, {"default_steps": "0"}, {"default_guidance": "99"}],
)
def test_settings_that_make_no_sense_are_refused(
    base: BaseModel, model_owner: User, client_for: SignIn, changes: dict[str, str]
) -> None:
    fields = {"fee_micros": "0.02", "default_steps": "30", "default_guidance": "4", "description": ""}

    assert client_for(model_owner).post("/bases/little/", fields | changes).status_code == 422
    base.refresh_from_db()
    assert base.fee_micros == 12_500


def test_nobody_else_changes_a_base(
    base: BaseModel, stranger: User, admin: User, client: Client, client_for: SignIn
) -> None:
    for who in (client, client_for(stranger), client_for(admin)):
        assert who.post("/bases/little/", {"fee_micros": "0"}).status_code == 403
    base.refresh_from_db()
    assert base.fee_micros == 12_500
