"""The pages of extractions and releases: for who governs the base, and the artist of a plug-in; nobody else learns of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.models import Extraction, ExtractionState, ReleaseBuild, Retest
from market.extractions.urls import urlpatterns
from tests.market.extractions.stage import (
    REASON,
    begun,
    make_claim,
    make_dropped,
    make_extraction,
    not_judged,
    retrain,
)

SignIn = Callable[[User], Client]

# Method and arguments of every address; `ready` and the others stand for numbers.
ADDRESSES: dict[str, tuple[str, list[str]]] = {
    "base": ("get", ["slug"]),
    "start": ("get", ["slug"]),
    "build_again": ("post", ["slug"]),
    "compare_releases": ("get", ["slug"]),
    "extraction": ("get", ["ready"]),
    "approve": ("post", ["ready"]),
    "discard": ("post", ["ready"]),
    "take_back": ("post", ["approved"]),
    "compare": ("get", ["ready", "approved"]),
    "extraction_picture": ("get", ["ready", "extraction_picture"]),
    "build": ("get", ["build"]),
    "build_picture": ("get", ["build", "build_picture"]),
    "use_release": ("post", ["release"]),
    "retest": ("get", ["retest"]),
    "retest_picture": ("get", ["retest", "retest_picture"]),
    "retrain": ("post", ["retest"]),
    "accept_retraining": ("post", ["retest"]),
    "decline_retraining": ("post", ["retest"]),
    "retraining_picture": ("get", ["retraining", "retraining_picture"]),
}


@pytest.fixture
def numbers(base: BaseModel, model_owner: User, artist: User) -> dict[str, int | str | None]:
    ready = make_extraction(base, model_owner)
    retest = make_dropped(artist, base)
    retraining = retrain(retest)
    build = retest.build
    approved = build.parts.get().extraction
    return {
        "slug": base.slug,
        "ready": ready.pk,
        "approved": approved.pk,
        "build": build.pk,
        "release": build.release_id,
        "retest": retest.pk,
        "extraction_picture": ready.grid.all()[0].pk,
        "build_picture": build.grid.all()[0].pk,
        "retest_picture": retest.grid.all()[0].pk,
        "retraining": retraining.pk,
        "retraining_picture": retraining.grid.all()[0].pk,
    }


def address(name: str, numbers: dict[str, int | str | None]) -> tuple[str, str]:
    method, arguments = ADDRESSES[name]
    return method, reverse(f"extractions:{name}", args=[numbers[each] for each in arguments])


def test_every_address_is_tested() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(ADDRESSES)


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_stranger_finds_nothing_and_a_visitor_is_asked_to_sign_in(
    name: str, numbers: dict[str, int | str | None], client_for: SignIn, client: Client, stranger: User
) -> None:
    method, url = address(name, numbers)
    assert getattr(client_for(stranger), method)(url).status_code == 404
    assert getattr(client, method)(url).status_code == 302


@pytest.mark.parametrize("name", [name for name, (method, _) in ADDRESSES.items() if method == "get"])
def test_the_owner_and_an_admin_see_every_page(
    name: str, numbers: dict[str, int | str | None], client_for: SignIn, model_owner: User, admin: User
) -> None:
    _, url = address(name, numbers)
    for person in (model_owner, admin):
        assert client_for(person).get(url).status_code == 200


def test_the_artist_of_a_plugin_sees_how_it_does_on_a_new_release(
    numbers: dict[str, int | str | None], client_for: SignIn, artist: User
) -> None:
    client = client_for(artist)
    page = client.get(address("retest", numbers)[1])
    assert "dropped" in page.content.decode()
    assert client.get(address("retest_picture", numbers)[1])["Content-Type"] == "image/png"
    assert client.get(address("build", numbers)[1]).status_code == 404

    plugin = Retest.objects.get().version.plugin
    assert address("retest", numbers)[1] in client.get(plugin.desk_url).content.decode()


def test_a_concept_is_taken_out_by_a_form_that_a_claim_fills_in(
    base: BaseModel, model_owner: User, artist: User, client_for: SignIn
) -> None:
    claim = make_claim(artist, base)
    client, url = client_for(model_owner), reverse("extractions:start", args=[base.slug])
    assert 'value="Noto"' in client.get(url, {"claim": claim.pk}).content.decode()

    wish = {
        "claim": claim.pk,
        "name": " Noto ",
        "kind": "style",
        "aliases": "Google, Noto Emoji",
        "anchor": "Clay",
        "retained": "a cat\n\n  a house  \n",
        "method": "closed-form",
        "pictures": 40,
    }
    answer = client.post(url, wish)
    made = Extraction.objects.get()
    assert answer["Location"] == made.job.get_absolute_url()
    assert (made.name, made.claim, made.aliases) == ("Noto", claim, ["Google", "Noto Emoji"])
    assert (made.retained, made.anchor, made.pictures) == (["a cat", "a house"], "Clay", 40)
    again = client.get(url, {"like": str(made.job_id)}).content.decode()
    assert "closed-form" in again
    assert client.get(url, {"like": "nonsense"}).status_code == 200

    refused = client.post(url, wish)
    assert refused.status_code == 422
    assert "is being taken out" in refused.content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a, b"}, "Use letters"),
        ({"kind": "mood"}, "Select a valid choice"),
        ({"method": "magic"}, "Select a valid choice"),
        ({"pictures": 5}, "greater than or equal to 20"),
        ({"retained": "x" * 501}, "Prompt 1 has 501 letters"),
        ({"retained": "\n".join(["a cat"] * 2001)}, "2001 prompts"),
        ({"aliases": ",".join("abcdefghij")}, "10 names"),
        ({"claim": 999}, "Select a valid choice"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_what_was_expected(
    base: BaseModel, model_owner: User, client_for: SignIn, change: dict[str, object], said: str
) -> None:
    wish = {"name": "Noto", "kind": "style", "method": "hybrid", "pictures": 100} | change
    answer = client_for(model_owner).post(reverse("extractions:start", args=[base.slug]), wish)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Extraction.objects.exists()


def test_approving_by_the_page_asks_for_the_reason_and_leads_to_the_build(
    base: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    made = make_extraction(base, model_owner, figures=not_judged())
    client, url = client_for(model_owner), reverse("extractions:approve", args=[made.pk])
    refused = client.post(url)
    assert refused.status_code == 422
    assert "say why" in refused.content.decode()

    answer = client.post(url, {"reason": REASON})
    assert answer["Location"] == ReleaseBuild.objects.get().job.get_absolute_url()
    assert REASON in client.get(made.get_absolute_url()).content.decode()


def test_discarding_by_the_page_keeps_the_report(
    base: BaseModel, model_owner: User, client_for: SignIn
) -> None:
    made = make_extraction(base, model_owner)
    client = client_for(model_owner)
    client.post(reverse("extractions:discard", args=[made.pk]), {"reason": "Too much is lost."})
    made.refresh_from_db()
    assert made.state == ExtractionState.DISCARDED
    assert "Too much is lost." in client.get(made.get_absolute_url()).content.decode()


def test_a_release_is_used_and_compared_by_the_pages(
    base: BaseModel, model_owner: User, client_for: SignIn, numbers: dict[str, int | str | None]
) -> None:
    client = client_for(model_owner)
    client.post(address("use_release", numbers)[1])
    assert base.default_release().pk == numbers["release"]

    url = reverse("extractions:compare_releases", args=[base.slug])
    latest = [base.releases.get(number=number) for number in (1, 2)]
    initial = client.get(url).context["form"].initial
    assert [initial["first"], initial["second"]] == latest
    first = base.releases.get(number=1).pk
    page = client.get(url, {"first": first, "second": numbers["release"]}).content.decode()
    assert "Fixed prompts" in page
    assert page.count("<img") >= 2
    assert client.get(url, {"first": first, "second": 999}).status_code == 422


def test_a_failed_one_leads_back_to_its_form(base: BaseModel, model_owner: User) -> None:
    made = begun(base, model_owner)
    assert made.job.origin_url == f"{reverse('extractions:start', args=[base.slug])}?like={made.job_id}"


def test_the_owner_is_led_there_from_the_page_of_the_base(
    base: BaseModel, model_owner: User, stranger: User, client_for: SignIn
) -> None:
    there = reverse("extractions:base", args=[base.slug])
    assert there in client_for(model_owner).get(base.get_absolute_url()).content.decode()
    assert there not in client_for(stranger).get(base.get_absolute_url()).content.decode()
