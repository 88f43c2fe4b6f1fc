"""A charge-back stops its payer and freezes what their money paid, until an admin decides."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.disputes.opening import file_dispute, open_dispute
from market.generation.models import GenerationRequest
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.charge_backs import follow, in_escrow, look_at
from market.payments.gateways.registry import gateway_named
from market.payments.models import ChargeBack, ChargeBackState, TopUp, TopUpState
from market.payments.payouts import payable
from market.payments.taken_back import bear, decide
from market.payments.top_ups import return_owed, start_top_up
from market.refusals import Refused
from tests.market.payments.conftest import TEN, balance_of, message
from tests.market.races import at_once
from tests.market.stage import earnings, escrow, make_base, make_order, make_plugin, paid_query, run, top_up

ClientFor = Callable[[User], Client]
Notify = Callable[..., Any]
pytestmark = pytest.mark.django_db
EURO = 1_000_000
DESK = "/reports/top-ups/"


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner, fee=EURO)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(artist, base, price=2 * EURO)


@pytest.fixture
def paid(waiting: TopUp, notify: Notify) -> TopUp:
    notify(message(waiting))
    waiting.refresh_from_db()
    return waiting


@pytest.fixture
def spent(paid: TopUp, plugin: PlugIn) -> TopUp:
    """Of 10 EUR 6 were spent, on two pictures: 4.50 came to others, 3.60 of it to the artist."""
    for _ in range(2):
        paid_query(paid.person, plugin)
    return paid


@pytest.fixture
def case(spent: TopUp, notify: Notify) -> ChargeBack:
    return charge_back(spent, notify)


def charge_back(top_up: TopUp, notify: Notify, **changes: Any) -> ChargeBack:
    assert notify(message(top_up, status="disputed", **changes)).status_code == 200
    top_up.refresh_from_db()
    return ChargeBack.objects.get(top_up=top_up)


def clearing() -> int:
    return ledger.balance(ledger.account(AccountKind.GATEWAY_CLEARING)).posted


def revenue() -> int:
    return ledger.balance(ledger.account(AccountKind.PLATFORM_REVENUE)).posted


def test_it_freezes_what_the_missing_money_paid(case: ChargeBack, artist: User, model_owner: User) -> None:
    assert case.state == ChargeBackState.OPEN
    assert (earnings(artist), escrow(artist)) == (0, 3_600_000)
    assert (earnings(model_owner), escrow(model_owner)) == (0, 1_800_000)
    assert {each.person: each.amount for each in in_escrow(case)} == {
        artist: 3_600_000,
        model_owner: 1_800_000,
    }
    assert payable(artist).amount == 0


def test_it_freezes_once_however_often_it_is_told(case: ChargeBack, artist: User, notify: Notify) -> None:
    charge_back(case.top_up, notify)
    assert follow(case) == 0
    assert look_at(case.top_up) == case
    assert escrow(artist) == 3_600_000


def test_what_is_in_the_wallet_was_not_spent(spent: TopUp, user: User, artist: User, notify: Notify) -> None:
    top_up(user, 3 * EURO)  # of its own: 7 EUR are there, 3 are missing
    charge_back(spent, notify)
    assert escrow(artist) == 1_800_000


def test_a_part_of_a_payment_counts_in_part(spent: TopUp, user: User, artist: User, notify: Notify) -> None:
    top_up(user, 4_500_000)
    charge_back(spent, notify)
    assert escrow(artist) == 900_000


def test_what_others_paid_and_what_was_paid_out_is_left(
    spent: TopUp, artist: User, plugin: PlugIn, stranger: User, notify: Notify
) -> None:
    ledger.post(
        key="paid out", debit=ledger.account(AccountKind.EARNINGS, artist), amount=2_600_000, kind="payout",
        credit=ledger.account(AccountKind.PAYOUT_CLEARING), subject="payout:1",
    )  # fmt: skip
    top_up(stranger, 3 * EURO)
    paid_query(stranger, plugin)

    charge_back(spent, notify)

    assert escrow(artist) == 1_000_000
    assert earnings(artist) == 1_800_000


def test_what_is_under_way_is_frozen_once_it_is_paid(
    paid: TopUp, plugin: PlugIn, artist: User, notify: Notify
) -> None:
    request = run(paid.person, make_order(plugin.base, (plugin, 1.0)))
    case = charge_back(paid, notify)
    assert escrow(artist) == 0
    assert request.hold is not None
    ledger.capture(hold=request.hold, key=f"{request.reference}:capture")

    assert follow(case) == 2

    assert (escrow(artist), earnings(artist)) == (1_800_000, 0)


def test_a_request_that_is_refunded_leaves_escrow(
    spent: TopUp, artist: User, admin: User, notify: Notify
) -> None:
    case = charge_back(spent, notify)
    latest = GenerationRequest.objects.latest("created_at")
    captured = ledger.Transfer.objects.get(reference=latest.reference)
    ledger.reverse(transfer=captured, key="refund", reason="not as described", actor=admin)

    follow(case)

    assert (escrow(artist), earnings(artist)) == (1_800_000, 0)


@pytest.mark.parametrize("disputed_first", [True, False])
def test_a_dispute_and_a_charge_back_freeze_nothing_twice(
    spent: TopUp,
    artist: User,
    second_artist: User,
    stranger: User,
    plugin: PlugIn,
    admin: User,
    notify: Notify,
    disputed_first: bool,
) -> None:
    top_up(stranger, 3 * EURO)
    paid_query(stranger, make_plugin(artist, plugin.base, name="Ink", price=2 * EURO))
    dispute = file_dispute(
        plugin=plugin, claimant=second_artist, reason="This is my drawing of 2019, in my book."
    )
    if disputed_first:
        open_dispute(dispute, admin)
        charge_back(spent, notify)
    else:
        charge_back(spent, notify)
        open_dispute(dispute, admin)

    # Of the other plug-in, which somebody else paid for, nothing.
    assert (escrow(artist), earnings(artist)) == (3_600_000, 1_800_000)


def test_its_payer_can_neither_ask_nor_top_up_and_reads_why(
    case: ChargeBack, user: User, base: BaseModel, client_for: ClientFor
) -> None:
    with pytest.raises(Refused, match=r"stopped for payments since .* a top-up of €10\.00 was charged back"):
        run(user, make_order(base))
    with pytest.raises(Refused, match="Until an admin has decided"):
        start_top_up(person=user, amount=TEN, gateway=gateway_named("test"), request_id=uuid.uuid4())
    for page in ("/wallet/", "/wallet/top-up/"):
        assert "withdraw it at your bank" in client_for(user).get(page).content.decode()
    assert balance_of(user) == 4 * EURO


def test_one_whose_wallet_gave_it_back_stops_too_and_freezes_nothing(
    paid: TopUp, plugin: PlugIn, artist: User, admin: User, notify: Notify
) -> None:
    case = charge_back(paid, notify)
    assert (paid.state, case.state) == (TopUpState.RETURNED, ChargeBackState.OPEN)
    assert in_escrow(case) == []

    bear(paid, admin, "their card was stolen")

    case.refresh_from_db()
    paid.refresh_from_db()
    assert (paid.state, case.state) == (TopUpState.RETURNED, ChargeBackState.RELEASED)
    top_up(paid.person, 3 * EURO)
    run(paid.person, make_order(plugin.base, (plugin, 1.0)))


def test_a_refund_of_what_was_not_spent_stops_nobody(paid: TopUp, notify: Notify) -> None:
    notify(message(paid, status="refunded"))
    assert not ChargeBack.objects.exists()


def test_a_refund_of_what_was_spent_is_like_a_charge_back(spent: TopUp, artist: User, notify: Notify) -> None:
    notify(message(spent, status="refunded"))
    assert ChargeBack.objects.get().state == ChargeBackState.OPEN
    assert escrow(artist) == 3_600_000


class TestDeciding:
    def test_the_market_bears_it_and_receivers_keep_theirs(
        self, case: ChargeBack, artist: User, user: User, admin: User, base: BaseModel
    ) -> None:
        before = revenue()
        decide(case.top_up, admin, ChargeBackState.RELEASED, "our mistake")
        assert (earnings(artist), escrow(artist)) == (3_600_000, 0)
        assert (revenue(), clearing(), balance_of(user)) == (before - TEN, 0, 4 * EURO)
        run(user, make_order(base))

    def test_what_is_left_of_it_is_given_back_and_the_market_pays_the_rest(
        self, case: ChargeBack, artist: User, model_owner: User, user: User, admin: User
    ) -> None:
        before = revenue()
        decide(case.top_up, admin, ChargeBackState.GIVEN_BACK, "a stolen card")
        assert (earnings(artist), escrow(artist), escrow(model_owner)) == (0, 0, 0)
        # 5.40 from receivers, 4 from the wallet, and the commission of 0.60 from the market.
        assert (revenue(), clearing(), balance_of(user)) == (before - 600_000, 0, 0)
        case.top_up.refresh_from_db()
        assert (case.top_up.state, case.top_up.decision) == (TopUpState.BORNE, "a stolen card")

    def test_the_gateway_has_paid_again(
        self, case: ChargeBack, artist: User, user: User, admin: User, notify: Notify
    ) -> None:
        before = revenue()
        decide(case.top_up, admin, ChargeBackState.WON, "the bank found for us")
        assert (earnings(artist), escrow(artist)) == (3_600_000, 0)
        assert (revenue(), clearing(), balance_of(user)) == (before, -TEN, 4 * EURO)
        charge_back(case.top_up, notify)  # an old message, once more
        case.refresh_from_db()
        assert case.state == ChargeBackState.WON
        assert case.top_up.state == TopUpState.WON

    def test_the_gateway_has_paid_again_what_the_wallet_had_given_back(
        self, paid: TopUp, admin: User, notify: Notify
    ) -> None:
        charge_back(paid, notify)
        assert balance_of(paid.person) == 0
        decide(paid, admin, ChargeBackState.WON, "the bank found for us")
        assert (balance_of(paid.person), clearing()) == (TEN, -TEN)

    def test_the_wallet_gives_it_back_and_receivers_have_theirs(
        self, case: ChargeBack, artist: User, user: User
    ) -> None:
        top_up(user, 6 * EURO)
        assert return_owed(case.top_up)
        assert (earnings(artist), escrow(artist), balance_of(user)) == (3_600_000, 0, 0)

    def test_more_that_is_taken_back_opens_it_again(
        self, spent: TopUp, artist: User, user: User, admin: User, notify: Notify
    ) -> None:
        charge_back(spent, notify, amount_micros=7 * EURO)  # 4 are there, 3 are missing
        assert escrow(artist) == 1_800_000
        decide(spent, admin, ChargeBackState.GIVEN_BACK, "a stolen card")
        assert (balance_of(user), clearing()) == (0, 7 * EURO - TEN)

        case = charge_back(spent, notify)

        assert case.state == ChargeBackState.OPEN
        assert escrow(artist) == 1_800_000
        decide(spent, admin, ChargeBackState.GIVEN_BACK, "again")
        assert (earnings(artist), escrow(artist), clearing()) == (0, 0, 0)

    @pytest.mark.django_db(transaction=True)
    def test_two_admins_at_once_decide_it_once(self, case: ChargeBack, admin: User, artist: User) -> None:
        outcomes = (ChargeBackState.RELEASED, ChargeBackState.GIVEN_BACK)
        ended = at_once(2, lambda number: decide(case.top_up, admin, outcomes[number], "at once"))
        assert ended == {"done": 1, "Refused": 1}
        assert clearing() == 0
        assert escrow(artist) == 0

    def test_without_a_charge_back_nothing_is_given_back(
        self, paid: TopUp, admin: User, notify: Notify
    ) -> None:
        notify(message(paid, status="refunded", amount_micros=EURO))
        paid.refresh_from_db()
        with pytest.raises(Refused, match="Nothing was charged back"):
            decide(paid, admin, ChargeBackState.GIVEN_BACK, "why not")

    def test_an_admin_sees_the_amounts_and_decides(
        self, client_for: ClientFor, case: ChargeBack, admin: User, artist: User, user: User
    ) -> None:
        client, one = client_for(admin), f"{DESK}{case.top_up.pk}/"
        page = client.get(DESK).content.decode()
        for said in ("stopped", "Ada Artist", "€3.60", "€1.80", "Give back what is left"):
            assert said in page
        form = {"step": "give_back", "taken_back": str(TEN), "reason": "a stolen card"}
        page = client.post(one, form, follow=True).content.decode()
        assert "What receivers had left was given back: a stolen card" in page
        assert escrow(artist) == 0
        assert client_for(user).post(one, form).status_code == 404


def test_the_database_refuses_a_decision_without_a_reason_and_nothing_frozen(case: ChargeBack) -> None:
    for changes in ({"state": "released"}, {"decision": "x"}, {"state": "who knows"}):
        with pytest.raises(IntegrityError, match="payments_chargeback_"), transaction.atomic():
            ChargeBack.objects.update(**changes)
    with pytest.raises(IntegrityError, match="payments_frozenearning_amount"), transaction.atomic():
        case.freezes.update(amount=0)
