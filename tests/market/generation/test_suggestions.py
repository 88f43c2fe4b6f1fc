"""What the studio offers for a prompt: plug-ins that it names or describes."""

from __future__ import annotations

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.meaning import make_missing_vectors
from market.catalog.models import Concept, PlugIn
from market.catalog.suggesting import suggested
from market.generation.limits import MAX_PLUGINS
from tests.market.generation.test_studio import HTMX, SignIn, form, text_of
from tests.market.stage import make_base, make_plugin

pytestmark = pytest.mark.django_db
WANTED = "Your description seems to want"


@pytest.fixture
def described(plugin: PlugIn, second_plugin: PlugIn) -> None:
    Concept.objects.filter(pk=plugin.concept_id).update(description="Bright emoji with thick outlines.")
    Concept.objects.filter(pk=second_plugin.concept_id).update(
        description="Watercolour landscapes in mist.", aliases=["Old Mist"]
    )
    make_missing_vectors()


def offered(prompt: str) -> list[tuple[str, str]]:
    return [(each.plugin.name, each.said) for each in suggested(PlugIn.objects.published(), prompt)]


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("a fox, Fxemoji style", ("Fxemoji", "fxemoji")),
        ("A castle in the OLD, MIST style", ("Blobby", "old mist")),
        ("a castle, fxemojy style", ("Fxemoji", "")),  # misspelt
        ("a misty watercolour landscape", ("Blobby", "")),  # described
    ],
)
def test_what_a_prompt_names_or_describes_is_offered(
    described: None, prompt: str, first: tuple[str, str]
) -> None:
    assert offered(prompt)[:1] == [first]


@pytest.mark.parametrize(
    "prompt", ["", "  ", "a red car on a street", "old", "\x00", "\ud800", "' | !&", "🦊", "x" * 5_000]
)
def test_a_prompt_that_wants_none_gets_none(described: None, prompt: str) -> None:
    assert offered(prompt) == []


def test_the_price_brings_the_offer_along_and_adding_it_ends_it(
    described: None, client_for: SignIn, user: User, base: BaseModel, plugin: PlugIn
) -> None:
    client = client_for(user)

    box = text_of(client.post("/studio/quote/", form(base), headers=HTMX))
    added = text_of(client.post("/studio/plugins/", form(base) | {"add": str(plugin.pk)}, headers=HTMX))

    assert 'id="suggested" hx-swap-oob' in box
    assert WANTED in box
    assert f'name="add" value="{plugin.pk}"' in box
    assert 'id="suggested" hx-swap-oob' in added
    assert WANTED not in added


def test_without_javascript_the_page_has_the_offer_too(
    described: None, client_for: SignIn, user: User, base: BaseModel
) -> None:
    page = text_of(client_for(user).post("/studio/", form(base) | {"check": "yes"}))

    assert WANTED in page


def test_drafts_of_others_and_plugins_of_other_bases_are_not_offered(
    described: None, client_for: SignIn, user: User, artist: User, base: BaseModel, model_owner: User
) -> None:
    make_plugin(artist, base, name="Secretfold", publish=False)
    make_plugin(artist, make_base(model_owner, slug="other", fingerprint="ef" * 32), name="Elsewhere")
    make_missing_vectors()
    client = client_for(user)

    for name in ("Secretfold", "Elsewhere", "secretfld"):
        prompt = f"a fox, {name} style"
        box = text_of(client.post("/studio/quote/", form(base, prompt=prompt), headers=HTMX))
        assert WANTED not in box


def test_a_full_form_is_offered_nothing(
    described: None, client_for: SignIn, user: User, artist: User, base: BaseModel
) -> None:
    chosen = [(make_plugin(artist, base, name=f"Part {number}"), "1") for number in range(MAX_PLUGINS)]

    assert WANTED not in text_of(client_for(user).post("/studio/quote/", form(base, *chosen), headers=HTMX))


@pytest.mark.parametrize("words", ["\x00", "%", "'", "\\", "x" * 5_000, "-", '"', "fxemojy"])
def test_no_words_break_the_picker(
    described: None, client_for: SignIn, user: User, base: BaseModel, words: str
) -> None:
    client: Client = client_for(user)

    page = client.post("/studio/plugins/", form(base) | {"q": words}, headers=HTMX)

    assert page.status_code == 200
    assert ("Add Fxemoji" in text_of(page)) == (words == "fxemojy")
