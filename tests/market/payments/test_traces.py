"""Promotional credit pays nothing to accounts that share a card, an address or a device with the payer."""

from __future__ import annotations

import uuid

import pytest
from django.db.models import F
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.paying import funds_of
from market.generation.requesting import settle_terms
from market.ledger import operations as ledger
from market.payments.gateways.protocol import Payment, PaymentStatus
from market.payments.gateways.registry import gateway_named
from market.payments.models import Trace, TraceSort
from market.payments.promotions import credit_account, grant_credit
from market.payments.top_ups import settle, start_top_up
from market.payments.traces import KEPT_FOR, forget_traces, sharing_with
from tests.market.conftest import PASSWORD
from tests.market.stage import EURO, make_base, make_order, make_plugin, run, share_with, top_up, wallet

pytestmark = pytest.mark.django_db

PHONE = "Mozilla/5.0 (a phone)"
LAPTOP = "Mozilla/5.0 (a laptop)"


def sign_in(person: User, address: str, browser: str = PHONE) -> None:
    answer = Client(headers={"User-Agent": browser}).post(
        "/accounts/login/", {"login": person.email, "password": PASSWORD}, REMOTE_ADDR=address
    )
    assert answer.status_code == 302, answer.content.decode()


def pay_by_card(person: User, card: str) -> None:
    made = start_top_up(
        person=person, amount=10 * EURO, gateway=gateway_named("test"), request_id=uuid.uuid4()
    )
    settle("test", Payment(made.gateway_reference, PaymentStatus.PAID, 10 * EURO, "EUR", card=card))


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(artist, base)


@pytest.fixture
def credited(user: User, admin: User) -> User:
    """A person with credit, and with money of their own."""
    grant_credit(person=user, amount=EURO, admin=admin, reason="welcome", request_id=uuid.uuid4())
    top_up(user)
    return user


def paid_from(person: User, plugin: PlugIn) -> str:
    order = make_order(plugin.base, (plugin, 1.0))
    by_credit = funds_of(person, settle_terms(order, person).quote).by_credit
    request = run(person, order)
    assert request.hold is not None
    assert (request.hold.payer == credit_account(person)) == by_credit
    return "credit" if by_credit else "wallet"


def test_strangers_share_nothing(credited: User, artist: User, plugin: PlugIn) -> None:
    sign_in(credited, "203.0.114.7")
    sign_in(artist, "198.51.102.7")
    assert paid_from(credited, plugin) == "credit"


@pytest.mark.parametrize(
    ("theirs", "browser"),
    [
        ("203.0.114.7", LAPTOP),  # the same address
        ("203.0.114.99", PHONE),  # the same browser, nearby
    ],
)
def test_who_shares_an_address_or_a_device_is_paid_from_the_wallet(
    credited: User, artist: User, plugin: PlugIn, theirs: str, browser: str
) -> None:
    sign_in(credited, "203.0.114.7")
    sign_in(artist, theirs, browser)
    assert paid_from(credited, plugin) == "wallet"
    assert ledger.balance(wallet(credited)).held == 60_000


def test_addresses_of_one_network_of_ipv6_are_one(credited: User, artist: User) -> None:
    sign_in(credited, "2a00:1450:4001:81b::200e")
    sign_in(artist, "2a00:1450:4001:81b::1", LAPTOP)
    assert sharing_with(credited, [artist.pk]) == {artist.pk}


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "::1"])
def test_an_address_that_is_not_public_tells_nobody_apart(credited: User, artist: User, address: str) -> None:
    sign_in(credited, address)
    sign_in(artist, address)
    assert not Trace.objects.exists()


def test_who_paid_with_the_same_card_is_paid_from_the_wallet(
    credited: User, artist: User, plugin: PlugIn
) -> None:
    pay_by_card(credited, "card-of-one")
    pay_by_card(artist, "card-of-another")
    assert paid_from(credited, plugin) == "credit"
    pay_by_card(artist, "card-of-one")
    assert paid_from(credited, plugin) == "wallet"


def test_a_co_owner_and_a_model_owner_count_too(
    credited: User, second_artist: User, model_owner: User, plugin: PlugIn
) -> None:
    pay_by_card(credited, "card")
    pay_by_card(second_artist, "card")
    assert paid_from(credited, plugin) == "credit"
    share_with(plugin, second_artist, 2500)
    assert paid_from(credited, plugin) == "wallet"
    plain = make_order(plugin.base)
    assert funds_of(credited, settle_terms(plain, credited).quote).by_credit
    pay_by_card(model_owner, "card")
    assert not funds_of(credited, settle_terms(plain, credited).quote).by_credit


def test_what_is_kept_cannot_be_read_and_is_forgotten(credited: User, artist: User) -> None:
    for person in (credited, artist):
        for _ in range(2):
            sign_in(person, "203.0.114.7")
        pay_by_card(person, "card")
    kept = Trace.objects.values_list("sort", "digest")
    assert sorted(sort for sort, _ in kept) == sorted([*TraceSort.values] * 2)
    assert forget_traces() == 0

    Trace.objects.update(seen_at=F("seen_at") - KEPT_FOR)

    assert sharing_with(credited, [artist.pk]) == set()
    assert forget_traces() == 6
