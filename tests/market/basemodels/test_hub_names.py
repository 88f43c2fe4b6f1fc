"""Naming a model on a hub: only where the market takes such, by a commit, and of whom it takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.registering import register_base
from market.basemodels.sources import hub_source, is_on_hub, named_on_hub
from market.refusals import Refused
from tests.market.basemodels.conftest import FIELDS

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
NAME, COMMIT = "atelier/ink", "0123456789abcdef0123456789abcdef01234567"
SENT = FIELDS | {"fee_micros": "0.01", "hub_name": NAME, "hub_revision": COMMIT}


@pytest.fixture
def allowed(settings: Any) -> Any:
    settings.ALLOW_HUB, settings.HUB_ORGANISATIONS = True, []
    return settings


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ink",
        "a/b/c",
        "../ink",
        "atelier/..",
        "atelier/in--k",
        "/ink",
        "atelier/",
        "a b/c",
        "https://h/x",
        "é/x",
    ],
)
def test_what_is_no_models_name_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="Expected a model's name on the hub"):
        named_on_hub(name, COMMIT)


@pytest.mark.parametrize(
    "revision", ["", "main", "v1.5", COMMIT[:-1], COMMIT + "0", COMMIT.upper(), "refs/pr/1"]
)
def test_what_may_change_or_is_no_commit_is_refused(revision: str) -> None:
    with pytest.raises(Refused, match="Expected the hash of a commit"):
        named_on_hub(NAME, revision)


def test_what_a_base_keeps_is_read_again() -> None:
    named = named_on_hub(f" {NAME} ", COMMIT)
    assert hub_source(named.as_source()) == named
    assert is_on_hub(named.as_source())
    assert not is_on_hub("/srv/models/x")
    with pytest.raises(Refused):
        hub_source("/srv/models/x")


def test_where_it_is_off_the_form_does_not_show_it_and_the_address_refuses(
    model_owner: User, client_for: SignIn, settings: Any
) -> None:
    settings.ALLOW_HUB = False
    client, url = client_for(model_owner), reverse("basemodels:register")
    assert "hub_name" not in client.get(url).content.decode()
    response = client.post(url, SENT)
    assert response.status_code == 422
    assert "fetches nothing from a hub" in response.content.decode()
    assert not BaseModel.objects.exists()


@pytest.mark.usefixtures("allowed")
def test_where_it_is_on_the_form_takes_it(model_owner: User, client_for: SignIn) -> None:
    client, url = client_for(model_owner), reverse("basemodels:register")
    assert "hub_name" in client.get(url).content.decode()
    assert client.post(url, SENT | {"hub_revision": "main"}).status_code == 422
    assert client.post(url, SENT | {"hub_name": ""}).status_code == 422
    assert client.post(url, SENT).status_code == 302
    base = BaseModel.objects.get()
    assert (base.source, base.is_embedded, base.is_checking) == (f"hub:{NAME}@{COMMIT}", False, True)


def test_only_of_the_organisations_that_the_market_names(model_owner: User, allowed: Any) -> None:
    allowed.HUB_ORGANISATIONS = ["Others", "Atelier"]
    register_base(model_owner, FIELDS, hub=(NAME, COMMIT), by=model_owner)
    with pytest.raises(Refused, match="only of Others, Atelier"):
        register_base(model_owner, FIELDS | {"slug": "b"}, hub=("elsewhere/ink", COMMIT), by=model_owner)


def test_only_one_place_is_named(model_owner: User, allowed: Any) -> None:
    allowed.BASE_MODEL_DIRS = [allowed.DATA_DIR]
    source = str(allowed.DATA_DIR / "x")
    with pytest.raises(Refused, match="a directory on the workers, an upload, or a model"):
        register_base(model_owner, FIELDS, source=source, hub=(NAME, COMMIT), by=model_owner)
    with pytest.raises(Refused, match="Expected a directory below"):
        register_base(model_owner, FIELDS, source=f"hub:{NAME}@{COMMIT}", by=model_owner)


def test_the_command_names_one_as_the_page_does(model_owner: User, settings: Any) -> None:
    said = {"owner": model_owner.email, "slug": "mine", "name": "Mine", "licence": "MIT", "hub": NAME}
    settings.ALLOW_HUB = False
    with pytest.raises(CommandError, match="fetches nothing from a hub"):
        call_command("register_base", **said, revision=COMMIT)
    settings.ALLOW_HUB, settings.HUB_ORGANISATIONS = True, []
    with pytest.raises(CommandError, match="hash of a commit"):
        call_command("register_base", **said)
    call_command("register_base", **said, revision=COMMIT)
    assert BaseModel.objects.get().source == f"hub:{NAME}@{COMMIT}"
