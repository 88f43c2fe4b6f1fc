"""Nobody opens what is another's: every private address, for visitors, users and strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import Role, User
from market.catalog import coowners
from market.catalog.models import Concept, PlugIn, Work
from market.catalog.uploads import add_work
from market.catalog.urls import urlpatterns
from tests.market.catalog.conftest import MakePlugIn
from tests.market.catalog.pictures import png
from tests.market.conftest import make_person

SignIn = Callable[[User], Client]

# Of the artist's own objects; `concept`, `work`, `draft` and `version` stand for their numbers.
PRIVATE: dict[str, tuple[str, list[str]]] = {
    "concept": ("get", ["concept"]),
    "edit_concept": ("get", ["concept"]),
    "affirm": ("post", ["concept"]),
    "upload": ("post", ["concept"]),
    "captions": ("post", ["concept"]),
    "addition": ("get", ["concept"]),
    "upload_plugin": ("get", ["concept"]),
    "co_owners": ("get", ["draft"]),
    "change_share": ("post", ["draft", "co_owner"]),
    "work_file": ("get", ["concept", "work"]),
    "work_thumbnail": ("get", ["concept", "work"]),
    "delete_work": ("post", ["concept", "work"]),
    "desk_plugin": ("get", ["draft"]),
    "publish": ("post", ["draft"]),
    "withdraw": ("post", ["draft"]),
    "choose_version": ("post", ["draft", "version"]),
    "version_file": ("get", ["draft", "version"]),
    "make_anew": ("post", ["draft", "version"]),
    "write_changes": ("post", ["draft", "version"]),
    "choose_shown": ("post", ["draft"]),
    "reserve": ("post", ["concept"]),
    "lift": ("post", ["concept", "work"]),
}
# One's own list, a public page, or public once the plug-in is: tested by themselves.
OTHERS = {
    "desk", "shared", "answer_share", "new_concept", "plugins", "plugin", "artist", "sample", "plain_sample",
    "profile", "domain", "check_domain", "remove_domain",
}  # fmt: skip


@pytest.fixture
def numbers(artist: User, make_plugin: MakePlugIn) -> dict[str, int]:
    draft = make_plugin("Draft", published=False)
    assert draft.current_version is not None
    work = add_work(draft.concept, artist, png(1))
    co_owner = make_person("Carla Chalk", Role.ARTIST)
    coowners.offer(draft, artist, handle=co_owner.handle, share_bps=1000)
    return {
        "co_owner": co_owner.pk,
        "concept": draft.concept_id,
        "work": work.pk,
        "draft": draft.pk,
        "version": draft.current_version.pk,
        "sample": draft.current_version.samples.all()[0].pk,
    }


def test_every_address_is_tested() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(PRIVATE) | OTHERS


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_page_is_refused_to_all_but_its_artist(
    name: str,
    numbers: dict[str, int],
    client: Client,
    user: User,
    stranger: User,
    second_artist: User,
    admin: User,
    client_for: SignIn,
) -> None:
    method, arguments = PRIVATE[name]
    url = reverse(f"catalog:{name}", args=[numbers[argument] for argument in arguments])

    def ask(who: Client) -> Any:
        return getattr(who, method)(url)

    visitor = ask(client)
    assert visitor.status_code == 302
    assert visitor["Location"].startswith(reverse("account_login"))
    for person in (stranger, second_artist):
        assert ask(client_for(person)).status_code == 404, person
    for person in (user, admin):
        answer = ask(client_for(person))
        # Somebody who could become an artist is led to the terms, which tells nothing of the object.
        assert answer.status_code == (302 if method == "get" else 404), person
        if method == "get":
            assert answer["Location"] == reverse("accounts:role", args=["artist"])
    assert Work.objects.filter(pk=numbers["work"]).exists()
    assert not PlugIn.objects.get(pk=numbers["draft"]).is_published


@pytest.mark.parametrize("name", PRIVATE)
def test_what_does_not_exist_is_answered_like_what_is_anothers(
    name: str, numbers: dict[str, int], stranger: User, client_for: SignIn
) -> None:
    method, arguments = PRIVATE[name]
    client = client_for(stranger)
    theirs = getattr(client, method)(
        reverse(f"catalog:{name}", args=[numbers[argument] for argument in arguments])
    )
    nothing = getattr(client, method)(reverse(f"catalog:{name}", args=[999_999] * len(arguments)))

    assert theirs.status_code == nothing.status_code == 404


def test_an_unpublished_plugin_and_its_samples_are_seen_by_their_artist_and_administrators_alone(
    numbers: dict[str, int],
    artist: User,
    admin: User,
    user: User,
    stranger: User,
    client: Client,
    client_for: SignIn,
) -> None:
    draft = PlugIn.objects.get(pk=numbers["draft"])
    urls = [draft.get_absolute_url(), reverse("catalog:sample", args=[draft.pk, numbers["sample"]])]

    for url in urls:
        assert client_for(artist).get(url).status_code == 200
        assert client_for(admin).get(url).status_code == 200
        for refused in (client, client_for(user), client_for(stranger)):
            assert refused.get(url).status_code == 404, url


def test_a_work_is_not_found_under_another_concept(
    numbers: dict[str, int], artist: User, concept: Concept, client_for: SignIn
) -> None:
    url = reverse("catalog:work_file", args=[concept.pk, numbers["work"]])

    assert client_for(artist).get(url).status_code == 404


def test_an_artist_sees_only_their_own_desk(
    numbers: dict[str, int], artist: User, second_artist: User, client_for: SignIn
) -> None:
    assert "Draft" in client_for(artist).get(reverse("catalog:desk")).content.decode()
    page = client_for(second_artist).get(reverse("catalog:desk")).content.decode()
    assert "Begin with a concept" in page


def test_reading_addresses_refuse_writing(numbers: dict[str, int], artist: User, client_for: SignIn) -> None:
    client = client_for(artist)

    for name in ("work_file", "work_thumbnail"):
        url = reverse(f"catalog:{name}", args=[numbers["concept"], numbers["work"]])
        assert client.post(url).status_code == 405
    for name in ("affirm", "upload", "captions"):
        assert client.get(reverse(f"catalog:{name}", args=[numbers["concept"]])).status_code == 405


def test_a_form_from_another_site_is_refused(numbers: dict[str, int], artist: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(artist, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(reverse("catalog:publish", args=[numbers["draft"]])).status_code == 403
