"""A query's price is given back once: out of what its receivers got, or by the market; and only by admins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.generation.models import GenerationRequest
from market.generation.refunds import capture_of, refund_query
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.ledger.verification import verify
from market.refusals import Refused
from tests.market.stage import (
    commission,
    earnings,
    make_base,
    make_order,
    make_plugin,
    paid_query,
    run,
    top_up,
    wallet,
)

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def query(user: User, artist: User, model_owner: User) -> GenerationRequest:
    base = make_base(model_owner)
    top_up(user)
    return paid_query(user, make_plugin(artist, base))


def test_its_receivers_give_it_back(
    query: GenerationRequest, user: User, artist: User, model_owner: User, admin: User
) -> None:
    refund_query(query, admin, "drawn wrong", from_receivers=True)

    assert ledger.balance(wallet(user)).posted == 1_000_000
    assert earnings(artist) == earnings(model_owner) == commission() == 0
    assert verify().ok


def test_the_market_gives_it_back_and_artists_keep_theirs(
    query: GenerationRequest, user: User, artist: User, model_owner: User, admin: User
) -> None:
    refund_query(query, admin, "goodwill", from_receivers=False)

    assert ledger.balance(wallet(user)).posted == 1_000_000
    assert (earnings(artist), earnings(model_owner)) == (45_000, 9_000)
    assert commission() == 6_000 - 60_000
    assert verify().ok


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_it_is_given_back_once(query: GenerationRequest, admin: User, first: bool, second: bool) -> None:
    refund_query(query, admin, "drawn wrong", from_receivers=first)
    before = Transfer.objects.count()

    with pytest.raises(Refused, match="before"):
        refund_query(query, admin, "again", from_receivers=second)
    assert Transfer.objects.count() == before


def test_what_was_not_charged_is_not_given_back(
    user: User, artist: User, model_owner: User, admin: User
) -> None:
    base = make_base(model_owner)
    top_up(user)
    request = run(user, make_order(base, (make_plugin(artist, base), 1.0)))

    with pytest.raises(Refused, match="not charged"):
        refund_query(request, admin, "drawn wrong", from_receivers=True)


def test_it_needs_a_reason_and_an_admin_who_did_not_ask_for_it(
    query: GenerationRequest, user: User, stranger: User, admin: User
) -> None:
    with pytest.raises(Refused, match="why"):
        refund_query(query, admin, "   ", from_receivers=True)
    for person in (user, stranger):
        with pytest.raises(Refused, match="Only an admin"):
            refund_query(query, person, "mine", from_receivers=True)
    GenerationRequest.objects.filter(pk=query.pk).update(person=admin)
    query.refresh_from_db()
    with pytest.raises(Refused, match="Another admin"):
        refund_query(query, admin, "mine", from_receivers=True)


class TestPage:
    def test_an_admin_gives_it_back_on_the_transfers_page(
        self, query: GenerationRequest, admin: User, client_for: ClientFor
    ) -> None:
        capture = capture_of(query)
        assert capture is not None
        client, page = client_for(admin), f"/reports/transfers/{capture.pk}/"
        assert f"{page}refund/" in client.get(page).content.decode()

        assert client.post(f"{page}refund/", {"paid_by": "nobody", "reason": ""}).status_code == 422
        client.post(f"{page}refund/", {"paid_by": "market", "reason": "goodwill"})

        shown = client.get(page).content.decode()
        assert "The market gave this back" in shown
        assert f"{page}refund/" not in shown

    def test_only_captures_of_queries_can_be(
        self, query: GenerationRequest, admin: User, client_for: ClientFor
    ) -> None:
        top_up_made = Transfer.objects.get(kind="top_up")
        client, page = client_for(admin), f"/reports/transfers/{top_up_made.pk}/"

        answer = client.post(f"{page}refund/", {"paid_by": "market", "reason": "goodwill"}, follow=True)

        assert "Only a captured request" in answer.content.decode()
        assert "refund/" not in client.get(page).content.decode()

    @pytest.mark.parametrize("who", ["user", "artist", "model_owner", "stranger"])
    def test_nobody_else_does(
        self, query: GenerationRequest, who: str, request: pytest.FixtureRequest, client_for: ClientFor
    ) -> None:
        capture = capture_of(query)
        assert capture is not None
        answer = client_for(request.getfixturevalue(who)).post(
            f"/reports/transfers/{capture.pk}/refund/", {"paid_by": "market", "reason": "mine"}
        )
        assert answer.status_code == 404
        assert not Transfer.objects.filter(kind="refund").exists()
