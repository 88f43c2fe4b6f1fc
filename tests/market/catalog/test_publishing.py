"""Publishing, withdrawing, price and licence, versions: the artist's page of a plug-in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn, PlugInState, PlugInVersion
from market.catalog.publishing import publish
from market.catalog.versions import complete_version
from market.refusals import Refused
from tests.market.catalog.conftest import MakePlugIn, claimed, output

SignIn = Callable[[User], Client]


@pytest.fixture
def draft(make_plugin: MakePlugIn) -> PlugIn:
    return make_plugin("Riverink", published=False)


def test_an_artist_publishes_and_everybody_sees_it(
    draft: PlugIn, artist: User, client: Client, client_for: SignIn
) -> None:
    response = client_for(artist).post(reverse("catalog:publish", args=[draft.pk]))

    assert response.status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
    assert draft.published_at is not None
    assert client.get(draft.get_absolute_url()).status_code == 200
    assert "Riverink" in client.get(reverse("catalog:plugins")).content.decode()


def test_a_plugin_without_a_version_is_not_published(
    artist: User, base: BaseModel, draft: PlugIn, client_for: SignIn
) -> None:
    PlugIn.objects.filter(pk=draft.pk).update(current_version=None)

    response = client_for(artist).post(reverse("catalog:publish", args=[draft.pk]))

    assert response.status_code == 409
    assert "no version yet" in response.content.decode()
    draft.refresh_from_db()
    assert draft.state == PlugInState.DRAFT


def test_a_version_for_other_weights_is_not_published(draft: PlugIn, artist: User) -> None:
    BaseModel.objects.update(fingerprint="cd" * 32)

    with pytest.raises(Refused, match="made for other weights"):
        publish(PlugIn.objects.with_everything().get(), artist)


def test_a_plugin_of_an_unlisted_base_is_not_published(draft: PlugIn, artist: User) -> None:
    BaseModel.objects.update(listed=False)

    with pytest.raises(Refused, match="not offered at present"):
        publish(PlugIn.objects.with_everything().get(), artist)


def test_only_its_artist_publishes_a_plugin(draft: PlugIn, second_artist: User, admin: User) -> None:
    for person in (second_artist, admin):
        with pytest.raises(Refused, match="Only its artist"):
            publish(draft, person)


def test_rights_affirmed_under_an_older_text_are_affirmed_again(
    draft: PlugIn, artist: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.catalog.models.concepts.RIGHTS_VERSION", "2099-01")

    with pytest.raises(Refused, match="Affirm your rights"):
        publish(draft, artist)


def test_a_withdrawn_plugin_leaves_the_catalogue_at_once_and_may_return(
    plugin: PlugIn, artist: User, client: Client, client_for: SignIn
) -> None:
    signed_in = client_for(artist)

    signed_in.post(reverse("catalog:withdraw", args=[plugin.pk]))

    assert client.get(plugin.get_absolute_url()).status_code == 404
    assert "Riverink" not in client.get(reverse("catalog:plugins")).content.decode()
    assert signed_in.get(plugin.get_absolute_url()).status_code == 200
    signed_in.post(reverse("catalog:publish", args=[plugin.pk]))
    assert client.get(plugin.get_absolute_url()).status_code == 200


def test_withdrawing_twice_changes_nothing(plugin: PlugIn) -> None:
    assert plugin.withdraw()
    first = plugin.withdrawn_at

    assert not plugin.withdraw()
    assert plugin.withdrawn_at == first


def test_price_and_licence_are_changed_by_their_artist(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    response = client_for(artist).post(plugin.desk_url, {"price_micros": "0.0625", "allow_commercial": "on"})

    assert response.status_code == 302
    plugin.refresh_from_db()
    assert plugin.price_micros == 62_500
    assert (plugin.allow_commercial, plugin.allow_combination, plugin.require_credit) == (True, False, False)


@pytest.mark.parametrize("price", ["-1", "100.01", "0.00001", "a lot", "", "1e30", "NaN"])
def test_a_price_that_makes_no_sense_is_refused_and_kept_in_the_form(
    plugin: PlugIn, artist: User, client_for: SignIn, price: str
) -> None:
    response = client_for(artist).post(plugin.desk_url, {"price_micros": price})

    assert response.status_code == 422
    assert f'value="{price}"' in response.content.decode() or price == ""
    plugin.refresh_from_db()
    assert plugin.price_micros == 50_000


def test_the_price_is_shown_in_euros(plugin: PlugIn, artist: User, client_for: SignIn) -> None:
    assert 'value="0.05"' in client_for(artist).get(plugin.desk_url).content.decode()


def test_an_artist_chooses_among_versions(
    plugin: PlugIn, base: BaseModel, artist: User, client_for: SignIn
) -> None:
    job = claimed(start_addition(plugin.concept, base, artist))
    second = complete_version(job=job, token=job.fencing_token, output=output(b"second"))

    client_for(artist).post(reverse("catalog:choose_version", args=[plugin.pk, second.pk]))

    plugin.refresh_from_db()
    assert plugin.current_version == second


def test_a_version_for_other_weights_is_not_chosen(plugin: PlugIn, artist: User, client_for: SignIn) -> None:
    BaseModel.objects.update(fingerprint="cd" * 32)
    assert plugin.current_version is not None
    url = reverse("catalog:choose_version", args=[plugin.pk, plugin.current_version.pk])

    response = client_for(artist).post(url)

    assert response.status_code == 409
    assert "made for other weights" in response.content.decode()


def test_a_sample_of_a_version_not_on_offer_is_not_public(
    plugin: PlugIn, base: BaseModel, artist: User, client: Client, client_for: SignIn
) -> None:
    job = claimed(start_addition(plugin.concept, base, artist))
    second = complete_version(job=job, token=job.fencing_token, output=output(b"second"))
    waiting = second.samples.all()[0].url

    assert client.get(plugin.sample_urls[0]).status_code == 200
    assert client.get(waiting).status_code == 404
    assert client_for(artist).get(waiting).status_code == 200


def test_its_artist_downloads_the_file_as_it_was_made(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    version = plugin.versions.get()

    response = client_for(artist).get(reverse("catalog:version_file", args=[plugin.pk, version.pk]))

    assert hashlib.sha256(response.content).hexdigest() == version.file_sha256
    assert response["Content-Disposition"] == 'attachment; filename="riverink-v1.safetensors"'
    assert "private" in response["Cache-Control"]


def test_the_page_of_a_running_addition_leads_to_it(
    draft: PlugIn, base: BaseModel, artist: User, client_for: SignIn
) -> None:
    job = start_addition(draft.concept, base, artist)

    page = client_for(artist).get(draft.desk_url).content.decode()

    assert job.get_absolute_url() in page
    assert "under way" in page


def another_version(plugin: PlugIn, given_back: list[str], **figures: Any) -> PlugInVersion:
    """Make a version that gives back works of these captions, of 16 that were looked at."""
    found = {"works": list(range(len(given_back))), "looked_at": 16, "captions": given_back}
    job = claimed(start_addition(plugin.concept, plugin.base, plugin.owner))
    made = replace(output(b"other weights"), figures={"steps": 3, "given_back": found, **figures})
    return complete_version(job=job, token=job.fencing_token, output=made)


@pytest.mark.parametrize(
    ("captions", "said"),
    [
        ([], "none of 16 looked at"),
        (["a rose", "a cat <b>"], "2 of 16 looked at"),
    ],
)
def test_a_version_says_to_its_artist_which_works_it_gives_back(
    plugin: PlugIn, artist: User, client_for: SignIn, captions: list[str], said: str
) -> None:
    another_version(plugin, captions)

    desk = client_for(artist).get(plugin.desk_url).content.decode()

    assert said in desk
    assert ("“a rose”, “a cat &lt;b&gt;”" in desk) == bool(captions)


def test_a_version_says_to_its_artist_which_works_look_like_two_styles(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    page = client_for(artist)
    assert "more than one style" not in page.get(plugin.desk_url).content.decode()
    another_version(plugin, [], unlike_works=["a rose", "a cat <b>"])

    desk = page.get(plugin.desk_url).content.decode()

    assert "more than one style: “a rose” and “a cat &lt;b&gt;” differ most" in desk


def test_buyers_are_not_told_which_works_a_plugin_gives_back(
    plugin: PlugIn, artist: User, client_for: SignIn, user: User
) -> None:
    version = another_version(plugin, ["a rose of mine"])
    client_for(artist).post(reverse("catalog:choose_version", args=[plugin.pk, version.pk]))

    page = client_for(user).get(plugin.get_absolute_url()).content.decode()

    assert "Steps learned" in page
    assert "a rose of mine" not in page
