"""Within a day a price rises by at most a share of the lowest at which it was on offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from market.accounts.models import User
from market.basemodels.models import BaseModel, PastFee
from market.basemodels.offers import change_offer
from market.catalog.models import PastPlugInPrice, PlugIn
from market.catalog.publishing import publish
from market.catalog.terms import Terms, change_terms
from market.catalog.versions import enqueue_version
from market.refusals import Refused
from tests.market.combinations.stage import ask, finish
from tests.market.races import at_once
from tests.market.stage import make_base, make_part, make_plugin, top_up

pytestmark = pytest.mark.django_db

CENT = 10_000


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner, fee=10 * CENT)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(artist, base, price=20 * CENT)


def ask_for(plugin: PlugIn, micros: int) -> None:
    fresh = PlugIn.objects.with_everything().get(pk=plugin.pk)
    change_terms(fresh, replace(Terms.of(fresh), price_micros=micros))


def refusal_of(plugin: PlugIn, micros: int) -> str:
    with pytest.raises(Refused) as refused:
        ask_for(plugin, micros)
    assert [reason.field for reason in refused.value.reasons] == ["price_micros"]
    return str(refused.value)


def price(plugin: PlugIn) -> int:
    return PlugIn.objects.get(pk=plugin.pk).price_micros


def pass_a_day() -> None:
    for past in (PastPlugInPrice, PastFee):
        past.objects.update(until=F("until") - timedelta(hours=24))


def test_it_rises_by_a_quarter_and_no_more(plugin: PlugIn) -> None:
    said = refusal_of(plugin, 25 * CENT + 1)

    assert said.startswith("At most €0.25 now. Within 24 hours a price may rise by 25 %")
    assert "was €0.20. More is possible 24 hours after that." in said
    assert price(plugin) == 20 * CENT
    ask_for(plugin, 25 * CENT)
    assert price(plugin) == 25 * CENT


def test_small_steps_are_no_way_round(plugin: PlugIn) -> None:
    ask_for(plugin, 22 * CENT)

    said = refusal_of(plugin, 26 * CENT)
    assert "At most €0.25 now" in said
    assert " UTC on." in said
    ask_for(plugin, 25 * CENT)
    pass_a_day()
    ask_for(plugin, 31 * CENT)


def test_what_it_fell_to_counts_for_a_day(plugin: PlugIn) -> None:
    ask_for(plugin, 4 * CENT)
    assert "At most €0.05 now" in refusal_of(plugin, 20 * CENT)


def test_taking_it_from_the_market_is_no_way_round(plugin: PlugIn) -> None:
    assert plugin.withdraw()

    assert "At most €0.25 now" in refusal_of(plugin, 90 * CENT)

    pass_a_day()
    ask_for(plugin, 90 * CENT)
    publish(plugin, plugin.owner)


def test_making_a_version_with_other_terms_is_no_way_round(plugin: PlugIn, artist: User) -> None:
    with pytest.raises(Refused, match=r"At most €0\.25 now"):
        enqueue_version(
            "addition", plugin.concept, plugin.base, artist, terms=Terms(price_micros=90 * CENT), works=[]
        )


def test_a_plugin_free_of_charge_becomes_dearer_by_a_cent(artist: User, base: BaseModel) -> None:
    free = make_plugin(artist, base, name="Free", price=0)
    assert "At most €0.01 now" in refusal_of(free, 2 * CENT)
    ask_for(free, CENT)


def test_before_it_is_first_published_its_price_is_free_to_choose(artist: User, base: BaseModel) -> None:
    draft = make_plugin(artist, base, name="Draft", price=0, publish=False)
    ask_for(draft, 500 * CENT)
    publish(draft, artist)
    assert price(draft) == 500 * CENT


def test_another_licence_and_a_lower_price_are_no_rise(plugin: PlugIn) -> None:
    ask_for(plugin, 24 * CENT)
    fresh = PlugIn.objects.with_everything().get(pk=plugin.pk)
    change_terms(fresh, replace(Terms.of(fresh), allow_commercial=False))
    ask_for(plugin, 23 * CENT)


def test_the_deployment_says_by_how_much(plugin: PlugIn, settings: Settings) -> None:
    settings.FEES = replace(settings.FEES, price_rise_percent=100)
    ask_for(plugin, 40 * CENT)


def test_a_combined_plugin_may_ask_for_what_its_parts_do(
    artist: User, second_artist: User, base: BaseModel
) -> None:
    parts = make_part(artist, base, "Ink", price=CENT), make_part(second_artist, base, "Pip", price=CENT)
    top_up(artist)
    duet = finish(ask(artist, *parts, name="Duet")).plugin
    publish(duet, artist)
    PlugIn.objects.filter(pk=parts[1].pk).update(price_micros=50 * CENT)

    least = refusal_of(duet, 2 * CENT)
    assert "would not pay its parts" in least
    assert "At most €0.999801 now" in refusal_of(duet, 200 * CENT)
    ask_for(duet, 999_801)


def test_combining_it_again_is_no_way_round(artist: User, second_artist: User, base: BaseModel) -> None:
    parts = make_part(artist, base, "Ink", price=CENT), make_part(second_artist, base, "Pip", price=CENT)
    top_up(artist, 5_000_000)
    duet = finish(ask(artist, *parts, name="Duet", price_micros=20 * CENT)).plugin
    publish(duet, artist)
    duet.withdraw()

    finish(ask(artist, *parts, name="Duet", price_micros=90 * CENT), "Duet again")
    assert price(duet) == 25 * CENT

    pass_a_day()
    finish(ask(artist, *parts, name="Duet", price_micros=90 * CENT), "Duet once more")
    assert price(duet) == 90 * CENT


@pytest.mark.django_db(transaction=True)
def test_rises_at_the_same_moment_are_one_rise(plugin: PlugIn) -> None:
    wished = [22, 23, 24, 25]
    at_once(4, lambda number: ask_for(plugin, wished[number] * CENT))
    assert price(plugin) <= 25 * CENT
    assert "At most €0.25 now" in refusal_of(plugin, 26 * CENT)


def test_the_fee_of_a_base_rises_no_faster(base: BaseModel) -> None:
    with pytest.raises(Refused, match=r"At most €0\.125 now") as refused:
        change_offer(base, fee_micros=13 * CENT)
    assert refused.value.reasons[0].field == "fee_micros"
    base.refresh_from_db()
    change_offer(base, fee_micros=12 * CENT, listed=False)
    with pytest.raises(Refused, match=r"At most €0\.125 now"):
        change_offer(base, fee_micros=50 * CENT, listed=True)
    pass_a_day()
    base.refresh_from_db()
    change_offer(base, fee_micros=50 * CENT, listed=True)
