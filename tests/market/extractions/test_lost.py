"""A prompt for a concept that was taken out of the release in use is answered with the plug-in that brings it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInState, PlugInVersion
from market.catalog.on_release import restores
from market.extractions.releases import make_default
from market.generation.guarding import lost_on
from tests.market.generation.test_studio import HTMX, form
from tests.market.stack.test_earlier_start import go_back

ClientFor = Callable[[User], Client]
TAKEN_OUT = "which was taken out of this base"


def price(client: Client, base: BaseModel, *plugins: tuple[PlugIn | int, str], prompt: str) -> str:
    response = client.post("/studio/quote/", form(base, *plugins, prompt=prompt), headers=HTMX)
    return response.content.decode()


@pytest.mark.parametrize("prompt", ["a fox, in Noto style", "a fox, N0TO style", "notto foxes"])
def test_the_studio_says_so_and_offers_the_plug_in(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn, prompt: str
) -> None:
    page = price(client_for(user), base, prompt=prompt)

    assert TAKEN_OUT in page
    assert f'name="add" value="{restorer.pk}"' in page


def test_with_the_plug_in_and_of_other_concepts_it_says_nothing(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn
) -> None:
    client = client_for(user)

    assert TAKEN_OUT not in price(client, base, (restorer, "1"), prompt="a fox, in Noto style")
    assert TAKEN_OUT not in price(client, base, prompt="a note on a fridge")
    assert TAKEN_OUT not in price(client, base, prompt="")


def test_on_a_release_that_never_lost_it_there_is_nothing_to_say(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn, model_owner: User
) -> None:
    make_default(base.releases.get(number=1), model_owner)

    assert lost_on(base.default_release()) == ()
    assert TAKEN_OUT not in price(client_for(user), base, prompt="a fox, in Noto style")


def test_a_plug_in_that_is_not_on_sale_is_not_offered(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn
) -> None:
    PlugIn.objects.filter(pk=restorer.pk).update(state=PlugInState.WITHDRAWN, withdrawn_at=timezone.now())

    page = price(client_for(user), base, prompt="a fox, in Noto style")

    assert TAKEN_OUT in page
    assert 'name="add"' not in page


def test_what_releases_lack_is_known_in_a_database_of_before_it_was_written_with_them(
    base: BaseModel, restorer: PlugIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lost_on(base.default_release())
    assert [each.plugins for each in lost] == [(restorer.pk,)]

    go_back(monkeypatch)
    call_command("migrate", skip_checks=False, verbosity=0)

    assert lost_on(base.default_release()) == lost
    assert restores(PlugInVersion.objects.get(plugin=restorer))
