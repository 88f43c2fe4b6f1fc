"""The wallet, the top-up form and the test gateway's page."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.ledger.operations import Share
from market.payments.gateways.offline import Reporting, deliver_due
from market.payments.gateways.registry import gateway_named
from market.payments.models import OfflineCheckout, OfflineNotification, TopUp
from market.payments.top_ups import FULL_WALLET, MOST, start_top_up
from market.payments.webhooks import send_to_market
from tests.market.payments.conftest import TEN, balance_of
from tests.market.races import at_once

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def form(**changes: Any) -> dict[str, Any]:
    return {"amount": "10", "gateway": "test", "request_id": str(uuid.uuid4()), "next": ""} | changes


class TestTopUp:
    def test_a_person_tops_up(self, client_for: ClientFor, user: User) -> None:
        client = client_for(user)

        at_gateway = client.post("/wallet/top-up/", form(), follow=True)
        back = client.post(at_gateway.request["PATH_INFO"], {"decision": "pay"}, follow=True)

        assert "No money moves" in at_gateway.content.decode()
        assert "€10.00 is in your wallet" in back.content.decode()
        assert balance_of(user) == TEN

    def test_a_declined_payment_credits_nothing(self, client_for: ClientFor, user: User) -> None:
        client = client_for(user)
        at_gateway = client.post("/wallet/top-up/", form(), follow=True)

        back = client.post(at_gateway.request["PATH_INFO"], {"decision": "decline"}, follow=True)

        assert "Nothing was paid" in back.content.decode()
        assert balance_of(user) == 0

    @pytest.mark.parametrize("reporting", Reporting.values)
    def test_the_wallet_is_credited_once_however_the_gateway_reports(
        self, client_for: ClientFor, user: User, reporting: str
    ) -> None:
        client = client_for(user)
        at_gateway = client.post("/wallet/top-up/", form(), follow=True).request["PATH_INFO"]

        client.post(at_gateway, {"decision": "pay", "reporting": reporting}, follow=True)
        again = client.post(at_gateway, {"decision": "decline", "reporting": reporting}, follow=True)

        assert "already decided" in again.content.decode()
        assert balance_of(user) == TEN

    def test_a_form_that_is_sent_twice_makes_one_top_up(self, client_for: ClientFor, user: User) -> None:
        client, sent = client_for(user), form()

        first, second = client.post("/wallet/top-up/", sent), client.post("/wallet/top-up/", sent)

        assert first["Location"] == second["Location"]
        assert TopUp.objects.count() == 1

    @pytest.mark.parametrize(
        ("amount", "message"),
        [
            ("0", "The least you can top up is €1.00"),
            ("-5", "The least you can top up is €1.00"),
            ("0.99", "The least you can top up is €1.00"),
            ("500.01", "The most you can top up at a time is €500.00"),
            ("1.001", "no more than 2 decimal places"),
            ("1e9", "no more than"),
            ("99999999999999999999", "no more than"),
            ("NaN", "Enter a number"),
            ("Infinity", "Enter a number"),
            ("ten", "Enter a number"),
            ("", "required"),
        ],
    )
    def test_a_bad_amount_is_explained(
        self, client_for: ClientFor, user: User, amount: str, message: str
    ) -> None:
        response = client_for(user).post("/wallet/top-up/", form(amount=amount))

        assert response.status_code == 422
        assert message in response.content.decode()
        assert not TopUp.objects.exists()

    def test_a_wallet_is_not_filled_above_its_cap(self, client_for: ClientFor, user: User) -> None:
        ledger.post(
            key="k",
            debit=ledger.account(AccountKind.GATEWAY_CLEARING),
            credit=ledger.account(AccountKind.WALLET, user),
            amount=FULL_WALLET - 3_000_000,
            kind="top_up",
        )

        response = client_for(user).post("/wallet/top-up/", form(amount="4"))

        assert "There is room for €3.00 in yours" in response.content.decode()

    def test_the_cap_counts_what_waits_for_its_payment_and_the_same_form_once(
        self, client_for: ClientFor, user: User
    ) -> None:
        client = client_for(user)
        for _ in range(3):
            assert client.post("/wallet/top-up/", form(amount="500")).status_code == 302
        last = form(amount="500")
        for _ in range(2):
            assert client.post("/wallet/top-up/", last).status_code == 302
        assert "once the top-ups that wait are paid" in client.get("/wallet/top-up/").content.decode()
        assert client.post("/wallet/top-up/", form(amount="1")).status_code == 422
        assert TopUp.objects.count() == 4

    @pytest.mark.django_db(transaction=True)
    def test_top_ups_begun_at_the_same_moment_keep_to_the_cap(self, user: User) -> None:
        gateway = gateway_named("test")
        begun = at_once(
            16,
            lambda _: start_top_up(person=user, amount=MOST, gateway=gateway, request_id=uuid.uuid4()).state,
        )
        assert begun == {"pending": FULL_WALLET // MOST, "Refused": 16 - FULL_WALLET // MOST}

    def test_the_form_is_filled_with_the_chosen_amount(self, client_for: ClientFor, user: User) -> None:
        assert 'value="25"' in client_for(user).get("/wallet/top-up/?amount=25").content.decode()

    def test_afterwards_one_goes_on_where_one_wanted_to(self, client_for: ClientFor, user: User) -> None:
        client = client_for(user)
        at_gateway = client.post("/wallet/top-up/", form(next="/studio/?like=1"), follow=True)
        back = client.post(at_gateway.request["PATH_INFO"], {"decision": "pay"}, follow=True)
        assert 'href="/studio/?like=1"' in back.content.decode()

    @pytest.mark.parametrize(
        "url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil"]
    )
    def test_one_is_never_led_to_another_site(self, client_for: ClientFor, user: User, url: str) -> None:
        client_for(user).post("/wallet/top-up/", form(next=url))
        assert TopUp.objects.get().next_url == ""

    def test_without_a_gateway_the_page_says_so(
        self, client_for: ClientFor, user: User, settings: Any
    ) -> None:
        settings.PAYMENT_GATEWAYS = []
        client = client_for(user)
        assert "No way to pay is set up" in client.get("/wallet/top-up/").content.decode()
        assert client.post("/wallet/top-up/", form()).status_code == 422

    def test_a_gateway_that_this_version_lacks_is_a_configuration_error(self, settings: Any) -> None:
        settings.PAYMENT_GATEWAYS = ["test", "bitcoin"]
        assert [error.id for error in run_checks() if error.id == "payments.E001"] == ["payments.E001"]


class TestWallet:
    def test_an_empty_wallet_says_what_to_do(self, client_for: ClientFor, user: User) -> None:
        assert "Nothing has moved yet" in client_for(user).get("/wallet/").content.decode()

    def test_it_shows_balance_holds_and_history(
        self, client_for: ClientFor, user: User, artist: User, waiting: TopUp
    ) -> None:
        wallet = ledger.account(AccountKind.WALLET, user)
        ledger.post(
            key="k",
            debit=ledger.account(AccountKind.GATEWAY_CLEARING),
            credit=wallet,
            amount=TEN,
            kind="top_up",
        )
        for number, amount in enumerate((50_500, 250_000)):
            reference = f"generation:{uuid.uuid4()}"
            hold = ledger.hold(
                key=f"h{number}",
                payer=wallet,
                shares=[
                    Share(
                        ledger.account("earnings", artist),
                        amount,
                        "plugin_fee",
                        "plugin-version:1",
                        "FxEmoji",
                    )
                ],
                reference=reference,
                expires_at=timezone.now() + timedelta(hours=1),
            )
            if number == 0:
                ledger.capture(hold=hold, key="c")

        page = client_for(user).get("/wallet/").content.decode()

        assert "€9.6995" in page  # available
        assert "€0.25" in page  # set aside
        assert "€9.9495" in page  # balance
        assert "-€0.0505" in page
        assert "FxEmoji" in page
        assert "waits for its payment" in page

    def test_a_refused_notification_is_tried_again_later(
        self, waiting: TopUp, checkout: OfflineCheckout
    ) -> None:
        OfflineNotification.objects.create(checkout=checkout, event_id="evt_1", body="not json")

        assert deliver_due(send_to_market) == 0

        notification = OfflineNotification.objects.get()
        assert notification.deliveries_left == 1
        assert notification.deliver_at > timezone.now()


class TestAccess:
    @pytest.mark.parametrize("path", ["/wallet/", "/wallet/top-up/"])
    def test_a_visitor_is_asked_to_sign_in(self, client: Client, path: str) -> None:
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")

    def test_a_stranger_finds_no_one_elses_top_up(
        self, client_for: ClientFor, stranger: User, waiting: TopUp
    ) -> None:
        client = client_for(stranger)
        assert client.get(waiting.get_absolute_url()).status_code == 404
        assert client.get(waiting.checkout_url).status_code == 404
        assert client.post(waiting.checkout_url, {"decision": "pay"}).status_code == 404
        assert balance_of(waiting.person) == 0

    def test_a_stranger_cannot_take_over_a_request(
        self, client_for: ClientFor, stranger: User, waiting: TopUp
    ) -> None:
        response = client_for(stranger).post("/wallet/top-up/", form(request_id=str(waiting.pk)))
        assert response.status_code == 422
        assert "used by somebody else" in response.content.decode()

    def test_a_stranger_does_not_see_ones_history(
        self, client_for: ClientFor, stranger: User, user: User, waiting: TopUp
    ) -> None:
        ledger.post(
            key="k",
            debit=ledger.account(AccountKind.GATEWAY_CLEARING),
            credit=ledger.account(AccountKind.WALLET, user),
            amount=TEN,
            kind="top_up",
        )
        assert "€10" not in client_for(stranger).get("/wallet/").content.decode()

    def test_the_test_gateway_has_no_page_where_it_is_switched_off(
        self, client_for: ClientFor, user: User, waiting: TopUp, settings: Any
    ) -> None:
        settings.PAYMENT_GATEWAYS = []
        assert client_for(user).post(waiting.checkout_url, {"decision": "pay"}).status_code == 404

    @pytest.mark.parametrize("data", [{}, {"decision": "steal"}, {"decision": "pay", "reporting": "99"}])
    def test_a_bad_decision_changes_nothing(
        self, client_for: ClientFor, user: User, waiting: TopUp, data: dict[str, str]
    ) -> None:
        assert client_for(user).post(waiting.checkout_url, data).status_code == 422
        assert OfflineCheckout.objects.get().state == "open"
