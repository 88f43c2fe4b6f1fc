"""A plug-in that restores a concept is neither used nor paid for on a release that never lost it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.catalog.on_release import unneeded_on
from market.extractions.releases import make_default
from market.generation.models import GenerationRequest
from market.generation.orders import QuoteOrder
from market.generation.requesting import settle_terms
from market.ledger.models import Hold
from tests.market.generation.test_studio import HTMX, assert_nothing_charged, digest_in, form, press_run
from tests.market.stage import make_order, make_plugin, run, top_up

ClientFor = Callable[[User], Client]
LEFT_OUT = "it is left out and not charged"
PRICE = 50_000


@pytest.fixture
def restorer(restorer: PlugIn) -> PlugIn:
    """The restoring plug-in at a price."""
    PlugIn.objects.filter(pk=restorer.pk).update(price_micros=PRICE)
    restorer.refresh_from_db()
    return restorer


@pytest.fixture
def user(user: User) -> User:
    top_up(user)
    return user


@pytest.fixture
def never_lost(base: BaseModel, restorer: PlugIn, model_owner: User) -> BaseModel:
    """The base, with the release in use from which nothing was taken out."""
    make_default(base.releases.get(number=1), model_owner)
    return base


def test_the_price_leaves_it_out_and_says_why(
    client_for: ClientFor, user: User, never_lost: BaseModel, restorer: PlugIn
) -> None:
    wish = form(never_lost, (restorer, "1"), prompt="a fox, in Noto style")

    page = client_for(user).post("/studio/quote/", wish, headers=HTMX).content.decode()

    assert LEFT_OUT in page
    assert "which was taken out of this base" not in page
    assert "€0.05" not in page
    assert "€0.01" in page, "the fee of the base"


def test_a_run_holds_no_more_than_the_price_and_draws_without_it(
    client_for: ClientFor, user: User, never_lost: BaseModel, restorer: PlugIn
) -> None:
    press_run(client_for(user), form(never_lost, (restorer, "1")))

    made = GenerationRequest.objects.get()
    assert made.total_micros == never_lost.fee_micros
    assert not made.plugins.exists()
    assert [line.line for line in made.price.lines] == ["base_fee"]
    assert Hold.objects.get().amount == never_lost.fee_micros


def test_where_the_concept_was_lost_it_is_used_and_paid_for(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn
) -> None:
    client = client_for(user)
    page = client.post("/studio/quote/", form(base, (restorer, "1")), headers=HTMX).content.decode()
    assert LEFT_OUT not in page

    press_run(client, form(base, (restorer, "1")))

    made = GenerationRequest.objects.get()
    assert made.total_micros == base.fee_micros + PRICE
    assert made.plugins.get().version_id == restorer.current_version_id


def test_a_price_that_was_seen_before_another_release_came_into_use_is_shown_again(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn, model_owner: User
) -> None:
    client, wish = client_for(user), form(base, (restorer, "1"))
    agreed = digest_in(client.post("/studio/quote/", wish, headers=HTMX))
    make_default(base.releases.get(number=1), model_owner)

    answer = client.post("/studio/", wish | {"run": "yes", "agreed": agreed})

    assert answer.status_code == 409
    assert LEFT_OUT in answer.content.decode()
    assert_nothing_charged(user)


def test_others_that_were_chosen_are_used_as_if_it_were_not_there(
    user: User, artist: User, never_lost: BaseModel, restorer: PlugIn
) -> None:
    alone = make_plugin(artist, never_lost, price=20_000, allow_combination=False)

    made = run(user, make_order(never_lost, (restorer, 1.0), (alone, 0.5)))

    used = made.plugins.get()
    assert (used.version.plugin_id, used.weight, used.position) == (alone.pk, 0.5, 0)
    assert made.total_micros == never_lost.fee_micros + 20_000


def test_the_terms_name_what_is_left_out(user: User, never_lost: BaseModel, restorer: PlugIn) -> None:
    terms = settle_terms(QuoteOrder(base=never_lost, plugins=((restorer.pk, 1.0),)), user)
    assert terms.unneeded == (restorer,)
    assert terms.versions == ()


def test_one_made_from_works_is_needed_everywhere(
    artist: User, never_lost: BaseModel, restorer: PlugIn
) -> None:
    added, restoring = make_plugin(artist, never_lost).current_version, restorer.current_version
    assert added is not None
    assert restoring is not None
    first, second = never_lost.releases.order_by("number")

    assert unneeded_on(first, [added, restoring]) == {restoring.pk}
    assert unneeded_on(second, [added, restoring]) == set()


def test_its_page_says_so_where_the_release_in_use_never_lost_it(
    client_for: ClientFor, user: User, base: BaseModel, restorer: PlugIn, model_owner: User
) -> None:
    client = client_for(user)
    assert "by itself at present" not in client.get(restorer.get_absolute_url()).content.decode()

    make_default(base.releases.get(number=1), model_owner)

    assert "by itself at present" in client.get(restorer.get_absolute_url()).content.decode()
