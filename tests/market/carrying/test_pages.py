"""The pages of carrying over: the owner sees what goes and what does not, the artist compares and answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying.models import CarryOver, CarryOverState
from market.catalog.models import PlugIn
from tests.market.carrying.stage import finish
from tests.market.stage import make_combined, make_part

SignIn = Callable[[User], Client]


def url(base: BaseModel) -> str:
    return reverse("carrying:upgrade", args=[base.slug])


def test_the_owner_sees_what_is_carried_over_and_what_is_not_and_starts_it(
    plugin: PlugIn,
    base: BaseModel,
    next_base: BaseModel,
    model_owner: User,
    second_artist: User,
    client_for: SignIn,
) -> None:
    make_part(second_artist, base, "Clay")
    make_part(second_artist, base, "Ghost")
    make_combined(second_artist, base, "Both", ("Clay", 5000), ("Ghost", 5000))
    client = client_for(model_owner)
    shown = client.get(url(base)).content.decode()
    assert "It was combined from other plug-ins" in shown

    page = client.post(url(base), {"next_base": next_base.slug}, follow=True).content.decode()

    assert "3 plug-ins being carried over" in page
    assert CarryOver.objects.count() == 3
    assert client.post(url(base), {"next_base": next_base.slug}).status_code == 409


def test_without_a_next_generation_the_page_says_what_to_do(
    plugin: PlugIn, base: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    client = client_for(model_owner)
    assert "Register the new weights" in client.get(url(base)).content.decode()
    for wrong in ("", base.slug, "nowhere", "\x00"):
        assert client.post(url(base), {"next_base": wrong}).status_code == 422


def test_the_artist_compares_both_and_accepts(offered: CarryOver, artist: User, client_for: SignIn) -> None:
    client = client_for(artist)
    assert "1 to answer" in client.get(reverse("catalog:desk")).content.decode()
    assert offered.get_absolute_url() in client.get(reverse("carrying:list")).content.decode()
    page = client.get(offered.get_absolute_url()).content.decode()
    assert "12% of what it changes is missed" in page
    for picture in offered.grid.all():
        assert picture.url in page
        assert client.get(picture.url)["Content-Type"] == "image/png"

    page = client.post(reverse("carrying:accept", args=[offered.pk]), follow=True).content.decode()

    assert "It is offered on the new base, too." in page
    assert client.post(reverse("carrying:decline", args=[offered.pk])).status_code == 409


def test_the_artist_declines_and_the_owner_reads_it(
    offered: CarryOver, base: BaseModel, artist: User, model_owner: User, client_for: SignIn
) -> None:
    client_for(artist).post(reverse("carrying:decline", args=[offered.pk]))

    assert "Declined" in client_for(model_owner).get(url(base)).content.decode()
    assert (
        "You can still accept it."
        not in client_for(model_owner).get(offered.get_absolute_url()).content.decode()
    )


@pytest.mark.parametrize("is_good_enough", [True, False])
def test_every_state_has_a_page(
    begun: CarryOver, artist: User, client_for: SignIn, is_good_enough: bool
) -> None:
    client = client_for(artist)
    assert "is being carried over" in client.get(begun.get_absolute_url()).content.decode()

    done = finish(is_good_enough=is_good_enough)

    page = client.get(done.get_absolute_url()).content.decode()
    assert ("Make it anew" in page) != is_good_enough


def test_the_command_lists_starts_and_answers(
    plugin: PlugIn, base: BaseModel, next_base: BaseModel, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("carry_plugins", base.slug, next_base.slug, dry_run=True)
    assert capsys.readouterr().out == "riverink: is carried over\n"
    assert not CarryOver.objects.exists()
    with pytest.raises(CommandError, match="Nothing was carried over of riverink"):
        call_command("carry_plugins", base.slug, next_base.slug, accept="riverink")
    with pytest.raises(CommandError, match="no base with the address nowhere"):
        call_command("carry_plugins", base.slug, "nowhere")

    call_command("carry_plugins", base.slug, next_base.slug)
    finish()
    call_command("carry_plugins", base.slug, next_base.slug, accept="riverink")

    assert capsys.readouterr().out.endswith("Accepted.\n")
    assert CarryOver.objects.get().state == CarryOverState.ACCEPTED
