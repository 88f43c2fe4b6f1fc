"""Batches of payouts: gathered, approved by two, sent, settled, and what came back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from sepaxml.validation import try_valid_xml

from market.accounts.models import Role, User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.batches import (
    approve_batch,
    dissolve_batch,
    make_batch,
    return_payout,
    send_batch,
    settle_batch,
)
from market.payments.models import Payout, PayoutBatch, PayoutDetails, PayoutState
from market.payments.sepa import SCHEMA
from market.refusals import Refused
from tests.market.conftest import make_person
from tests.market.payments.conftest import earn, earnings
from tests.market.payments.stage import EURO, IBAN, OTHER_IBAN, ask, with_details

ClientFor = Callable[[User], Client]


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_reserve")]


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
