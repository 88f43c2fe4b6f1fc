"""An artist's page: what they say, where else they are, and a domain that was proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.catalog.domains import check_domains, link_of, name_domain, record_of
from market.catalog.models import DomainProof, PlugIn, ProfileLink
from tests.market.outside.conftest import World, page, world

__all__ = ["world"]
SignIn = Callable[[User], Client]
PAGE = "/desk/profile/"
pytestmark = pytest.mark.django_db


def public(artist: User) -> str:
    return Client().get(artist.get_absolute_url()).content.decode()


def due(artist: User) -> DomainProof:
    """Let the time of the next check come."""
    DomainProof.objects.update(next_check_at=None)
    DomainProof.objects.filter(person=artist).update(next_check_at=timezone.now())
    assert check_domains() == 1
    return DomainProof.objects.get(person=artist)


# Text and links


def test_an_artist_says_who_they_are_and_where_else(artist: User, client_for: SignIn) -> None:
    sent = {"about": "I draw rivers.", "links": "https://ada.example/\n\n https://shop.example/ada \n"}

    assert client_for(artist).post(PAGE, sent)["Location"] == PAGE

    shown = public(artist)
    assert "I draw rivers." in shown
    assert '<a href="https://shop.example/ada" rel="me nofollow ugc noopener">shop.example/ada</a>' in shown


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ("http://ada.example/", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
        ("nonsense", "begins with https://"),
        ("\n".join(f"https://ada.example/{n}" for n in range(6)), "At most 5 links"),
        (f"https://ada.example/{'x' * 200}", "longer than 200"),
    ],
)
def test_a_link_that_is_none_is_refused_and_nothing_is_lost(
    artist: User, client_for: SignIn, links: str, said: str
) -> None:
    response = client_for(artist).post(PAGE, {"about": "I draw rivers.", "links": links})

    assert response.status_code == 422
    text = response.content.decode()
    assert said in text
    assert "I draw rivers." in text
    assert links.splitlines()[0] in text
    assert not ProfileLink.objects.exists()


def test_only_artists_have_such_a_page(user: User, model_owner: User, client_for: SignIn) -> None:
    for who in (user, model_owner):
        assert client_for(who).get(PAGE).status_code == 302
        assert client_for(who).post(f"{PAGE}domain/", {"domain": "ada.example"}).status_code == 404
    assert not DomainProof.objects.exists()


def test_an_artists_page_is_shown_with_a_picture_where_it_is_linked(plugin: PlugIn) -> None:
    shown = public(plugin.owner)

    assert plugin.sample_urls[0] in shown
    assert '"@type": "ProfilePage"' in shown


# A domain


def test_a_domain_is_proved_by_a_link_on_its_page(artist: User, client_for: SignIn, world: World) -> None:
    client_for(artist).post(f"{PAGE}domain/", {"domain": "https://Ada.example/about"})
    proof = DomainProof.objects.get(person=artist, domain="ada.example")
    assert "ada.example" not in public(artist)
    world.has("ada.example", page(f'<a rel="me" href="{link_of(proof)}">me</a>'))

    proof = due(artist)

    assert (proof.way, proof.failures, proof.problem) == ("link", 0, "")
    shown = public(artist)
    assert f"domain verified since {timezone.now():%-d %B %Y}" in shown
    assert '"https://ada.example/"' in shown


def test_a_domain_is_proved_by_a_record_of_its_name(artist: User, world: World) -> None:
    proof = name_domain(artist, "ada.example")
    world.records["ada.example", "TXT"] = ["v=spf1 -all", record_of(proof)]

    assert due(artist).way == "dns"
    assert world.asked == []


def test_the_token_of_another_artist_proves_nothing(artist: User, second_artist: User, world: World) -> None:
    theirs = name_domain(second_artist, "ada.example")
    name_domain(artist, "ada.example")
    world.records["ada.example", "TXT"] = [record_of(theirs)]
    world.has("ada.example", page(f'<a rel="me" href="{link_of(theirs)}">'))

    proof = due(artist)

    assert not proof.is_verified
    assert "Neither a record" in proof.problem


def test_a_link_to_the_page_without_its_token_proves_nothing(artist: User, world: World) -> None:
    name_domain(artist, "ada.example")
    world.has("ada.example", page(f'<a rel="me" href="http://127.0.0.1:8000{artist.get_absolute_url()}">'))

    assert not due(artist).is_verified


def test_a_verified_domain_lapses_when_its_token_stays_away(
    artist: User, client_for: SignIn, world: World, settings: Any
) -> None:
    settings.DOMAINS = replace(settings.DOMAINS, lapse_checks=2)
    proof = name_domain(artist, "ada.example")
    world.records["ada.example", "TXT"] = [record_of(proof)]
    since = due(artist).verified_at
    world.records.clear()

    once = due(artist)
    assert (once.verified_at, once.failures) == (since, 1)
    assert "domain verified" in public(artist)

    twice = due(artist)
    assert not twice.is_verified
    assert twice.lapsed_at
    assert twice.gives_up
    assert "domain verified" not in public(artist)
    assert "lapsed on" in client_for(artist).get(PAGE).content.decode()


def test_a_domain_that_comes_back_keeps_the_date_unless_it_lapsed(artist: User, world: World) -> None:
    proof = name_domain(artist, "ada.example")
    world.records["ada.example", "TXT"] = [record_of(proof)]
    since = due(artist).verified_at
    world.records.clear()
    due(artist)
    world.records["ada.example", "TXT"] = [record_of(proof)]

    again = due(artist)

    assert (again.verified_at, again.failures) == (since, 0)
    assert again.next_check_at
    assert again.next_check_at > timezone.now() + timedelta(days=6)


def test_a_domain_is_not_looked_at_before_its_time_or_where_it_is_switched_off(
    artist: User, world: World, settings: Any
) -> None:
    name_domain(artist, "ada.example")
    check_domains()
    assert check_domains() == 0

    DomainProof.objects.update(next_check_at=timezone.now())
    settings.DOMAINS = replace(settings.DOMAINS, checked=False)
    assert check_domains() == 0


def test_a_domain_that_is_never_proved_is_given_up_until_its_artist_asks(
    artist: User, client_for: SignIn, world: World, settings: Any
) -> None:
    settings.DOMAINS = replace(settings.DOMAINS, tries=1)
    name_domain(artist, "ada.example")
    assert due(artist).gives_up

    client = client_for(artist)
    assert "within the last minute" in client.post(f"{PAGE}domain/check/", follow=True).content.decode()
    DomainProof.objects.update(checked_at=timezone.now() - timedelta(minutes=2))
    client.post(f"{PAGE}domain/check/")

    assert check_domains() == 1


@pytest.mark.parametrize(
    "typed",
    ["", "x", "127.0.0.1", "[::1]", "http://10.0.0.1/", "localhost", "db.internal", "printer.local", "a b.example", "-x.example",
     "x" * 300, "ex\x01ample.org", "https://", "a..example"],
)  # fmt: skip
def test_what_is_no_domain_is_refused_and_kept_in_its_field(
    artist: User, client_for: SignIn, typed: str
) -> None:
    response = client_for(artist).post(f"{PAGE}domain/", {"domain": typed})

    assert response.status_code == 422
    assert not DomainProof.objects.exists()


def test_another_domain_begins_anew_and_the_same_one_goes_on(artist: User, world: World) -> None:
    first = name_domain(artist, "ada.example")
    assert name_domain(artist, "ADA.example.").token == first.token

    second = name_domain(artist, "bücher.example")

    assert second.domain == "xn--bcher-kva.example"
    assert second.token != first.token
    assert not first.found("dns")  # type: ignore[arg-type]  # a check that was under way


def test_two_sweepers_do_not_look_at_one_domain(artist: User) -> None:
    name_domain(artist, "ada.example")
    one, other = DomainProof.objects.get(), DomainProof.objects.get()

    assert (one.claim(), other.claim()) == (True, False)


def test_a_domain_can_be_removed(artist: User, second_artist: User, client_for: SignIn) -> None:
    name_domain(artist, "ada.example")
    assert client_for(second_artist).post(f"{PAGE}domain/remove/").status_code == 404

    client_for(artist).post(f"{PAGE}domain/remove/")

    assert not DomainProof.objects.exists()


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"domain": "no domain"}, "domain_shape"),
        ({"domain": "127.0.0.1"}, "domain_shape"),
        ({"token": "short"}, "token_shape"),
        ({"way": "dns"}, "verified_in_a_way"),
        ({"verified_at": timezone.now(), "checked_at": timezone.now()}, "verified_in_a_way"),
        ({"verified_at": timezone.now(), "way": "dns"}, "verified_by_a_check"),
    ],
)
def test_the_database_keeps_domains_sound(artist: User, changes: dict[str, Any], constraint: str) -> None:
    name_domain(artist, "ada.example")

    if constraint == "verified_by_a_check":
        changes = changes | {"checked_at": timezone.now() - timedelta(days=1)}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        DomainProof.objects.update(**changes)


@pytest.mark.parametrize("address", ["http://ada.example/", "javascript:alert(1)", "https:///x"])
def test_the_database_keeps_links_of_https_alone(artist: User, address: str) -> None:
    with pytest.raises(IntegrityError, match="catalog_profilelink_is_https"), transaction.atomic():
        ProfileLink.objects.create(person=artist, position=1, address=address)
