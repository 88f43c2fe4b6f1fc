"""From a wish to held money and a waiting job, or to a refusal that changed nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel, PastFee
from market.catalog.models import PastPlugInPrice, PlugIn
from market.catalog.publishing import publish
from market.generation import limits
from market.generation.models import GenerationRequest, RequestPlugIn
from market.generation.orders import GenerationOrder
from market.generation.pricing import Quote
from market.generation.requesting import KIND, request_pictures, settle_terms
from market.jobs.days import days_of
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.ledger.models import Hold
from market.refusals import BalanceTooLow, PriceChanged, Refused
from tests.market.combinations.stage import ask, finish
from tests.market.races import at_once
from tests.market.stage import (
    EURO,
    make_base,
    make_order,
    make_part,
    make_plugin,
    run,
    share_with,
    top_up,
    wallet,
)

pytestmark = pytest.mark.django_db


def available(person: User) -> int:
    return ledger.balance(wallet(person)).available


def assert_nothing_happened() -> None:
    assert not Job.objects.filter(kind="generation").exists()
    assert not GenerationRequest.objects.exists()
    assert not Hold.objects.exists()


def test_a_request_holds_its_price_and_waits(user: User, base: BaseModel, plugin: PlugIn) -> None:
    top_up(user)

    made = run(user, make_order(base, (plugin, 0.8), count=2))

    assert made.job.state == JobState.QUEUED
    assert made.job.owner == user
    assert made.total_micros == 2 * 60_000
    assert made.hold is not None
    assert (made.hold.amount, made.hold.reference) == (120_000, f"generation:{made.pk}")
    assert available(user) == EURO - 120_000
    assert ledger.balance(wallet(user)).posted == EURO
    (used,) = made.plugins.all()
    assert (used.version, used.weight) == (plugin.current_version, 0.8)


def test_the_hold_divides_exactly_as_the_quote_says(user: User, base: BaseModel, plugin: PlugIn) -> None:
    top_up(user)
    made = run(user, make_order(base, (plugin, 1.0)))
    assert made.hold is not None
    assert [(share["line"], share["amount"]) for share in made.hold.shares] == [
        ("base_fee", 9_000),
        ("commission", 1_000),
        ("plugin_fee", 45_000),
        ("commission", 5_000),
    ]


def test_a_free_request_needs_no_money_and_no_hold(user: User, model_owner: User) -> None:
    free = make_base(model_owner, slug="free", fee=0, fingerprint="ef" * 32)
    made = run(user, make_order(free))
    assert (made.total_micros, made.hold) == (0, None)
    assert made.job.state == JobState.QUEUED


@pytest.mark.dates
def test_free_requests_are_told_apart_in_the_figures_of_a_day(
    user: User, model_owner: User, base: BaseModel
) -> None:
    top_up(user)
    run(user, make_order(base))
    run(user, make_order(make_base(model_owner, slug="free", fee=0, fingerprint="ef" * 32)))
    today = timezone.localdate()
    (day,) = days_of(KIND, today, today, only_counts=True)
    assert (day.asked, day.free) == (2, 1)


def test_an_artist_pays_only_the_base_when_using_their_own_plugin(
    artist: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(artist)
    made = run(artist, make_order(base, (plugin, 1.0)))
    assert made.total_micros == 10_000


def test_the_same_key_makes_one_request(user: User, base: BaseModel) -> None:
    top_up(user)
    key = uuid.uuid4()
    first = run(user, make_order(base), key)
    second = run(user, make_order(base), key)
    assert first == second
    assert Hold.objects.count() == 1


def test_a_repeated_key_is_answered_even_when_the_price_or_the_balance_changed(
    user: User, base: BaseModel
) -> None:
    top_up(user, 10_000)
    key = uuid.uuid4()
    first = run(user, make_order(base), key)
    BaseModel.objects.update(fee_micros=99)
    again = request_pictures(person=user, order=make_order(base), agreed="stale", idempotency_key=key)
    assert again == first


def test_keys_of_two_people_do_not_meet(user: User, stranger: User, base: BaseModel) -> None:
    top_up(user)
    top_up(stranger)
    key = uuid.uuid4()
    assert run(user, make_order(base), key) != run(stranger, make_order(base), key)


def test_too_little_balance_is_refused_with_what_is_there_and_what_is_needed(
    user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user, 59_999)
    with pytest.raises(BalanceTooLow) as refusal:
        run(user, make_order(base, (plugin, 1.0)))
    assert (refusal.value.needed, refusal.value.available, refusal.value.status) == (60_000, 59_999, 402)
    assert "€0.06" in str(refusal.value)
    assert_nothing_happened()


def later(passed: timedelta) -> None:
    """Let some time pass since prices changed."""
    for past in (PastFee, PastPlugInPrice):
        past.objects.update(until=F("until") - passed)


def ask_as_agreed(person: User, wish: GenerationOrder, seen: Quote) -> GenerationRequest:
    return request_pictures(person=person, order=wish, agreed=seen.digest, idempotency_key=uuid.uuid4())


def shown_again(person: User, wish: GenerationOrder, seen: Quote) -> Quote:
    with pytest.raises(PriceChanged) as refusal:
        ask_as_agreed(person, wish, seen)
    assert refusal.value.status == 409
    assert isinstance(refusal.value.quote, Quote)
    assert_nothing_happened()
    return refusal.value.quote


def test_a_price_that_rose_long_ago_is_shown_again_and_not_charged(
    user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    wish = make_order(base, (plugin, 1.0))
    seen = settle_terms(wish, user).quote
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=70_000)
    later(limits.QUOTE_HOLDS)

    assert shown_again(user, wish, seen).total == 80_000


def test_an_open_quote_keeps_its_price(user: User, base: BaseModel, plugin: PlugIn) -> None:
    top_up(user)
    wish = make_order(base, (plugin, 1.0), count=2)
    seen = settle_terms(wish, user).quote
    BaseModel.objects.filter(pk=base.pk).update(fee_micros=12_000)
    base.refresh_from_db()
    between = settle_terms(wish, user).quote
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=60_000)
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=62_500)
    later(limits.QUOTE_HOLDS - timedelta(minutes=1))

    made = ask_as_agreed(user, wish, seen)

    assert made.total_micros == seen.total == 120_000
    assert made.hold is not None
    assert made.hold.amount == 120_000
    assert Quote.from_json(made.quote) == seen
    assert ask_as_agreed(user, wish, between).total_micros == 124_000
    assert run(user, wish).total_micros == 149_000


def test_a_price_that_fell_is_shown_before_it_is_charged(user: User, base: BaseModel, plugin: PlugIn) -> None:
    top_up(user)
    wish = make_order(base, (plugin, 1.0))
    seen = settle_terms(wish, user).quote
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=40_000)

    assert shown_again(user, wish, seen).total == 50_000


def test_a_combined_plugin_keeps_the_price_that_its_parts_had(
    user: User, artist: User, second_artist: User, base: BaseModel
) -> None:
    top_up(user)
    top_up(artist)
    ink, pip = make_part(artist, base, "Ink"), make_part(second_artist, base, "Pip")
    duet = finish(ask(artist, ink, pip, name="Duet")).plugin
    publish(duet, artist)
    wish = make_order(base, (duet, 1.0))
    seen = settle_terms(wish, user).quote
    PlugIn.objects.filter(pk=pip.pk).update(price_micros=900_000)
    assert settle_terms(wish, user).quote.total > seen.total

    assert ask_as_agreed(user, wish, seen).total_micros == seen.total


def test_an_open_quote_does_not_outlive_what_else_changed(
    user: User, base: BaseModel, plugin: PlugIn, second_artist: User
) -> None:
    top_up(user)
    wish = make_order(base, (plugin, 1.0))
    seen = settle_terms(wish, user).quote
    PlugIn.objects.filter(pk=plugin.pk).update(price_micros=60_000)
    share_with(plugin, second_artist, 2500)
    assert shown_again(user, wish, seen).total == 70_000

    plugin.withdraw()
    with pytest.raises(Refused, match="not offered"):
        ask_as_agreed(user, wish, seen)


def test_an_unknown_plugin_is_refused(user: User, base: BaseModel) -> None:
    with pytest.raises(Refused, match="A chosen plug-in is not offered"):
        run(user, make_order(base, plugins=((987654, 1.0),)))
    assert_nothing_happened()


def test_an_unpublished_plugin_is_refused_even_to_its_artist(artist: User, base: BaseModel) -> None:
    draft = make_plugin(artist, base, publish=False)
    with pytest.raises(Refused, match="A chosen plug-in is not offered"):
        run(artist, make_order(base, (draft, 1.0)))


def test_a_withdrawn_plugin_is_refused(user: User, base: BaseModel, plugin: PlugIn) -> None:
    plugin.withdraw()
    with pytest.raises(Refused, match="A chosen plug-in is not offered"):
        run(user, make_order(base, (plugin, 1.0)))


def test_a_plugin_of_another_base_is_refused_by_name(
    user: User, model_owner: User, base: BaseModel, plugin: PlugIn
) -> None:
    other = make_base(model_owner, slug="other", fingerprint="ef" * 32)
    with pytest.raises(Refused, match="“Fxemoji” was made for Tiny, not for Other"):
        run(user, make_order(other, (plugin, 1.0)))
    assert_nothing_happened()


def test_a_plugin_made_for_former_weights_of_its_base_is_refused(
    user: User, base: BaseModel, plugin: PlugIn
) -> None:
    base.releases.update(fingerprint="ef" * 32)
    with pytest.raises(Refused, match="was made for other weights of Tiny"):
        run(user, make_order(base, (plugin, 1.0)))


def test_a_licence_without_combination_keeps_a_plugin_alone(
    user: User, artist: User, base: BaseModel, second_plugin: PlugIn
) -> None:
    top_up(user)
    alone = make_plugin(artist, base, allow_combination=False)
    run(user, make_order(base, (alone, 1.0)))
    with pytest.raises(Refused, match="only on its own"):
        run(user, make_order(base, (alone, 1.0), (second_plugin, 1.0)))


def test_a_plugin_twice_and_too_many_plugins_are_refused(user: User, base: BaseModel, plugin: PlugIn) -> None:
    with pytest.raises(Refused, match="twice"):
        run(user, make_order(base, (plugin, 1.0), (plugin, 0.5)))
    with pytest.raises(Refused, match="At most 4"):
        run(user, make_order(base, plugins=tuple((n, 1.0) for n in range(5))))


def test_a_base_that_is_not_listed_is_refused(user: User, base: BaseModel) -> None:
    base.listed = False
    with pytest.raises(Refused, match="not offered"):
        run(user, make_order(base))


def test_one_person_cannot_fill_the_queue(user: User, stranger: User, base: BaseModel) -> None:
    top_up(user)
    top_up(stranger)
    for _ in range(limits.MAX_WAITING):
        run(user, make_order(base))
    with pytest.raises(Refused, match="10 unfinished requests, the most at a time") as refusal:
        run(user, make_order(base))
    assert refusal.value.status == 429
    run(stranger, make_order(base))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("ledger_verifies")
@pytest.mark.parametrize("euros", [1, 5 * 10_000 / EURO])
def test_limits_hold_under_sixteen_requests_at_the_same_moment(
    user: User, base: BaseModel, euros: float
) -> None:
    """Of ten that may wait, or of five that the wallet pays for, not one more."""
    top_up(user, round(euros * EURO))
    order, most = make_order(base), min(limits.MAX_WAITING, round(euros * EURO) // 10_000)

    def ask(_: int) -> str:
        run(user, order)
        return "made"

    outcomes = at_once(16, ask)

    assert outcomes["made"] == most
    assert set(outcomes) == {"made", "Refused" if most == limits.MAX_WAITING else "BalanceTooLow"}
    assert GenerationRequest.objects.count() == most
    assert ledger.balance(wallet(user)).held == most * 10_000


def test_a_plugin_at_weight_zero_is_left_out_and_costs_nothing(
    user: User, base: BaseModel, plugin: PlugIn
) -> None:
    top_up(user)
    order = make_order(base, (plugin, 0.0))

    terms = settle_terms(order, user)
    made = run(user, order)

    assert terms.unneeded == (plugin,)
    assert made.total_micros == base.fee_micros
    assert not made.plugins.exists()


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"prompt": ""}, "generation_prompt_is_not_empty"),
        ({"seed": -1}, "generation_seed_in_range"),
        ({"steps": 0}, "generation_steps_in_range"),
        ({"guidance": -0.1}, "generation_guidance_in_range"),
        ({"count": 9}, "generation_count_in_range"),
        ({"hold": None}, "generation_is_held_for_exactly_when_it_costs"),
    ],
)
def test_the_database_refuses_a_request_out_of_range(
    user: User, base: BaseModel, changes: dict[str, Any], constraint: str
) -> None:
    top_up(user)
    made = run(user, make_order(base))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        GenerationRequest.objects.filter(pk=made.pk).update(**changes)


@pytest.mark.parametrize("weight", [-0.1, 1.6, float("inf"), float("nan")])
def test_the_database_refuses_a_weight_out_of_range(
    user: User, base: BaseModel, plugin: PlugIn, weight: float
) -> None:
    top_up(user)
    made = run(user, make_order(base, (plugin, 1.0)))
    with pytest.raises(IntegrityError, match="generation_weight_in_range"), transaction.atomic():
        RequestPlugIn.objects.filter(request=made).update(weight=weight)
