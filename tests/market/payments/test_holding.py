"""How long earnings are held follows from what is known of the person: a table, and what the market reads for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.disputes.deciding import decide_dispute
from market.disputes.models import DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.gateways.protocol import Payment, PaymentStatus
from market.payments.gateways.registry import gateway_named
from market.payments.holding import Signals, days_held, signals_of
from market.payments.payouts import payable
from market.payments.top_ups import settle, start_top_up
from tests.market.conftest import make_person
from tests.market.stage import EURO, make_base, make_plugin, paid_query, top_up

ClientFor = Callable[[User], Client]
KNOWN = Signals(account_days=400, largest_part=0.3)


@pytest.mark.parametrize(
    ("signals", "days", "reasons"),
    [
        (KNOWN, 7, 0),
        (replace(KNOWN, account_days=29), 14, 1),
        (replace(KNOWN, account_days=30), 7, 0),
        (replace(KNOWN, largest_part=0.5), 7, 0),
        (replace(KNOWN, largest_part=0.51), 14, 1),
        (replace(KNOWN, charge_backs=1), 21, 1),
        (replace(KNOWN, charge_backs=2), 35, 1),
        (replace(KNOWN, charge_backs=50), 49, 1),
        (replace(KNOWN, disputes=1), 21, 1),
        (Signals(account_days=0, charge_backs=1, disputes=1, largest_part=1.0), 49, 4),
        (Signals(account_days=0, charge_backs=3, disputes=3, largest_part=1.0), 60, 4),
    ],
)
def test_the_table(signals: Signals, days: int, reasons: int) -> None:
    held = days_held(signals, shortest=7, longest=60)
    assert (held.days, len(held.reasons)) == (days, reasons)
    assert days == min(60, 7 + sum(reason.days for reason in held.reasons))


def test_a_deployment_that_holds_nothing_holds_nothing() -> None:
    held = days_held(Signals(account_days=0, charge_backs=3, largest_part=1.0), shortest=0, longest=60)
    assert (held.days, held.reasons) == (0, ())


def test_no_time_is_shorter_than_the_shortest() -> None:
    assert days_held(KNOWN, shortest=14, longest=7).days == 14


@pytest.fixture
def plugin(artist: User, model_owner: User) -> PlugIn:
    base: BaseModel = make_base(model_owner)
    return make_plugin(artist, base, price=EURO)


def paying(name: str, plugin: PlugIn, times: int = 1) -> User:
    person = make_person(name)
    top_up(person, 10 * EURO)
    for _ in range(times):
        paid_query(person, plugin)
    return person


@pytest.mark.django_db
class TestReading:
    def test_payers_are_told_apart(self, artist: User, plugin: PlugIn) -> None:
        assert signals_of(artist).largest_part == 0.0
        paying("Una", plugin, times=2)
        assert signals_of(artist).largest_part == 1.0
        paying("Ugo", plugin)
        paying("Ulf", plugin)
        assert signals_of(artist).largest_part == 0.5

    def test_what_was_refunded_is_no_income(self, artist: User, plugin: PlugIn) -> None:
        paying("Una", plugin)
        request = paid_query(paying("Ugo", plugin), plugin)
        captured = ledger.Transfer.objects.get(reference=request.reference)
        ledger.reverse(transfer=captured, key="refund", reason="not as described")
        assert signals_of(artist).largest_part == 0.5

    def test_the_age_of_the_account(self, artist: User) -> None:
        User.objects.filter(pk=artist.pk).update(joined_at=timezone.now() - timedelta(days=31))
        artist.refresh_from_db()
        assert signals_of(artist).account_days == 31

    def test_charge_backs_of_who_paid_them(self, artist: User, second_artist: User, plugin: PlugIn) -> None:
        person = make_person("Una")
        made = start_top_up(
            person=person, amount=10 * EURO, gateway=gateway_named("test"), request_id=uuid.uuid4()
        )
        for status in (PaymentStatus.PAID, PaymentStatus.DISPUTED):
            settle("test", Payment(made.gateway_reference, status, 10 * EURO, "EUR"))
            if status == PaymentStatus.PAID:
                paid_query(person, plugin)
        assert signals_of(artist).charge_backs == 1
        assert signals_of(second_artist).charge_backs == 0

    def test_disputes_that_are_open_or_lost(
        self, artist: User, second_artist: User, plugin: PlugIn, admin: User
    ) -> None:
        paying("Una", plugin)
        dispute = file_dispute(
            plugin=plugin, claimant=second_artist, reason="This is my drawing of 2019, in my book."
        )
        assert signals_of(artist).disputes == 0
        open_dispute(dispute, admin)
        assert signals_of(artist).disputes == 1
        decide_dispute(dispute, admin, DisputeState.RELEASED, "It is the artist's.")
        assert signals_of(artist).disputes == 0

    def test_an_artist_reads_how_long_and_why(
        self, artist: User, plugin: PlugIn, client_for: ClientFor, settings: Any
    ) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=7, reserve_days_most=60)
        paying("Una", plugin)
        for page in ("/earnings/payouts/", "/earnings/"):
            text = client_for(artist).get(page).content.decode()
            assert "held for 21 days" in text
            assert "Your account is younger than 30 days: 7 days more" in text
            assert "One person paid more than half" in text

    def test_what_is_held_cannot_be_paid_out(self, artist: User, plugin: PlugIn, settings: Any) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=7, reserve_days_most=60)
        paying("Una", plugin, times=2)
        earned = ledger.balance(ledger.account(AccountKind.EARNINGS, artist)).posted
        assert (payable(artist).amount, payable(artist).in_reserve, payable(artist).held.days) == (
            0,
            earned,
            21,
        )
