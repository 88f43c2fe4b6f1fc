"""Payouts to accounts at Stripe, played by a stand-in: each transferred once, resumed after silence, given back when refused."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.batches import approve_batch, make_batch, return_payout, send_batch, settle_batch
from market.payments.models import BatchState, Payout, PayoutBatch, PayoutDetails, PayoutState
from market.payments.payouts import keep_details, request_payout, verify_details
from market.payments.stripe_transfers import AGAIN_AFTER, send_transfers
from market.refusals import Refused
from tests.market.payments.conftest import earn, earnings
from tests.market.payments.stripe_stand_in import StripeStandIn

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
EURO = 1_000_000
ACCOUNT, IBAN = "acct_1Ada2Artist3Xyz", "DE89370400440532013000"


@pytest.fixture(autouse=True)
def no_reserve(settings: Any) -> None:
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban="NL91ABNA0417164300")


def ask(person: User, admin: User, **place: str) -> Payout:
    """Have a person with 50 EUR ask for 20 of them, to an account that was checked."""
    earn(person, 50 * EURO)
    verify_details(keep_details(person, PayoutDetails(holder=str(person), **place)), admin)
    return request_payout(person=person, amount=20 * EURO, request_id=uuid.uuid4())


@pytest.fixture
def payout(artist: User, admin: User) -> Payout:
    return ask(artist, admin, stripe_account=ACCOUNT)


@pytest.fixture
def sent(payout: Payout, admin: User) -> Payout:
    """A payout in a batch of its own that was approved and sent, of which Stripe does not know yet."""
    send_batch(approve_batch(make_batch(admin), admin), admin)
    payout.refresh_from_db()
    return payout


def later() -> None:
    Payout.objects.update(stripe_tried_at=timezone.now() - AGAIN_AFTER - timedelta(seconds=1))


class TestTransfers:
    def test_what_was_sent_is_transferred_once_and_settles_its_batch(
        self, sent: Payout, stripe_stand_in: StripeStandIn
    ) -> None:
        stripe_stand_in.play("transferred", payout=sent.pk)
        assert send_transfers() == 1
        later()
        assert send_transfers() == 0
        sent.refresh_from_db()
        assert (sent.state, sent.stripe_transfer) == (PayoutState.PAID, "tr_a1B2c3")
        assert PayoutBatch.objects.get().state == BatchState.SETTLED
        assert earnings(sent.person) == 30 * EURO
        assert ledger.balance(ledger.account(AccountKind.PAYOUT_CLEARING)).posted == 20 * EURO

    def test_nothing_is_transferred_before_the_batch_is_sent(
        self, payout: Payout, admin: User, stripe_stand_in: StripeStandIn
    ) -> None:
        assert send_transfers() == 0
        approve_batch(make_batch(admin), admin)
        assert send_transfers() == 0
        assert stripe_stand_in.requests == []

    @pytest.mark.parametrize(
        ("name", "why"),
        [("transfer_refused", "No such destination"), ("transfer_without_balance", "insufficient")],
    )
    def test_what_stripe_refuses_is_back_in_the_earnings(
        self, sent: Payout, stripe_stand_in: StripeStandIn, name: str, why: str
    ) -> None:
        stripe_stand_in.play(name, payout=sent.pk)
        assert send_transfers() == 1
        later()
        assert send_transfers() == 0
        sent.refresh_from_db()
        assert sent.state == PayoutState.RETURNED
        assert why in sent.reason
        assert earnings(sent.person) == 50 * EURO
        assert PayoutBatch.objects.get().state == BatchState.SETTLED

    @pytest.mark.parametrize("trouble", ["transfer_unanswered", "transfer_500_twice"])
    @pytest.mark.parametrize("then", ["transfer_found_again", "transfer_made_at_second_try"])
    def test_what_got_no_answer_is_looked_for_before_it_is_asked_for_again(
        self, sent: Payout, stripe_stand_in: StripeStandIn, trouble: str, then: str
    ) -> None:
        stripe_stand_in.play(trouble, payout=sent.pk)
        assert send_transfers() == 0
        assert send_transfers() == 0  # not at once again
        later()
        stripe_stand_in.play(then, payout=sent.pk)
        assert send_transfers() == 1
        sent.refresh_from_db()
        assert (sent.state, sent.stripe_transfer) == (PayoutState.PAID, "tr_a1B2c3")
        assert earnings(sent.person) == 30 * EURO

    @pytest.mark.parametrize("name", ["transfer_key_refused", "transfers_not_listed"])
    def test_what_says_nothing_about_the_payout_gives_nothing_back(
        self, sent: Payout, stripe_stand_in: StripeStandIn, name: str
    ) -> None:
        if name == "transfers_not_listed":
            later()
        stripe_stand_in.play(name, payout=sent.pk)
        assert send_transfers() == 0
        sent.refresh_from_db()
        assert sent.state == PayoutState.SENT
        assert earnings(sent.person) == 30 * EURO

    def test_without_a_key_it_waits(self, sent: Payout) -> None:
        assert send_transfers() == 0
        sent.refresh_from_db()
        assert sent.state == PayoutState.SENT

    def test_an_admin_takes_back_what_was_transferred_and_not_what_stripe_was_just_asked_for(
        self, sent: Payout, admin: User, stripe_stand_in: StripeStandIn
    ) -> None:
        with pytest.raises(Refused, match="Stripe has answered"):
            return_payout(sent, admin, "too early")
        stripe_stand_in.play("transferred", payout=sent.pk)
        send_transfers()
        sent.refresh_from_db()
        return_payout(sent, admin, "reversed at Stripe")
        assert earnings(sent.person) == 50 * EURO


class TestMixedBatch:
    @pytest.fixture
    def batch(self, payout: Payout, second_artist: User, admin: User) -> PayoutBatch:
        ask(second_artist, admin, iban=IBAN)
        return approve_batch(make_batch(admin), admin)

    def test_the_file_has_what_goes_to_banks_and_stripe_gets_the_rest(
        self, batch: PayoutBatch, payout: Payout, admin: User, stripe_stand_in: StripeStandIn
    ) -> None:
        assert batch.pain.count("<CdtTrfTxInf>") == 1
        assert IBAN in batch.pain
        send_batch(batch, admin)
        with pytest.raises(Refused, match="on its way through Stripe"):
            settle_batch(batch, admin)
        stripe_stand_in.play("transferred", payout=payout.pk)
        assert send_transfers() == 1
        batch.refresh_from_db()
        assert batch.state == BatchState.SENT
        assert settle_batch(batch, admin) == 1
        assert set(Payout.objects.values_list("state", flat=True)) == {"paid"}

    def test_pages_and_list_show_where_each_goes(
        self, client_for: ClientFor, batch: PayoutBatch, payout: Payout, admin: User
    ) -> None:
        client, address = client_for(admin), batch.get_absolute_url()
        page = client.get(address).content.decode()
        assert ACCOUNT in page
        assert IBAN in page
        rows = csv.DictReader(io.StringIO(b"".join(client.get(f"{address}payouts.csv")).decode("utf-8-sig")))
        assert {(row["iban"], row["stripe_account"]) for row in rows} == {(IBAN, ""), ("", ACCOUNT)}
        page = client.post(address, {"step": "send"}, follow=True).content.decode()
        assert "transferred within minutes" in page
        assert page.count("Take it back") == 1
        assert "Stripe …3Xyz" in client_for(payout.person).get("/earnings/payouts/").content.decode()

    def test_a_batch_for_stripe_alone_has_no_file(
        self, payout: Payout, admin: User, client_for: ClientFor
    ) -> None:
        batch = approve_batch(make_batch(admin), admin)
        assert batch.pain == ""
        client, address = client_for(admin), batch.get_absolute_url()
        assert "PAYOUT_SENDER_IBAN" not in client.get(address).content.decode()
        page = client.post(address, {"step": "send"}, follow=True).content.decode()
        assert "The bank" not in page


class TestDetails:
    FORM = {"holder": "Ada", "iban": "", "bic": "", "stripe_account": ACCOUNT, "schedule": "by_hand"}

    def test_an_account_at_stripe_is_checked_like_any_other(
        self, client_for: ClientFor, artist: User, admin: User, stripe_stand_in: StripeStandIn
    ) -> None:
        page = client_for(artist).post("/earnings/payouts/details/", self.FORM, follow=True)
        assert "Stripe …3Xyz" in page.content.decode()
        assert ACCOUNT in client_for(admin).get("/reports/payouts/").content.decode()
        details = PayoutDetails.objects.get()
        verify_details(details, admin)
        assert keep_details(artist, PayoutDetails(holder="Ada", stripe_account=ACCOUNT)).is_verified
        assert not keep_details(artist, PayoutDetails(holder="Ada", stripe_account=f"{ACCOUNT}0")).is_verified

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"stripe_account": ""}, "iban"), ({"iban": IBAN}, "stripe_account"), ({"bic": "DEUTDEFF"}, "bic"),
            ({"stripe_account": "acct_1"}, "stripe_account"), ({"stripe_account": "acct_1Ada 2Artist"}, "stripe_account"),
            ({"stripe_account": "ba_1Ada2Artist3Xyz"}, "stripe_account"), ({"stripe_account": f"acct_{'x' * 80}"}, "stripe_account"),
        ],
    )  # fmt: skip
    def test_details_that_cannot_be_right_are_refused(
        self,
        client_for: ClientFor,
        artist: User,
        stripe_stand_in: StripeStandIn,
        change: dict[str, str],
        why: str,
    ) -> None:
        response = client_for(artist).post("/earnings/payouts/details/", self.FORM | change)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [why]
        assert not PayoutDetails.objects.exists()

    def test_without_stripe_it_is_not_offered(self, client_for: ClientFor, artist: User) -> None:
        client = client_for(artist)
        assert "Stripe" not in client.get("/earnings/payouts/details/").content.decode()
        assert client.post("/earnings/payouts/details/", self.FORM).status_code == 422


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("one_place", {"iban": IBAN}),
        ("one_place", {"stripe_account": ""}),
        ("one_place", {"stripe_account": "acct_"}),
        ("one_place", {"stripe_account": f"{ACCOUNT}\n"}),
        ("one_place", {"bic": "DEUTDEFF"}),
        ("paid_by_its_stripe_transfer", {"state": "paid", "ended_at": timezone.now()}),
        ("paid_by_its_stripe_transfer", {"iban": IBAN, "stripe_account": "", "stripe_transfer": "tr_1"}),
    ],
)
def test_the_database_refuses_a_payout_that_makes_no_sense(
    sent: Payout, constraint: str, change: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError, match=f"payments_payout_{constraint}"), transaction.atomic():
        Payout.objects.filter(pk=sent.pk).update(**change)


def test_the_database_refuses_details_of_two_places_and_one_transfer_for_two_payouts(
    sent: Payout, second_artist: User, admin: User
) -> None:
    with pytest.raises(IntegrityError, match="payments_payoutdetails_one_place"), transaction.atomic():
        PayoutDetails.objects.update(iban=IBAN)
    other = ask(second_artist, admin, stripe_account="acct_1Berta2Brush")
    with pytest.raises(IntegrityError, match="payments_payout_one_per_stripe_transfer"), transaction.atomic():
        Payout.objects.filter(pk__in=[sent.pk, other.pk]).update(stripe_transfer="tr_1")
