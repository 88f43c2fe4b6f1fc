"""Promotional credit is the market's money: given once, spent first, and whoever is paid with it is paid in full."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.ledger.verification import verify
from market.payments.promotions import MOST, credit_account, grant_credit
from market.refusals import BalanceTooLow, Refused
from tests.market.stage import (
    EURO,
    commission,
    earnings,
    make_base,
    make_order,
    make_plugin,
    run,
    top_up,
    wallet,
)

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(artist, base)


def give(person: User, admin: User, amount: int, request_id: uuid.UUID | None = None) -> Transfer:
    return grant_credit(
        person=person, amount=amount, admin=admin, reason="welcome", request_id=request_id or uuid.uuid4()
    )


def credit(person: User) -> ledger.Balance:
    account = credit_account(person)
    assert account is not None
    return ledger.balance(account)


def test_it_comes_out_of_the_markets_revenue(user: User, admin: User) -> None:
    give(user, admin, EURO)

    assert (credit(user).posted, commission()) == (EURO, -EURO)
    assert verify().ok


def test_it_pays_before_the_wallet_and_artists_get_their_royalty(
    user: User, admin: User, artist: User, plugin: PlugIn
) -> None:
    give(user, admin, EURO)
    top_up(user)

    request = run(user, make_order(plugin.base, (plugin, 1.0)))
    assert request.hold is not None
    ledger.capture(hold=request.hold, key=f"{request.reference}:capture")

    assert (credit(user).posted, ledger.balance(wallet(user)).posted) == (EURO - 60_000, EURO)
    assert earnings(artist) == 45_000
    assert verify().ok


def test_where_it_does_not_cover_the_price_the_wallet_pays_all(
    user: User, admin: User, plugin: PlugIn
) -> None:
    give(user, admin, 59_999)
    top_up(user)

    run(user, make_order(plugin.base, (plugin, 1.0)))

    assert (credit(user).held, ledger.balance(wallet(user)).held) == (0, 60_000)


def test_a_query_that_neither_covers_is_refused(user: User, admin: User, plugin: PlugIn) -> None:
    give(user, admin, 40_000)
    top_up(user, 30_000)

    with pytest.raises(BalanceTooLow):
        run(user, make_order(plugin.base, (plugin, 1.0)))
    assert (credit(user).held, ledger.balance(wallet(user)).held) == (0, 0)


def test_switched_off_for_plugins_it_pays_for_plain_bases_only(
    user: User, admin: User, base: BaseModel, plugin: PlugIn, settings: Any
) -> None:
    settings.FEES = replace(settings.FEES, promotion_pays_royalties=False)
    give(user, admin, EURO)
    top_up(user)

    run(user, make_order(base, (plugin, 1.0)))
    assert (credit(user).held, ledger.balance(wallet(user)).held) == (0, 60_000)

    run(user, make_order(base))
    assert (credit(user).held, ledger.balance(wallet(user)).held) == (10_000, 60_000)


def test_an_artist_may_spend_it_on_their_own_plugin_which_costs_nothing(
    artist: User, admin: User, plugin: PlugIn, settings: Any
) -> None:
    settings.FEES = replace(settings.FEES, promotion_pays_royalties=False)
    give(artist, admin, EURO)

    run(artist, make_order(plugin.base, (plugin, 1.0)))

    assert credit(artist).held == 10_000  # the base's fee


class TestGiving:
    def test_the_same_form_gives_it_once(self, user: User, admin: User) -> None:
        request_id = uuid.uuid4()
        give(user, admin, EURO, request_id)
        with pytest.raises(Refused, match="before"):
            give(user, admin, EURO, request_id)
        assert credit(user).posted == EURO

    @pytest.mark.parametrize("amount", [0, -1, MOST + 1])
    def test_an_amount_that_is_none_or_a_slip_is_refused(self, user: User, admin: User, amount: int) -> None:
        with pytest.raises(Refused, match="At most"):
            give(user, admin, amount)
        assert credit_account(user) is None

    def test_admins_give_it_and_not_to_themselves(self, user: User, admin: User, stranger: User) -> None:
        with pytest.raises(Refused, match="Only an admin"):
            give(user, stranger, EURO)
        with pytest.raises(Refused, match="Another admin"):
            give(admin, admin, EURO)
        assert not Transfer.objects.exists()

    def test_the_page_gives_it_and_says_to_whom(self, user: User, admin: User, client_for: ClientFor) -> None:
        client = client_for(admin)
        form = {"person": user.email, "amount": "2.50", "reason": "welcome", "request_id": str(uuid.uuid4())}

        assert client.post("/reports/credit/", form | {"person": "nobody@example.org"}).status_code == 422
        assert client.post("/reports/credit/", form | {"amount": "1e3"}).status_code == 422
        answer = client.post("/reports/credit/", form, follow=True)

        assert "welcome" in answer.content.decode()
        assert credit(user).posted == 2_500_000
        assert client.post("/reports/credit/", form).status_code == 422

    @pytest.mark.parametrize("who", ["user", "artist", "model_owner", "stranger"])
    def test_the_page_is_for_admins(
        self, who: str, request: pytest.FixtureRequest, client_for: ClientFor
    ) -> None:
        assert client_for(request.getfixturevalue(who)).get("/reports/credit/").status_code == 404


def test_the_wallet_and_the_price_say_what_credit_there_is(
    user: User, admin: User, plugin: PlugIn, client_for: ClientFor
) -> None:
    give(user, admin, 3 * EURO)
    client = client_for(user)

    assert "€3.00" in client.get("/wallet/").content.decode()
    shown = client.get(f"/studio/?plugin={plugin.slug}").content.decode()
    assert "which pays this" in shown
    assert "is missing" not in shown


def test_a_wallet_is_never_topped_up_by_it(user: User, admin: User) -> None:
    give(user, admin, EURO)
    assert ledger.balance(ledger.account(AccountKind.WALLET, user)).posted == 0
