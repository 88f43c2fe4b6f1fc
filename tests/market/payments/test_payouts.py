"""Payouts: from earnings to the bank, once; refused in words where they cannot be; given back where the bank does not pay."""

from __future__ import annotations

import csv
import io
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from sepaxml.validation import try_valid_xml

from market.accounts.models import Role, User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.payments.models import Payout, PayoutBatch, PayoutDetails, PayoutState
from market.payments.payouts import (
    approve_batch,
    cancel_payout,
    dissolve_batch,
    keep_details,
    make_batch,
    payable,
    request_monthly,
    request_payout,
    return_payout,
    send_batch,
    settle_batch,
    verify_details,
)
from market.payments.sepa import SCHEMA
from market.refusals import Refused
from tests.market.conftest import make_person
from tests.market.payments.conftest import earn, earnings

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
EURO = 1_000_000
IBAN, OTHER_IBAN = "DE89370400440532013000", "FR1420041010050500013M02606"


def ask(person: User, amount: int, request_id: uuid.UUID | None = None) -> Payout:
    return request_payout(person=person, amount=amount, request_id=request_id or uuid.uuid4())


@pytest.fixture(autouse=True)
def no_reserve(settings: Any) -> None:
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban="NL91ABNA0417164300")


@pytest.fixture
def second_admin(db: None) -> User:
    return make_person("Bruno Boss", Role.ADMIN)


def with_details(person: User, admin: User, **changes: Any) -> PayoutDetails:
    details = keep_details(
        person, PayoutDetails(holder=str(person), iban=changes.pop("iban", IBAN), **changes)
    )
    assert verify_details(details, admin)
    details.refresh_from_db()
    return details


@pytest.fixture
def paid_artist(artist: User, admin: User) -> User:
    """An artist with 50.123456 EUR, whose bank details are checked."""
    earn(artist, 50_123_456)
    with_details(artist, admin)
    return artist


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


def batch_verifier(batch: PayoutBatch) -> User:
    verifier = PayoutDetails.objects.get(person=batch.payouts.get().person).verified_by
    assert verifier is not None
    return verifier


class TestBatches:
    @pytest.fixture
    def payouts(self, paid_artist: User, second_artist: User, admin: User) -> tuple[Payout, Payout]:
        earn(second_artist, 40 * EURO)
        with_details(second_artist, admin, iban=OTHER_IBAN)
        return ask(paid_artist, 20_500_000), ask(second_artist, 40 * EURO)

    def test_a_batch_is_approved_sent_and_settled(self, payouts: tuple[Payout, Payout], admin: User) -> None:
        batch = make_batch(admin)
        assert (batch.total, batch.approvals_needed) == (60_500_000, 1)
        with pytest.raises(Refused, match="approved batch"):
            send_batch(batch, admin)
        batch = approve_batch(batch, admin)
        send_batch(batch, admin)
        assert settle_batch(batch, admin) == 2
        assert set(Payout.objects.values_list("state", flat=True)) == {"paid"}
        assert ledger.balance(ledger.account(AccountKind.PAYOUT_CLEARING)).posted == 60_500_000
        for step in (send_batch, settle_batch, approve_batch):
            with pytest.raises(Refused):
                step(batch, admin)

    def test_who_made_a_batch_neither_approves_nor_sends_it(
        self, payouts: tuple[Payout, Payout], admin: User, second_admin: User
    ) -> None:
        PayoutDetails.objects.update(verified_by=make_person("Carla Chief", Role.ADMIN))
        batch = make_batch(admin)
        with pytest.raises(Refused, match="You made this batch"):
            approve_batch(batch, admin)
        batch = approve_batch(batch, second_admin)
        assert batch.state == "approved"
        with pytest.raises(Refused, match="You made this batch"):
            send_batch(batch, admin)
        send_batch(batch, second_admin)
        assert set(Payout.objects.values_list("state", flat=True)) == {"sent"}

    def test_who_verified_one_whom_a_batch_pays_neither_approves_nor_sends_it(
        self, payouts: tuple[Payout, Payout], admin: User, second_admin: User
    ) -> None:
        third = make_person("Carla Chief", Role.ADMIN)
        PayoutDetails.objects.filter(person=payouts[0].person).update(verified_by=third)
        batch = make_batch(second_admin)
        assert batch.payouts.count() == 1  # the other is left for a batch that somebody else can approve
        with pytest.raises(Refused, match="checked the account"):
            approve_batch(batch, batch_verifier(batch))
        approved = approve_batch(batch, next(one for one in (admin, third) if one != batch_verifier(batch)))
        with pytest.raises(Refused, match="checked the account"):
            send_batch(approved, batch_verifier(batch))

    def test_of_two_admins_the_one_who_verified_makes_the_batch(
        self, payouts: tuple[Payout, Payout], admin: User, second_admin: User
    ) -> None:
        with pytest.raises(Refused, match="No other admin could approve"):
            make_batch(second_admin)
        PayoutDetails.objects.filter(person=payouts[1].person).update(verified_by=second_admin)
        batch = make_batch(admin)
        assert list(batch.payouts.all()) == [payouts[0]]
        assert approve_batch(batch, second_admin).state == "approved"
        assert list(make_batch(second_admin).payouts.all()) == [payouts[1]]

    def test_up_to_the_limit_and_for_a_lone_admin_one_is_enough(
        self, payouts: tuple[Payout, Payout], admin: User, settings: Any
    ) -> None:
        send_batch(approve_batch(make_batch(admin), admin), admin)
        make_person("Bruno Boss", Role.ADMIN)
        settings.PAYOUTS = replace(settings.PAYOUTS, two_admins_above_micros=61_000_000)
        Payout.objects.update(state=PayoutState.REQUESTED, batch=None)
        send_batch(approve_batch(make_batch(admin), admin), admin)

    def test_a_lone_admin_is_told_so(
        self, payouts: tuple[Payout, Payout], admin: User, client_for: ClientFor
    ) -> None:
        pages = ("/reports/payouts/", make_batch(admin).get_absolute_url())
        client = client_for(admin)
        for page in pages:
            assert "You are the only admin" in client.get(page).content.decode()
        second = make_person("Bruno Boss", Role.ADMIN)
        for page in pages:
            assert "You are the only admin" not in client.get(page).content.decode()
        User.objects.filter(pk=second.pk).update(is_active=False)
        assert "You are the only admin" in client.get(pages[0]).content.decode()

    def test_nobody_approves_a_batch_that_pays_them(
        self, admin: User, second_admin: User, settings: Any
    ) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, two_admins_above_micros=1_000_000_000)
        earn(admin, 20 * EURO)
        with_details(admin, second_admin)
        ask(admin, 20 * EURO)
        batch = make_batch(admin)
        with pytest.raises(Refused, match="payout to you"):
            approve_batch(batch, admin)
        assert approve_batch(batch, second_admin).state == "approved"

    def test_a_draft_can_be_dissolved_and_an_approved_one_not(
        self, payouts: tuple[Payout, Payout], admin: User
    ) -> None:
        dissolve_batch(make_batch(admin), admin)
        assert not PayoutBatch.objects.exists()
        batch = make_batch(admin)
        approve_batch(batch, admin)
        with pytest.raises(Refused, match="not approved yet"):
            dissolve_batch(batch, admin)

    def test_the_file_for_the_bank_keeps_to_the_schema_and_pays_each_their_amount(
        self, payouts: tuple[Payout, Payout], admin: User
    ) -> None:
        batch = approve_batch(make_batch(admin), admin)
        try_valid_xml(batch.pain.encode(), SCHEMA)
        space = {"p": f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}"}
        root = ET.fromstring(batch.pain)  # noqa: S314  # of our own making
        paid = {
            each.findtext("p:CdtrAcct/p:Id/p:IBAN", namespaces=space): (
                each.findtext("p:Amt/p:InstdAmt", namespaces=space),
                each.findtext("p:PmtId/p:EndToEndId", namespaces=space),
            )
            for each in root.iterfind(".//p:CdtTrfTxInf", space)
        }
        assert paid == {IBAN: ("20.50", payouts[0].pk.hex), OTHER_IBAN: ("40.00", payouts[1].pk.hex)}
        assert root.findtext(".//p:GrpHdr/p:CtrlSum", namespaces=space) == "60.50"
        assert root.findtext(".//p:DbtrAcct/p:Id/p:IBAN", namespaces=space) == "NL91ABNA0417164300"

    def test_without_an_account_of_the_market_there_is_no_file(
        self, payouts: tuple[Payout, Payout], admin: User, settings: Any
    ) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, sender_iban="")
        assert approve_batch(make_batch(admin), admin).pain == ""

    @pytest.mark.parametrize(
        "change", [{"holder": "\U0001f642"}, {"holder": "A\x01da"}, {"bic": "DEUTDE0FXXX"}]
    )
    def test_a_payout_that_the_file_cannot_hold_is_named_and_can_be_refused(
        self, payouts: tuple[Payout, Payout], admin: User, change: dict[str, str]
    ) -> None:
        """Forms refuse such details; these came in another way."""
        Payout.objects.filter(pk=payouts[0].pk).update(**change)
        batch = make_batch(admin)
        with pytest.raises(Refused, match=r"bank takes|the standard"):
            approve_batch(batch, admin)
        assert batch.approvals.count() == 0
        dissolve_batch(batch, admin)
        refused = Payout.objects.get(pk=payouts[0].pk)
        return_payout(refused, admin, "no bank knows this name")
        assert earnings(refused.person) == 50_123_456
        assert approve_batch(make_batch(admin), admin).state == "approved"

    @pytest.mark.parametrize("settled", [False, True])
    def test_what_the_bank_returns_is_back_in_the_earnings(
        self, payouts: tuple[Payout, Payout], admin: User, settled: bool
    ) -> None:
        batch = approve_batch(make_batch(admin), admin)
        with pytest.raises(Refused, match="dissolve its batch"):
            return_payout(Payout.objects.get(pk=payouts[0].pk), admin, "too early")
        send_batch(batch, admin)
        if settled:
            settle_batch(batch, admin)
        returned = Payout.objects.get(pk=payouts[0].pk)
        with pytest.raises(Refused, match="Say why"):
            return_payout(returned, admin, "  ")
        return_payout(returned, admin, "account closed")
        assert earnings(returned.person) == 50_123_456
        returned.refresh_from_db()
        assert (returned.state, returned.reason) == ("returned", "account closed")
        with pytest.raises(Refused):
            return_payout(returned, admin, "again")
        if not settled:
            assert settle_batch(batch, admin) == 1

    def test_strangers_take_no_step(
        self, payouts: tuple[Payout, Payout], admin: User, artist: User, stranger: User
    ) -> None:
        batch = make_batch(admin)
        for person in (artist, stranger):
            with pytest.raises(Refused, match="Only an admin"):
                make_batch(person)
            for step in (approve_batch, send_batch, settle_batch, dissolve_batch):
                with pytest.raises(Refused, match="Only an admin"):
                    step(batch, person)
            with pytest.raises(Refused, match="Only an admin"):
                return_payout(payouts[0], person, "mine")

    def test_without_anybody_waiting_there_is_no_batch(self, admin: User) -> None:
        with pytest.raises(Refused, match="Nobody waits"):
            make_batch(admin)

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 0}, {"amount": 12_345}, {"amount": 10_001}, {"state": "lost"}, {"state": "paid"}, {"state": "batched"},
            {"state": "cancelled"},
        ],
    )  # fmt: skip
    def test_the_database_refuses_what_makes_no_sense(
        self, payouts: tuple[Payout, Payout], change: dict[str, Any]
    ) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Payout.objects.filter(pk=payouts[0].pk).update(**change)


class TestPages:
    def test_an_artist_enters_details_asks_and_cancels(
        self, client_for: ClientFor, artist: User, admin: User
    ) -> None:
        earn(artist, 50_123_456)
        client = client_for(artist)
        assert "Say where to pay to first" in client.get("/earnings/payouts/").content.decode()
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
