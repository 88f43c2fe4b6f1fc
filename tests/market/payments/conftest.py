"""A top-up that waits for its payment, and short ways to talk to the webhook."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import Role, User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.gateways.offline import SIGNATURE, sign
from market.payments.gateways.registry import gateway_named
from market.payments.models import OfflineCheckout, TopUp
from market.payments.top_ups import start_top_up
from tests.market.conftest import make_person
from tests.market.payments.stage import with_details
from tests.market.payments.stripe_stand_in import SECRET_KEY, WEBHOOK_SECRET, StripeStandIn, running

WEBHOOK = "/payments/webhooks/test/"
TEN = 10_000_000


def balance_of(person: User) -> int:
    return ledger.balance(ledger.account("wallet", person)).posted


def earn(person: User, amount: int) -> None:
    ledger.post(
        key=f"earn:{uuid.uuid4()}", debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.EARNINGS, person), amount=amount, kind="plugin_fee",
    )  # fmt: skip


def earnings(person: User) -> int:
    return ledger.balance(ledger.account(AccountKind.EARNINGS, person)).posted


@pytest.fixture(autouse=True)
def money_adds_up(ledger_verifies: None) -> None:
    """Gateways fail, repeat and contradict themselves in these tests; the ledger is right after each."""


@pytest.fixture
def waiting(user: User) -> TopUp:
    """A top-up of 10 EUR that has not been paid."""
    return start_top_up(person=user, amount=TEN, gateway=gateway_named("test"), request_id=uuid.uuid4())


@pytest.fixture
def checkout(waiting: TopUp) -> OfflineCheckout:
    return OfflineCheckout.objects.get(pk=waiting.gateway_reference)


def message(top_up: TopUp, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{uuid.uuid4().hex}",
        "payment": top_up.gateway_reference,
        "status": "paid",
        "amount_micros": top_up.amount,
        "currency": top_up.currency,
    } | changes


@pytest.fixture
def notify() -> Callable[..., Any]:
    """Send a signed message to the webhook as the gateway would, and return the response."""
    client = Client(enforce_csrf_checks=True)

    def send(content: dict[str, Any] | bytes, *, signature: str | None = None, url: str = WEBHOOK) -> Any:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        header = sign(body) if signature is None else signature
        return client.post(url, body, content_type="application/json", headers={SIGNATURE: header})

    return send


@pytest.fixture
def stripe_stand_in(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeStandIn]:
    """Stripe switched on, played by a stand-in on this machine. All that was queued has to be asked for, and as it was written."""
    settings.PAYMENT_GATEWAYS = ["test", "stripe"]
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = SECRET_KEY, WEBHOOK_SECRET
    monkeypatch.setattr("market.payments.gateways.stripe_api.TIMEOUT", 0.5)
    with running() as (stand_in, address):
        settings.STRIPE_API_URL = address
        yield stand_in
    assert stand_in.differences == []
    assert stand_in.exchanges == []


@pytest.fixture
def no_reserve(settings: Any) -> None:
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban="NL91ABNA0417164300")


@pytest.fixture
def second_admin(db: None) -> User:
    return make_person("Bruno Boss", Role.ADMIN)


@pytest.fixture
def paid_artist(artist: User, admin: User) -> User:
    """An artist with 50.123456 EUR, whose bank details are checked."""
    earn(artist, 50_123_456)
    with_details(artist, admin)
    return artist
