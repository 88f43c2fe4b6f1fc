"""Popularity: what people paid for and came back for, and nothing that could be bought."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, Popularity
from market.generation.models import GenerationRequest
from market.generation.popularity import COUNTED_ANEW, MOST_OF_ONE, count_popularity
from market.generation.refunds import refund_query
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.promotions import grant_credit
from market.payments.traces import remember_card
from tests.market.stage import EURO, make_order, paid_query, run, share_with, top_up

pytestmark = pytest.mark.django_db


def counted(plugin: PlugIn) -> tuple[int, int, int]:
    count_popularity()
    found = Popularity.objects.filter(plugin=plugin).first()
    return (found.pictures, found.people, found.came_back) if found else (0, 0, 0)


def on_another_day(request: GenerationRequest) -> None:
    GenerationRequest.objects.filter(pk=request.pk).update(created_at=timezone.now() - timedelta(days=3))


def test_pictures_people_and_those_who_came_back_are_counted(
    plugin: PlugIn, user: User, stranger: User
) -> None:
    for person in (user, stranger):
        top_up(person)
        paid_query(person, plugin)
    on_another_day(paid_query(user, plugin))

    assert counted(plugin) == (3, 2, 1)


def test_what_is_not_paid_yet_does_not_count(plugin: PlugIn, user: User) -> None:
    top_up(user)
    run(user, make_order(plugin.base, (plugin, 1.0)))

    assert counted(plugin) == (0, 0, 0)


def test_promotional_credit_does_not_count(plugin: PlugIn, user: User, admin: User) -> None:
    grant_credit(person=user, amount=EURO, admin=admin, reason="welcome", request_id=uuid.uuid4())
    request = paid_query(user, plugin)
    assert request.hold is not None
    assert request.hold.payer.kind == AccountKind.PROMOTION

    assert counted(plugin) == (0, 0, 0)


def test_who_is_paid_for_a_plugin_does_not_make_it_popular(
    plugin: PlugIn, artist: User, second_artist: User
) -> None:
    share_with(plugin, second_artist, 1000)
    for person in (artist, second_artist):
        top_up(person)
        request = run(person, make_order(plugin.base, (plugin, 1.0)))
        if request.hold is not None:
            ledger.capture(hold=request.hold, key=f"{request.reference}:capture")

    assert counted(plugin) == (0, 0, 0)


def test_who_shares_a_card_with_the_artist_does_not_count(plugin: PlugIn, artist: User, user: User) -> None:
    top_up(user)
    paid_query(user, plugin)
    for person in (artist, user):
        remember_card(person, "stripe", "fp_1")

    assert counted(plugin) == (0, 0, 0)


def test_of_one_person_only_some_pictures_count(plugin: PlugIn, user: User) -> None:
    top_up(user, 100 * EURO)
    for _ in range(3):
        request = run(user, make_order(plugin.base, (plugin, 1.0), count=8))
        assert request.hold is not None
        ledger.capture(hold=request.hold, key=f"{request.reference}:capture")

    assert counted(plugin) == (MOST_OF_ONE, 1, 0)


def test_what_was_refunded_is_counted_off_with_the_next_count(
    plugin: PlugIn, user: User, admin: User
) -> None:
    top_up(user)
    request = paid_query(user, plugin)
    assert counted(plugin) == (1, 1, 0)

    refund_query(request, admin, "it broke", from_receivers=True)

    assert counted(plugin) == (0, 0, 0)


def test_only_what_was_used_since_is_counted_again_until_a_count_is_old(plugin: PlugIn, user: User) -> None:
    top_up(user)
    paid_query(user, plugin)
    assert count_popularity() == 1
    Popularity.objects.update(counted_at=timezone.now() + timedelta(hours=1))
    assert count_popularity() == 0

    Popularity.objects.update(counted_at=timezone.now() - COUNTED_ANEW - timedelta(minutes=1))

    assert count_popularity() == 1


def test_a_market_without_requests_has_nothing_to_count(base: BaseModel, plugin: PlugIn) -> None:
    assert count_popularity() == 0
