"""Tax is kept back of what a person is paid, at their rate of that moment, and given back with the payout."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.batches import approve_batch, make_batch, return_payout, send_batch
from market.payments.models import Payout, PayoutDetails, WithholdingRate
from market.payments.payouts import cancel_payout, keep_details, request_payout, verify_details
from market.payments.withholding import rate_of, withheld
from market.refusals import Refused

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]
EURO, CENT = 1_000_000, 10_000
IBAN = "DE89370400440532013000"


@pytest.fixture
def earner(artist: User, admin: User, settings: Any) -> User:
    """An artist with 100 euros and checked details."""
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban=IBAN)
    ledger.post(
        key="earned",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.EARNINGS, artist),
        amount=100 * EURO,
        kind="plugin_fee",
    )
    verify_details(keep_details(artist, PayoutDetails(holder="Ada Artist", iban=IBAN)), admin)
    return artist


def rate(person: User, admin: User, basis_points: int, **more: Any) -> WithholdingRate:
    return WithholdingRate.objects.create(
        person=person, basis_points=basis_points, reason="treaty", made_by=admin, **more
    )


def ask(person: User, amount: int) -> Payout:
    return request_payout(person=person, amount=amount, request_id=uuid.uuid4())


def balances(person: User) -> tuple[int, int, int]:
    """What is in the earnings, on its way out, and kept for the tax office."""
    accounts = (
        ledger.account(AccountKind.EARNINGS, person),
        ledger.account(AccountKind.PAYOUT_CLEARING),
        ledger.account(AccountKind.TAX_WITHHELD),
    )
    earnings, sent, kept = (ledger.balance(account).posted for account in accounts)
    return earnings, sent, kept


def test_without_a_rate_nothing_is_kept_back(earner: User) -> None:
    payout = ask(earner, 50 * EURO)
    assert (payout.amount, payout.withheld, payout.withholding) == (50 * EURO, 0, None)
    assert balances(earner) == (50 * EURO, 50 * EURO, 0)


def test_the_rate_of_the_moment_is_kept_back(earner: User, admin: User) -> None:
    rate(
        earner,
        admin,
        2500,
        made_at=timezone.now() - timedelta(days=9),
        valid_from=timezone.now() - timedelta(days=9),
    )
    rate(earner, admin, 1500)
    rate(earner, admin, 5000, valid_from=timezone.now() + timedelta(days=1))

    payout = ask(earner, 50 * EURO)

    assert (payout.gross, payout.amount, payout.withheld) == (50 * EURO, 42_500_000, 7_500_000)
    assert balances(earner) == (50 * EURO, 42_500_000, 7_500_000)


def test_the_bank_is_told_what_is_sent(earner: User, admin: User) -> None:
    rate(earner, admin, 1500)
    ask(earner, 50 * EURO)

    batch = approve_batch(make_batch(admin), admin)

    assert batch.total == 42_500_000
    assert ">42.50</InstdAmt>" in batch.pain


@pytest.mark.parametrize("how", ["cancelled", "refused", "returned"])
def test_what_is_not_paid_comes_back_with_its_tax(earner: User, admin: User, how: str) -> None:
    rate(earner, admin, 1500)
    payout = ask(earner, 50 * EURO)
    if how == "cancelled":
        cancel_payout(payout, earner)
    else:
        if how == "returned":
            batch = approve_batch(make_batch(admin), admin)
            send_batch(batch, admin)
            payout.refresh_from_db()
        return_payout(payout, admin, "account closed")

    assert balances(earner) == (100 * EURO, 0, 0)


def test_the_same_request_again_gives_the_same_payout(earner: User, admin: User) -> None:
    rate(earner, admin, 1500)
    request_id = uuid.uuid4()
    first = request_payout(person=earner, amount=50 * EURO, request_id=request_id)
    rate(earner, admin, 100, valid_from=timezone.now() + timedelta(seconds=1))

    assert request_payout(person=earner, amount=50 * EURO, request_id=request_id) == first
    with pytest.raises(Refused, match="sent before"):
        request_payout(person=earner, amount=first.amount, request_id=request_id)


@given(cents=st.integers(1, 10**12), basis_points=st.integers(0, 5000))
def test_tax_is_whole_cents_and_never_a_cent_off(cents: int, basis_points: int) -> None:
    tax = withheld(cents * CENT, basis_points)
    assert tax % CENT == 0
    assert abs(tax // CENT * 10_000 - cents * basis_points) <= 5_000
    assert 0 <= tax < cents * CENT


@pytest.mark.parametrize(
    ("cents", "basis_points", "tax"),
    [(1, 5000, 0), (3, 5000, 1), (199, 1500, 30), (7, 0, 0), (7, 10_000, 7), (0, 1500, 0)],
)
def test_half_a_cent_stays_with_the_person(cents: int, basis_points: int, tax: int) -> None:
    assert withheld(cents * CENT, basis_points) == tax * CENT


def test_the_rate_now_is_the_persons_own_latest_one(earner: User, second_artist: User, admin: User) -> None:
    assert rate_of(earner) == 0
    rate(earner, admin, 1500)
    rate(earner, admin, 5000, valid_from=timezone.now() + timedelta(days=1))
    rate(second_artist, admin, 2500)
    assert (rate_of(earner), rate_of(second_artist)) == (1500, 2500)


@pytest.mark.parametrize(
    "change",
    [
        {"basis_points": 5001},
        {"reason": ""},
        {"valid_from": timezone.now() - timedelta(days=1)},
    ],
)
def test_the_database_refuses_what_no_rate_can_be(earner: User, admin: User, change: dict[str, Any]) -> None:
    said = {"person": earner, "basis_points": 1500, "reason": "treaty", "made_by": admin} | change
    with pytest.raises(IntegrityError), transaction.atomic():
        WithholdingRate.objects.create(**said)


def test_nobody_sets_their_own_and_none_is_changed(earner: User, admin: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        rate(admin, admin, 0)
    made = rate(earner, admin, 1500)
    for change in (lambda: WithholdingRate.objects.update(basis_points=0), made.delete):
        with pytest.raises(Error, match="only added to"), transaction.atomic():
            change()


def test_a_payout_with_tax_has_its_transfer(earner: User) -> None:
    payout = ask(earner, 50 * EURO)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(withheld=CENT)


def test_the_page_says_what_is_kept_back(earner: User, admin: User, client_for: ClientFor) -> None:
    rate(earner, admin, 1550)
    ask(earner, 20 * EURO)

    page = client_for(earner).get("/earnings/payouts/").content.decode()

    assert "15.5% of it is withheld as tax" in page
    assert "€3.10 tax" in page


def test_an_admin_adds_a_rate_in_the_administration(earner: User, admin: User, client_for: ClientFor) -> None:
    moment = timezone.now()
    client_for(admin).post(
        "/admin/payments/withholdingrate/add/",
        {
            "person": earner.pk, "basis_points": 1500, "reason": "certificate seen",
            "valid_from_0": f"{moment:%Y-%m-%d}", "valid_from_1": f"{moment:%H:%M:%S}",
        },
    )  # fmt: skip
    made = WithholdingRate.objects.get()
    assert (made.person, made.made_by) == (earner, admin)
