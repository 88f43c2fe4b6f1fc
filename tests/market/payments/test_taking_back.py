"""Payments that the gateway takes back: out of the wallet if it has them; else kept, tried again, and shown to admins."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import Role, User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Hold, Transfer
from market.ledger.operations import Share
from market.ledger.verification import verify
from market.payments.models import OfflineCheckout, TopUp, TopUpState
from market.payments.taken_back import bear
from market.payments.top_ups import reconcile, return_owed
from market.refusals import Refused
from tests.market.conftest import make_person
from tests.market.payments.conftest import TEN, balance_of, message

ClientFor = Callable[[User], Client]
Notify = Callable[..., Any]
pytestmark = pytest.mark.django_db
DESK = "/reports/top-ups/"


def give(person: User, amount: int) -> None:
    ledger.post(
        key=f"give:{uuid.uuid4()}",
        debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.WALLET, person),
        amount=amount,
        kind="top_up",
    )


def hold(person: User, amount: int) -> Hold:
    return ledger.hold(
        key=f"hold:{uuid.uuid4()}",
        payer=ledger.account(AccountKind.WALLET, person),
        shares=[Share(ledger.account(AccountKind.PLATFORM_REVENUE), amount, "commission")],
        reference="generation:1",
        expires_at=timezone.now() + timedelta(hours=1),
    )


def state_of(top_up: TopUp) -> str:
    top_up.refresh_from_db()
    return top_up.state


def transfer_of(top_up: TopUp) -> Transfer:
    assert top_up.transfer is not None
    return top_up.transfer


@pytest.fixture
def paid(waiting: TopUp, notify: Notify) -> TopUp:
    notify(message(waiting))
    waiting.refresh_from_db()
    return waiting


@pytest.fixture
def owed(paid: TopUp, notify: Notify) -> TopUp:
    """A top-up that was charged back when 3 EUR of it were spent."""
    ledger.capture(hold=hold(paid.person, 3_000_000), key="spent")
    assert notify(message(paid, status="disputed")).status_code == 200
    paid.refresh_from_db()
    return paid


@pytest.mark.parametrize("how", ["refunded", "disputed"])
def test_what_the_wallet_has_is_reversed_once(paid: TopUp, notify: Notify, how: str) -> None:
    for _ in range(3):
        assert notify(message(paid, status=how)).status_code == 200
    assert state_of(paid) == TopUpState.RETURNED
    assert (paid.taken_back, paid.taken_back_by) == (TEN, how)
    assert paid.reversal is not None
    assert paid.reversal.reverses_id == paid.transfer_id
    assert balance_of(paid.person) == 0
    assert Transfer.objects.count() == 2


def test_a_refund_that_comes_before_the_payment_is_booked_as_both(waiting: TopUp, notify: Notify) -> None:
    notify(message(waiting, status="refunded"))
    notify(message(waiting))
    notify(message(waiting, status="failed"))
    assert state_of(waiting) == TopUpState.RETURNED
    assert [transfer.kind for transfer in Transfer.objects.order_by("pk")] == ["top_up", "reversal"]
    assert balance_of(waiting.person) == 0


def test_what_was_spent_is_kept_as_owed_and_the_wallet_stays_as_it_is(owed: TopUp) -> None:
    assert owed.state == TopUpState.OWED
    assert owed.taken_back == TEN
    assert balance_of(owed.person) == 7_000_000


def test_what_is_held_for_a_query_is_not_taken(paid: TopUp, notify: Notify) -> None:
    held = hold(paid.person, 1_000_000)
    notify(message(paid, status="refunded"))
    assert state_of(paid) == TopUpState.OWED
    ledger.void(hold=held, key="v")
    assert return_owed(paid)


def test_the_sweeper_takes_it_as_soon_as_the_wallet_has_it(owed: TopUp) -> None:
    def try_later() -> int:
        TopUp.objects.update(ask_at=timezone.now())
        return reconcile()

    assert reconcile() == 0
    assert try_later() == 0
    give(owed.person, 2_999_999)
    assert try_later() == 0
    give(owed.person, 1)
    assert try_later() == 1
    assert state_of(owed) == TopUpState.RETURNED
    assert balance_of(owed.person) == 0
    assert try_later() == 0


def test_a_part_is_left_to_an_admin_and_the_rest_may_follow(paid: TopUp, notify: Notify) -> None:
    notify(message(paid, status="refunded", amount_micros=4_000_000))
    assert state_of(paid) == TopUpState.OWED
    assert not return_owed(paid)
    assert balance_of(paid.person) == TEN
    notify(message(paid, status="refunded", amount_micros=TEN))
    notify(message(paid, status="refunded", amount_micros=4_000_000))  # late
    assert state_of(paid) == TopUpState.RETURNED
    assert paid.taken_back == TEN
    assert balance_of(paid.person) == 0


def test_a_transfer_that_was_reversed_already_is_not_reversed_twice(paid: TopUp, notify: Notify) -> None:
    reversal = ledger.reverse(transfer=transfer_of(paid), key="by hand", reason="asked for")
    notify(message(paid, status="refunded"))
    assert state_of(paid) == TopUpState.RETURNED
    assert paid.reversal_id == reversal.pk


@pytest.mark.django_db(transaction=True)
def test_many_reports_at_once_take_it_once(paid: TopUp, notify: Notify) -> None:
    def report() -> None:
        notify(message(paid, status="refunded"))
        connection.close()

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state_of(paid) == TopUpState.RETURNED
    assert Transfer.objects.count() == 2


class TestDeciding:
    def test_the_market_may_bear_it(self, owed: TopUp, admin: User, notify: Notify) -> None:
        bear(owed, admin, "a mistake of ours")
        assert state_of(owed) == TopUpState.BORNE
        assert (owed.decision, owed.decided_by) == ("a mistake of ours", admin)
        assert balance_of(owed.person) == 7_000_000
        # The gateway has its money back, and the market is that much poorer.
        assert ledger.balance(ledger.account(AccountKind.GATEWAY_CLEARING)).posted == 0
        assert ledger.balance(ledger.account(AccountKind.PLATFORM_REVENUE)).posted == 3_000_000 - TEN
        assert verify().ok
        notify(message(owed, status="disputed"))
        assert state_of(owed) == TopUpState.BORNE
        with pytest.raises(Refused, match="not possible any more"):
            bear(owed, admin, "again")

    def test_more_that_is_taken_back_is_decided_anew(self, paid: TopUp, admin: User, notify: Notify) -> None:
        notify(message(paid, status="refunded", amount_micros=4_000_000))
        paid.refresh_from_db()
        bear(paid, admin, "a gift")
        notify(message(paid, status="refunded"))
        assert state_of(paid) == TopUpState.RETURNED
        assert (paid.decision, paid.decided_by) == ("", None)

    def test_what_was_decided_is_not_taken_by_a_sweeper_that_looked_before(
        self, owed: TopUp, admin: User
    ) -> None:
        looked = TopUp.objects.get(pk=owed.pk)
        bear(owed, admin, "a gift")
        give(owed.person, 3_000_000)
        assert not return_owed(looked)
        assert balance_of(owed.person) == TEN

    def test_nobody_decides_about_their_own_without_a_reason_or_without_being_an_admin(
        self, owed: TopUp, admin: User, stranger: User
    ) -> None:
        for person, reason, why in ((stranger, "mine", "Only an admin"), (admin, "  ", "Say why")):
            with pytest.raises(Refused, match=why):
                bear(owed, person, reason)
        TopUp.objects.filter(pk=owed.pk).update(person=admin)
        owed.refresh_from_db()
        with pytest.raises(Refused, match="Somebody else"):
            bear(owed, admin, "me")
        assert state_of(owed) == TopUpState.OWED

    def test_an_admin_sees_it_tries_again_and_decides(
        self, client_for: ClientFor, owed: TopUp, admin: User
    ) -> None:
        client, one = client_for(admin), f"{DESK}{owed.pk}/"
        page = client.get(DESK).content.decode()
        assert "Uma User" in page
        assert "€7.00" in page
        assert "cannot give it back now" in client.post(one, {"step": "return"}, follow=True).content.decode()
        for form in ({"reason": "x"}, {"reason": "x", "taken_back": "1"}):
            page = client.post(one, {"step": "bear", **form}, follow=True).content.decode()
            assert "Look again" in page
        form = {"step": "bear", "taken_back": str(TEN)}
        assert "Say why" in client.post(one, form, follow=True).content.decode()
        page = client.post(one, form | {"reason": "our mistake"}, follow=True).content.decode()
        assert "Borne by the market: our mistake" in page
        assert client.post(one, {"step": "steal"}).status_code == 404

    def test_an_admin_takes_it_at_once_when_the_wallet_has_it(
        self, client_for: ClientFor, owed: TopUp, admin: User
    ) -> None:
        give(owed.person, 3_000_000)
        page = client_for(admin).post(f"{DESK}{owed.pk}/", {"step": "return"}, follow=True)
        assert "out of the wallet" in page.content.decode()
        assert balance_of(owed.person) == 0

    def test_nobody_else_finds_the_pages(
        self, client_for: ClientFor, client: Client, owed: TopUp, stranger: User
    ) -> None:
        for person in (stranger, owed.person):
            assert client_for(person).get(DESK).status_code == 404
            assert client_for(person).post(f"{DESK}{owed.pk}/", {"step": "return"}).status_code == 404
        assert client.get(DESK).status_code == 302
        assert state_of(owed) == TopUpState.OWED

    def test_the_person_is_told(self, client_for: ClientFor, owed: TopUp, stranger: User) -> None:
        client = client_for(owed.person)
        assert "the market will settle that" in client.get(owed.get_absolute_url()).content.decode()
        give(owed.person, 3_000_000)
        return_owed(owed)
        assert "left your wallet again" in client.get(owed.get_absolute_url()).content.decode()
        assert "Charged back at the gateway" in client.get("/wallet/").content.decode()


def test_a_person_plays_a_refund_at_the_test_gateway(
    client_for: ClientFor, waiting: TopUp, stranger: User
) -> None:
    client = client_for(waiting.person)
    client.post(waiting.checkout_url, {"decision": "pay"})
    assert "Charge it back" in client.get(waiting.checkout_url).content.decode()
    assert client_for(stranger).post(waiting.checkout_url, {"decision": "refund"}).status_code == 404
    page = client.post(waiting.checkout_url, {"decision": "refund"}, follow=True).content.decode()
    assert "The payment was taken back" in page
    assert balance_of(waiting.person) == 0
    again = client.post(waiting.checkout_url, {"decision": "refund_half"}, follow=True).content.decode()
    assert "nothing of this test payment to take back" in again


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("state_is_known", {"state": "lost"}),
        ("paid_has_its_transfer", {"transfer": None}),
        ("paid_has_its_transfer", {"state": "pending"}),
        ("taken_back_says_how", {"taken_back_by": ""}),
        ("taken_back_says_how", {"taken_back_by": "stolen"}),
        ("taken_back_says_how", {"taken_back_at": None}),
        ("taken_back_says_how", {"taken_back": 0}),
        ("taken_back_says_how", {"state": "paid"}),
        ("no_more_is_taken_back", {"taken_back": TEN + 1}),
        ("returned_has_its_reversal", {"state": "returned"}),
        ("borne_by_a_decision", {"state": "borne"}),
        ("borne_by_a_decision", {"decision": "none was made"}),
    ],
)
def test_the_database_refuses_a_top_up_that_makes_no_sense(
    owed: TopUp, constraint: str, change: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError, match=f"payments_topup_{constraint}"), transaction.atomic():
        TopUp.objects.filter(pk=owed.pk).update(**change)


def test_the_database_refuses_a_decision_about_oneself_and_two_top_ups_of_one_charge(
    owed: TopUp, user: User
) -> None:
    boss = make_person("Bruno Boss", Role.ADMIN)
    with pytest.raises(IntegrityError, match="payments_topup_not_decided_by_oneself"), transaction.atomic():
        TopUp.objects.filter(pk=owed.pk).update(
            state=TopUpState.BORNE, decision="mine", decided_by=boss, person=boss
        )
    TopUp.objects.filter(pk=owed.pk).update(gateway_charge="pi_1")
    with pytest.raises(IntegrityError, match="payments_topup_one_per_gateway_charge"), transaction.atomic():
        TopUp.objects.create(person=user, amount=TEN, gateway="test", gateway_charge="pi_1")


def test_the_database_refuses_a_checkout_that_gave_back_what_it_never_had(checkout: OfflineCheckout) -> None:
    for change in ({"taken_back": 1}, {"state": "refunded"}, {"state": "disputed", "taken_back": TEN + 1}):
        with pytest.raises(IntegrityError, match="payments_offlinecheckout"), transaction.atomic():
            OfflineCheckout.objects.filter(pk=checkout.pk).update(decided_at=timezone.now(), **change)
