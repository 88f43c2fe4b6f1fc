"""Payouts: from earnings to the bank, once; refused in words where they cannot be; given back where the bank does not pay."""

from __future__ import annotations

import csv
import io
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.payments.batches import (
    make_batch,
)
from market.payments.models import Payout, PayoutDetails, PayoutState
from market.payments.payouts import (
    cancel_payout,
    keep_details,
    payable,
    request_monthly,
    verify_details,
)
from market.refusals import Refused
from tests.market.payments.conftest import earn, earnings
from tests.market.payments.stage import EURO, IBAN, OTHER_IBAN, ask, with_details

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_reserve")]


class TestAsking:
    def test_the_money_leaves_the_earnings_at_once_and_only_once(self, paid_artist: User) -> None:
        request_id = uuid.uuid4()
        payout = ask(paid_artist, 20 * EURO, request_id)
        assert ask(paid_artist, 20 * EURO, request_id) == payout
        assert earnings(paid_artist) == 30_123_456
        assert payable(paid_artist).amount == 30_120_000
        assert (payout.iban, payout.state) == (IBAN, PayoutState.REQUESTED)
        assert payout.transfer.kind == "payout"

    @pytest.mark.parametrize(
        ("amount", "why"),
        [
            (9_990_000, "least"), (50_130_000, "At most €50.12"), (20_000_001, "whole cents"), (0, "least"),
            (-20 * EURO, "least"), (2**63 - 1 - (2**63 - 1) % 10_000, "At most"),
        ],
    )  # fmt: skip
    def test_amounts_that_cannot_be_paid_are_refused(self, paid_artist: User, amount: int, why: str) -> None:
        with pytest.raises(Refused, match=why):
            ask(paid_artist, amount)
        assert earnings(paid_artist) == 50_123_456
        assert not Payout.objects.exists()

    def test_what_came_in_lately_stays_in_reserve(self, paid_artist: User, settings: Any) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=7)
        assert payable(paid_artist).in_reserve == 50_123_456
        assert payable(paid_artist).amount == 0
        with pytest.raises(Refused, match=r"At most €0\.00"):
            ask(paid_artist, 20 * EURO)

    def test_a_query_that_is_taken_back_is_not_in_reserve(self, paid_artist: User, settings: Any) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=7)
        lately = Transfer.objects.latest("pk")
        ledger.reverse(transfer=lately, key="back", reason="drawn wrong")
        assert (payable(paid_artist).balance, payable(paid_artist).in_reserve) == (0, 0)

    def test_nobody_is_paid_to_an_account_that_nobody_checked(self, artist: User, admin: User) -> None:
        earn(artist, 50 * EURO)
        with pytest.raises(Refused, match="where to"):
            ask(artist, 20 * EURO)
        details = keep_details(artist, PayoutDetails(holder="Ada", iban=IBAN))
        with pytest.raises(Refused, match="checked"):
            ask(artist, 20 * EURO)
        verify_details(details, admin)
        assert ask(artist, 20 * EURO).amount == 20 * EURO

    def test_another_account_is_checked_anew_and_another_schedule_is_not(
        self, paid_artist: User, admin: User
    ) -> None:
        same = keep_details(
            paid_artist, PayoutDetails(holder=str(paid_artist), iban=IBAN, schedule="monthly")
        )
        assert same.is_verified
        seen = PayoutDetails.objects.get(person=paid_artist)
        changed = keep_details(paid_artist, PayoutDetails(holder=str(paid_artist), iban=OTHER_IBAN))
        assert not changed.is_verified
        assert not verify_details(seen, admin)  # the admin saw the old account
        assert verify_details(changed, admin)

    def test_an_admin_does_not_check_their_own_account(self, admin: User) -> None:
        details = keep_details(admin, PayoutDetails(holder="Adele", iban=IBAN))
        with pytest.raises(Refused, match="Somebody else"):
            verify_details(details, admin)

    def test_only_an_admin_checks_accounts(self, artist: User, stranger: User) -> None:
        details = keep_details(artist, PayoutDetails(holder="Ada", iban=IBAN))
        with pytest.raises(Refused, match="Only an admin"):
            verify_details(details, stranger)

    def test_a_request_of_somebody_else_is_not_shown(
        self, paid_artist: User, second_artist: User, admin: User
    ) -> None:
        payout = ask(paid_artist, 20 * EURO)
        with_details(second_artist, admin)
        with pytest.raises(Refused, match="somebody else"):
            ask(second_artist, 20 * EURO, payout.pk)

    @pytest.mark.django_db(transaction=True)
    def test_two_requests_at_once_do_not_take_more_than_there_is(self, paid_artist: User) -> None:
        outcomes: list[str] = []

        def run() -> None:
            try:
                ask(paid_artist, 30 * EURO)
                outcomes.append("paid")
            except Refused:
                outcomes.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["paid", "refused", "refused", "refused"]
        assert earnings(paid_artist) == 20_123_456

    def test_it_can_be_cancelled_until_it_is_in_a_batch(
        self, paid_artist: User, stranger: User, admin: User
    ) -> None:
        payout = ask(paid_artist, 20 * EURO)
        with pytest.raises(Refused, match="Only who asked"):
            cancel_payout(payout, stranger)
        cancel_payout(payout, paid_artist)
        assert earnings(paid_artist) == 50_123_456
        with pytest.raises(Refused, match="not possible any more"):
            cancel_payout(payout, paid_artist)
        again = ask(paid_artist, 20 * EURO)
        make_batch(admin)
        with pytest.raises(Refused, match="not possible any more"):
            cancel_payout(again, paid_artist)
        assert earnings(paid_artist) == 30_123_456

    def test_a_form_sent_again_after_its_payout_ended_is_told_so(self, paid_artist: User) -> None:
        payout = ask(paid_artist, 20 * EURO)
        with pytest.raises(Refused, match="sent before"):
            ask(paid_artist, 30 * EURO, payout.pk)
        cancel_payout(payout, paid_artist)
        with pytest.raises(Refused, match="sent before"):
            ask(paid_artist, 20 * EURO, payout.pk)

    def test_who_wants_it_monthly_is_paid_once_a_month(
        self, paid_artist: User, second_artist: User, admin: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("market.payments.payouts.MONTHLY_DAYS", 31)
        with_details(second_artist, admin, schedule="monthly")
        assert request_monthly() == 0  # the one by hand, the other without money
        earn(second_artist, 12_345_678)
        assert request_monthly() == 1
        earn(second_artist, 50 * EURO)
        assert request_monthly() == 0
        assert second_artist.payouts.get().amount == 12_340_000

    @pytest.mark.dates
    def test_whatever_day_it_is_only_the_first_three_of_a_month_ask_for_monthly_payouts(
        self, artist: User, admin: User
    ) -> None:
        earn(artist, 50 * EURO)
        with_details(artist, admin, schedule="monthly")
        assert request_monthly() == (timezone.localdate().day <= 3)

    def test_monthly_payouts_are_asked_for_in_the_first_days_and_for_people_who_are_there(
        self, artist: User, admin: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        earn(artist, 50 * EURO)
        with_details(artist, admin, schedule="monthly")
        monkeypatch.setattr("market.payments.payouts.MONTHLY_DAYS", 0)
        assert request_monthly() == 0
        monkeypatch.setattr("market.payments.payouts.MONTHLY_DAYS", 31)
        User.objects.filter(pk=artist.pk).update(is_active=False)
        assert request_monthly() == 0


class TestPages:
    def test_an_artist_enters_details_asks_and_cancels(
        self, client_for: ClientFor, artist: User, admin: User
    ) -> None:
        earn(artist, 50_123_456)
        client = client_for(artist)
        assert "First enter the account to pay to" in client.get("/earnings/payouts/").content.decode()
        form = {
            "holder": "Ada Artist",
            "iban": "de89 3704 0044 0532 0130 00",
            "bic": "",
            "schedule": "by_hand",
        }
        page = client.post("/earnings/payouts/details/", form, follow=True).content.decode()
        assert "DE…3000" in page
        assert "has to check" in page
        assert IBAN not in page
        details = PayoutDetails.objects.get(person=artist)
        seen = {"changed_at": details.changed_at.isoformat()}
        page = client_for(admin).get("/reports/payouts/").content.decode()
        assert IBAN in page
        assert details.changed_at.isoformat() in page
        client_for(admin).post(f"/reports/payouts/verify/{details.pk}/", seen)
        page = client.get("/earnings/payouts/").content.decode()
        assert 'value="50.12"' in page
        request = {"amount": "20.00", "request_id": str(uuid.uuid4())}
        for _ in range(2):  # the second is a double click
            assert "on its way" in client.post("/earnings/payouts/", request, follow=True).content.decode()
        assert earnings(artist) == 30_123_456
        payout = artist.payouts.get()
        assert (
            "Cancelled."
            in client.post(f"/earnings/payouts/{payout.pk}/cancel/", follow=True).content.decode()
        )
        assert earnings(artist) == 50_123_456

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"iban": "DE89370400440532013001"}, "iban"), ({"iban": "XX00"}, "iban"), ({"iban": ""}, "iban"),
            ({"holder": ""}, "holder"), ({"holder": "x" * 71}, "holder"), ({"bic": "NOPE"}, "bic"),
            ({"holder": "\U0001f642"}, "holder"), ({"holder": "A\x01da"}, "holder"), ({"bic": "DEUTDE0FXXX"}, "bic"),
            ({"schedule": "daily"}, "schedule"),
        ],
    )  # fmt: skip
    def test_details_that_cannot_be_right_are_refused(
        self, client_for: ClientFor, artist: User, change: dict[str, str], why: str
    ) -> None:
        form = {"holder": "Ada", "iban": IBAN, "bic": "", "schedule": "by_hand"} | change
        response = client_for(artist).post("/earnings/payouts/details/", form)
        assert response.status_code == 422
        assert why in response.context["form"].errors
        assert not PayoutDetails.objects.exists()

    @pytest.mark.parametrize(
        "amount", ["", "0", "-20", "9.99", "50.13", "20.001", "1e9", "NaN", "Infinity", "99999999999999"]
    )
    def test_amounts_that_cannot_be_paid_are_refused(
        self, client_for: ClientFor, paid_artist: User, amount: str
    ) -> None:
        form = {"amount": amount, "request_id": str(uuid.uuid4())}
        response = client_for(paid_artist).post("/earnings/payouts/", form)
        assert response.status_code == 422
        assert earnings(paid_artist) == 50_123_456

    def test_an_admin_takes_a_batch_to_its_end(
        self, client_for: ClientFor, paid_artist: User, admin: User
    ) -> None:
        payout = ask(paid_artist, 20 * EURO)
        client = client_for(admin)
        assert "Ada Artist" in client.get("/reports/payouts/").content.decode()
        page = client.post("/reports/payouts/batches/", follow=True)
        address = page.redirect_chain[-1][0]
        assert client.get(f"{address}pain.xml").status_code == 404
        assert client.get(f"{address}payouts.csv").status_code == 404
        for step, said in (("approve", "Approved"), ("send", "Sent."), ("settle", "has paid")):
            assert said in client.post(address, {"step": step}, follow=True).content.decode()
            assert "possible" not in client.get(address).content.decode()
        assert client.get(f"{address}pain.xml").content.startswith(b"<?xml")
        content = b"".join(client.get(f"{address}payouts.csv")).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(content))
        assert (row["iban"], row["amount"], row["state"]) == (IBAN, "20.000000", "paid")
        assert "only once" in client.post(address, {"step": "settle"}, follow=True).content.decode()
        assert client.post(address, {"step": "steal"}).status_code == 404
        page = client.post(f"/reports/payouts/{payout.pk}/return/", {"reason": "account closed"}, follow=True)
        assert "has the money back" in page.content.decode()
        assert "account closed" in client_for(paid_artist).get("/earnings/payouts/").content.decode()
        assert earnings(paid_artist) == 50_123_456

    def test_details_that_changed_since_the_admin_looked_are_not_taken_for_checked(
        self, client_for: ClientFor, artist: User, admin: User
    ) -> None:
        details = keep_details(artist, PayoutDetails(holder="Ada", iban=IBAN))
        seen = {"changed_at": details.changed_at.isoformat()}
        keep_details(artist, PayoutDetails(holder="Ada", iban=OTHER_IBAN))
        for post in (seen, {}, {"changed_at": "x"}):
            page = client_for(admin).post(f"/reports/payouts/verify/{details.pk}/", post, follow=True)
            assert "Look at them again" in page.content.decode()
        assert not PayoutDetails.objects.get().is_verified

    def test_strangers_see_nothing(
        self, client_for: ClientFor, client: Client, paid_artist: User, stranger: User, admin: User
    ) -> None:
        payout = ask(paid_artist, 20 * EURO)
        batch = make_batch(admin)
        for address in (
            "/reports/payouts/", f"/reports/payouts/batches/{batch.pk}/", f"/reports/payouts/batches/{batch.pk}/pain.xml",
            f"/reports/payouts/batches/{batch.pk}/payouts.csv",
        ):  # fmt: skip
            assert client_for(stranger).get(address).status_code == 404
            assert client_for(paid_artist).get(address).status_code == 404
            assert client.get(address).status_code == 302
        for address in (
            f"/earnings/payouts/{payout.pk}/cancel/", f"/reports/payouts/{payout.pk}/return/", "/reports/payouts/batches/",
            f"/reports/payouts/verify/{paid_artist.payout_details.pk}/",
        ):  # fmt: skip
            assert client_for(stranger).post(address).status_code == 404
        assert "20.00" not in client_for(stranger).get("/earnings/payouts/").content.decode()
