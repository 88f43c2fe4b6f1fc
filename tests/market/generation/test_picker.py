"""The studio's picker of plug-ins."""

from __future__ import annotations

import re

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.generation.test_studio import HTMX, SignIn, form, text_of
from tests.market.stage import make_base, make_plugin

pytestmark = pytest.mark.django_db


def test_plugins_are_added_and_removed_without_javascript(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn, second_plugin: PlugIn
) -> None:
    client = client_for(user)
    added = text_of(client.post("/studio/", form(base, (plugin, "0.5")) | {"add": str(second_plugin.pk)}))
    assert re.search(rf'name="weight-{plugin.pk}"[^>]*value="0.5"', added)
    assert re.search(rf'name="weight-{second_plugin.pk}"[^>]*value="1"', added)
    assert "€0.08" in added
    removed = text_of(client.post("/studio/", form(base, (plugin, "0.5")) | {"remove": str(plugin.pk)}))
    assert f'name="weight-{plugin.pk}"' not in removed


def test_the_picker_finds_published_plugins_of_the_base_by_name_and_artist(
    client_for: SignIn,
    user: User,
    artist: User,
    model_owner: User,
    base: BaseModel,
    plugin: PlugIn,
    second_plugin: PlugIn,
) -> None:
    other = make_base(model_owner, slug="other", fingerprint="ef" * 32)
    make_plugin(artist, other, name="Elsewhere")
    make_plugin(artist, base, name="Secret draft", publish=False)
    client = client_for(user)

    def found(words: str) -> set[str]:
        page = text_of(client.post("/studio/plugins/", form(base) | {"q": words}, headers=HTMX))
        return {name for name in ("Fxemoji", "Blobby", "Elsewhere", "Secret") if f"Add {name}" in page}

    assert found("") == {"Fxemoji", "Blobby"}
    assert found("fxe") == {"Fxemoji"}
    assert found("berta") == {"Blobby"}
    assert found("%") == set()
    assert found("<script>") == set()


def test_adding_in_the_picker_brings_the_new_price_along(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    page = text_of(
        client_for(user).post("/studio/plugins/", form(base) | {"add": str(plugin.pk)}, headers=HTMX)
    )
    assert f'name="weight-{plugin.pk}"' in page
    assert 'id="price" hx-swap-oob' in page
    assert "€0.06" in page


def test_a_plugin_of_the_catalogue_is_taken_along(
    client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    page = text_of(client_for(user).get(f"/studio/?plugin={plugin.slug}"))
    assert f'name="weight-{plugin.pk}"' in page
    assert "€0.06" in page
