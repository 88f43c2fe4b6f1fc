"""Lists are filtered and ordered by what a combined plug-in costs, also after its parts have become dearer."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.combined import price_now
from market.catalog.models import PlugIn, PriceChange
from market.catalog.publishing import publish
from market.catalog.repricing import reprice_combined
from tests.market.combinations.stage import ask, finish
from tests.market.stage import make_base, make_part, top_up

pytestmark = pytest.mark.django_db

CENT = 10_000


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def parts(artist: User, second_artist: User, base: BaseModel) -> tuple[PlugIn, PlugIn]:
    return (
        make_part(artist, base, "Ink", price=2 * CENT),
        make_part(second_artist, base, "Pip", price=2 * CENT),
    )


def combined(owner: User, name: str, *parts: PlugIn) -> PlugIn:
    plugin = finish(ask(owner, *parts, name=name)).plugin
    publish(plugin, owner)
    return plugin


@pytest.fixture
def duet(parts: tuple[PlugIn, PlugIn], artist: User) -> PlugIn:
    """The artist's, who asks nothing of themselves; the other part is the second artist's."""
    top_up(artist)
    return combined(artist, "Duet", *parts)


def make_dearer(plugin: PlugIn, micros: int) -> None:
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=micros)


def cost(plugin: PlugIn) -> int:
    """What lists take a plug-in to cost, once the sweep has been."""
    reprice_combined()
    kept = PlugIn.objects.get(pk=plugin.pk)
    return max(kept.price_micros, kept.parts_micros)


def shown(**query: str) -> list[str]:
    return [plugin.name for plugin in Client().get("/plugins/", query).context["page"]]


def test_it_is_what_a_picture_costs(duet: PlugIn, parts: tuple[PlugIn, PlugIn]) -> None:
    assert cost(duet) == price_now(duet)

    make_dearer(parts[1], 30 * CENT)

    assert cost(duet) == price_now(PlugIn.objects.get(pk=duet.pk)) > 30 * CENT


def test_a_search_for_cheaper_ones_finds_it_no_more(duet: PlugIn, parts: tuple[PlugIn, PlugIn]) -> None:
    reprice_combined()
    assert "Duet" in shown(max_price="0.10")

    make_dearer(parts[1], 30 * CENT)
    reprice_combined()

    assert shown(max_price="0.10") == ["Ink"]
    assert shown(sort="-price") == ["Duet", "Pip", "Ink"]
    assert shown(sort="price") == ["Ink", "Pip", "Duet"]


def test_it_follows_also_when_a_part_becomes_cheaper(duet: PlugIn, parts: tuple[PlugIn, PlugIn]) -> None:
    make_dearer(parts[1], 30 * CENT)
    assert cost(duet) > 30 * CENT

    make_dearer(parts[1], 2 * CENT)

    assert cost(duet) == price_now(PlugIn.objects.get(pk=duet.pk)) == duet.price_micros


def test_however_deep_the_part_is(
    duet: PlugIn, parts: tuple[PlugIn, PlugIn], artist: User, base: BaseModel
) -> None:
    deep = combined(artist, "Trio", duet, make_part(artist, base, "Charcoal", price=CENT))
    reprice_combined()

    make_dearer(parts[1], 30 * CENT)

    assert cost(deep) == price_now(PlugIn.objects.get(pk=deep.pk)) > 30 * CENT


def test_what_changed_is_noted_until_then_and_nothing_else_is(
    duet: PlugIn, parts: tuple[PlugIn, PlugIn]
) -> None:
    reprice_combined()
    make_dearer(parts[0], 2 * CENT)  # as it was
    PlugIn.objects.filter(pk=parts[0].pk).update(require_credit=False)
    assert not PriceChange.objects.exists()

    make_dearer(parts[1], 5 * CENT)
    assert [change.plugin for change in PriceChange.objects.all()] == [parts[1]]

    assert (reprice_combined(), reprice_combined(), PriceChange.objects.count()) == (1, 0, 0)


def test_what_its_parts_ask_for_is_no_less_than_nothing(duet: PlugIn) -> None:
    with (
        pytest.raises(IntegrityError, match="catalog_plugin_parts_price_in_range"),
        transaction.atomic(),
    ):
        PlugIn.objects.filter(pk=duet.pk).update(parts_micros=-1)
