"""The licence of a combined plug-in: it allows no more than those of other artists' parts in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn
from market.catalog.publishing import obstacles, publish, use_version
from market.catalog.terms import Terms
from market.refusals import Refused
from tests.market.catalog.conftest import with_works
from tests.market.stage import make_combined, make_part

SignIn = Callable[[User], Client]


@pytest.fixture
def ink(second_artist: User, base: BaseModel) -> PlugIn:
    """A plug-in that may be combined, and else allows as little as can be."""
    ink = make_part(second_artist, base, "Ink")
    PlugIn.objects.filter(pk=ink.pk).update(allow_commercial=False, allow_derivatives=False)
    return ink


@pytest.fixture
def duet(artist: User, base: BaseModel, ink: PlugIn) -> PlugIn:
    return make_combined(artist, base, "Duet", ("Ink", 1), ("Elsewhere", 1), publish=False)


def narrowed(plugin: PlugIn) -> PlugIn:
    PlugIn.objects.filter(pk=plugin.pk).update(allow_commercial=False, allow_derivatives=False)
    return PlugIn.objects.with_everything().get(pk=plugin.pk)


def test_a_licence_broader_than_a_parts_is_not_published(artist: User, duet: PlugIn) -> None:
    PlugIn.objects.filter(pk=duet.pk).update(require_credit=False)
    duet.refresh_from_db()
    with pytest.raises(Refused) as refusal:
        publish(duet, artist)
    assert [reason.text.partition("plug-in, ")[2] for reason in refusal.value.reasons] == [
        "allows no commercial use: switch it off here, too.",
        "allows no edits: switch derivatives off here, too.",
        "requires credit: require it here, too.",
    ]
    PlugIn.objects.filter(pk=duet.pk).update(require_credit=True)
    publish(narrowed(duet), artist)
    assert PlugIn.objects.get(pk=duet.pk).is_published


def test_ones_own_parts_bind_nobody(second_artist: User, base: BaseModel, ink: PlugIn) -> None:
    theirs = make_combined(second_artist, base, "Solo", ("Ink", 1), publish=False)
    assert obstacles(theirs, second_artist) == []


def test_on_the_market_the_licence_is_not_broadened(artist: User, duet: PlugIn, client_for: SignIn) -> None:
    publish(narrowed(duet), artist)
    form = {"price_micros": "0.06", "allow_commercial": "on", "require_credit": "on"}
    response = client_for(artist).post(duet.desk_url, form)
    assert response.status_code == 422
    assert "allows no commercial use" in response.content.decode()
    assert not PlugIn.objects.get(pk=duet.pk).allow_commercial

    assert client_for(artist).post(duet.desk_url, form | {"allow_commercial": ""}).status_code == 302
    assert PlugIn.objects.get(pk=duet.pk).price_micros == 60_000


def test_a_new_version_does_not_broaden_it_either(artist: User, base: BaseModel, duet: PlugIn) -> None:
    publish(narrowed(duet), artist)
    with pytest.raises(Refused, match="allows no commercial use"):
        start_addition(with_works(duet.concept), base, artist, terms=Terms(1, allow_derivatives=False))
    assert not PlugIn.objects.get(pk=duet.pk).allow_commercial


def test_a_combined_version_is_not_taken_up_under_a_broader_licence(artist: User, duet: PlugIn) -> None:
    publish(narrowed(duet), artist)
    PlugIn.objects.filter(pk=duet.pk).update(allow_commercial=True)
    plugin = PlugIn.objects.with_everything().get(pk=duet.pk)
    assert plugin.current_version is not None
    with pytest.raises(Refused, match="allows no commercial use"):
        use_version(plugin, plugin.current_version)
