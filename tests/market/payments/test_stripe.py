"""Top-ups through Stripe, played by a stand-in: one session a top-up, its webhooks believed when signed, its silence survived."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger.models import Transfer
from market.payments.gateways.protocol import (
    GatewayDown,
    GatewayRefused,
    GatewayUnavailable,
    PaymentError,
    UnknownPayment,
)
from market.payments.gateways.registry import gateway_named
from market.payments.models import TopUp, TopUpState, Trace, TraceSort, WebhookEvent
from market.payments.top_ups import ask_gateway, reconcile, start_top_up
from market.refusals import Refused
from tests.market.payments.conftest import TEN, balance_of
from tests.market.payments.stripe_stand_in import StripeStandIn, filled, signed

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
WEBHOOK = "/payments/webhooks/stripe/"


def begin(user: User, request_id: uuid.UUID, amount: int = TEN) -> TopUp:
    return start_top_up(person=user, amount=amount, gateway=gateway_named("stripe"), request_id=request_id)


@pytest.fixture
def at_stripe(user: User, stripe_stand_in: StripeStandIn) -> TopUp:
    """A top-up of 10 EUR with its session at Stripe, not paid yet."""
    request_id = uuid.uuid4()
    stripe_stand_in.play("session_created", top_up=request_id)
    return begin(user, request_id)


def post(name: str, top_up: TopUp, *, body: str = "", signature: str | None = None, **values: object) -> Any:
    body = body or filled(f"webhooks/{name}.json", top_up=top_up.pk, **values)
    return Client(enforce_csrf_checks=True).post(
        WEBHOOK,
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signed(body) if signature is None else signature},
    )


def state_of(top_up: TopUp) -> str:
    top_up.refresh_from_db()
    return top_up.state


class TestStarting:
    def test_a_session_is_opened_under_the_key_of_the_top_up(self, at_stripe: TopUp) -> None:
        assert at_stripe.gateway_reference == "cs_test_a1B2c3"
        assert at_stripe.checkout_url.startswith("https://checkout.stripe.com/")

    @pytest.mark.parametrize("trouble", ["500", "409", "silence"])
    def test_a_passing_trouble_is_tried_again_under_the_same_key(
        self, user: User, stripe_stand_in: StripeStandIn, trouble: str
    ) -> None:
        request_id = uuid.uuid4()
        stripe_stand_in.play(f"session_created_after_{trouble}", top_up=request_id)
        assert begin(user, request_id).gateway_reference == "cs_test_a1B2c3"
        assert stripe_stand_in.requests == ["POST /v1/checkout/sessions"] * 2

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            ("session_500_twice", GatewayDown),
            ("session_silence_twice", GatewayDown),
            ("session_conflicts", GatewayDown),
            ("session_rate_limited", GatewayDown),
            ("session_card_declined", GatewayRefused),
            ("session_other_words_under_the_key", GatewayRefused),
            ("session_bad_request", GatewayRefused),
            ("session_expired_at_once", GatewayRefused),
            ("session_key_refused", GatewayUnavailable),
        ],
    )
    def test_what_stripe_answers_is_a_typed_error_and_the_same_request_can_be_sent_again(
        self, user: User, stripe_stand_in: StripeStandIn, trouble: str, error: type[PaymentError]
    ) -> None:
        request_id = uuid.uuid4()
        stripe_stand_in.play(trouble, top_up=request_id)
        with pytest.raises(error):
            begin(user, request_id)
        assert TopUp.objects.get().gateway_reference == ""
        stripe_stand_in.play("session_created", top_up=request_id)
        assert begin(user, request_id).gateway_reference == "cs_test_a1B2c3"

    def test_the_same_form_for_another_amount_is_refused(self, user: User, at_stripe: TopUp) -> None:
        with pytest.raises(Refused, match="sent before"):
            begin(user, at_stripe.pk, 2 * TEN)

    def test_a_person_is_led_to_stripe_and_the_page_allows_that(
        self, client_for: ClientFor, user: User, stripe_stand_in: StripeStandIn
    ) -> None:
        client, request_id = client_for(user), uuid.uuid4()
        stripe_stand_in.play("session_created", top_up=request_id)
        page = client.get("/wallet/top-up/")
        sent = client.post(
            "/wallet/top-up/",
            {"amount": "10", "gateway": "stripe", "request_id": str(request_id), "next": ""},
        )
        assert "form-action 'self' https://checkout.stripe.com;" in page["Content-Security-Policy"]
        assert "stripe.com" not in client.get("/wallet/")["Content-Security-Policy"]
        assert sent["Location"] == TopUp.objects.get().checkout_url

    def test_a_person_is_told_when_stripe_does_not_answer(
        self, client_for: ClientFor, user: User, stripe_stand_in: StripeStandIn
    ) -> None:
        request_id = uuid.uuid4()
        stripe_stand_in.play("session_500_twice", top_up=request_id)
        page = client_for(user).post(
            "/wallet/top-up/",
            {"amount": "10", "gateway": "stripe", "request_id": str(request_id), "next": ""},
        )
        assert page.status_code == 422
        assert "Try again later" in page.content.decode()

    @pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
    def test_without_its_settings_it_is_not_offered_and_the_start_says_so(
        self, client_for: ClientFor, user: User, settings: Any, stripe_stand_in: StripeStandIn, missing: str
    ) -> None:
        setattr(settings, missing, "")
        assert "Stripe" not in client_for(user).get("/wallet/top-up/").content.decode()
        with pytest.raises(GatewayUnavailable, match=missing):
            gateway_named("stripe")
        assert missing in str(next(error for error in run_checks() if error.id == "payments.E002"))


class TestWebhooks:
    def test_a_completed_session_is_credited(self, at_stripe: TopUp) -> None:
        response = post("session_completed", at_stripe)
        assert response.status_code == 200
        assert state_of(at_stripe) == TopUpState.PAID
        assert at_stripe.gateway_charge == "pi_a1B2c3"
        assert balance_of(at_stripe.person) == TEN

    def test_what_is_kept_of_a_webhook_does_not_say_where_the_payer_lives(self, at_stripe: TopUp) -> None:
        post("session_completed", at_stripe)
        kept = json.dumps(WebhookEvent.objects.get().body)
        assert "pi_a1B2c3" in kept
        assert "Example Street" not in kept

    def test_the_same_event_again_credits_once(self, at_stripe: TopUp) -> None:
        for _ in range(3):
            assert post("session_completed", at_stripe).status_code == 200
        assert balance_of(at_stripe.person) == TEN
        assert WebhookEvent.objects.get().deliveries == 3

    def test_a_slow_payment_is_credited_when_it_succeeds(self, at_stripe: TopUp) -> None:
        post("session_completed_unpaid", at_stripe)
        assert state_of(at_stripe) == TopUpState.PROCESSING
        assert balance_of(at_stripe.person) == 0
        post("async_payment_succeeded", at_stripe, n="a1B2c3")
        assert state_of(at_stripe) == TopUpState.PAID
        assert balance_of(at_stripe.person) == TEN

    @pytest.mark.parametrize("name", ["async_payment_failed", "session_expired"])
    def test_what_fails_or_expires_ends_the_top_up(self, at_stripe: TopUp, name: str) -> None:
        assert post(name, at_stripe).status_code == 200
        assert state_of(at_stripe) == TopUpState.FAILED
        assert balance_of(at_stripe.person) == 0

    @pytest.mark.parametrize("name", ["charge_refunded", "dispute_created"])
    def test_what_is_refunded_or_disputed_leaves_the_wallet_again(self, at_stripe: TopUp, name: str) -> None:
        post("session_completed", at_stripe)
        assert post(name, at_stripe).status_code == 200
        assert state_of(at_stripe) == TopUpState.RETURNED
        assert balance_of(at_stripe.person) == 0

    def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(self, at_stripe: TopUp) -> None:
        post("session_completed", at_stripe)
        post("inquiry_created", at_stripe)
        assert balance_of(at_stripe.person) == TEN
        told = json.loads(filled("webhooks/dispute_created.json"))
        post("", at_stripe, body=json.dumps(told | {"type": "charge.dispute.funds_withdrawn"}))
        assert balance_of(at_stripe.person) == 0

    def test_a_part_that_is_refunded_waits_for_a_decision(self, at_stripe: TopUp) -> None:
        post("session_completed", at_stripe)
        post("charge_refunded_in_part", at_stripe)
        assert state_of(at_stripe) == TopUpState.OWED
        assert at_stripe.taken_back == 4_000_000
        assert balance_of(at_stripe.person) == TEN

    @pytest.mark.parametrize("name", ["charge_refunded", "dispute_created"])
    def test_news_of_a_charge_that_nobody_told_of_yet_is_to_come_again(
        self, at_stripe: TopUp, name: str
    ) -> None:
        assert post(name, at_stripe).status_code == 404
        post("session_completed", at_stripe)
        assert post(name, at_stripe).status_code == 200
        assert balance_of(at_stripe.person) == 0

    @pytest.mark.parametrize("name", ["inquiry_created", "customer_created", "session_of_another_shop"])
    def test_what_is_of_no_concern_is_taken_and_ignored(self, at_stripe: TopUp, name: str) -> None:
        response = post(name, at_stripe)
        assert response.status_code == 200
        assert "ignored" in response.json()
        assert state_of(at_stripe) == TopUpState.PENDING
        assert not WebhookEvent.objects.exists()

    @pytest.mark.parametrize(
        "signature", ["", "t=1,v1=00", "nonsense", "t=,v1=", "t=9e9,v1=x", "v1=\u00e9", "t=1,t=2"]
    )
    def test_a_message_without_a_right_signature_is_refused(self, at_stripe: TopUp, signature: str) -> None:
        response = post("session_completed", at_stripe, signature=signature)
        assert (response.status_code, response.json()["error"]) == (400, "BadSignature")
        assert not Transfer.objects.exists()

    def test_a_signature_of_another_secret_or_hour_is_refused(self, at_stripe: TopUp) -> None:
        body = filled("webhooks/session_completed.json", top_up=at_stripe.pk)
        for signature in (signed(body, secret="whsec_guessed"), signed(body, at=int(time.time()) - 3600)):
            assert post("", at_stripe, body=body, signature=signature).status_code == 400
        assert not Transfer.objects.exists()

    @pytest.mark.parametrize(
        ("name", "change", "status"),
        [
            ("session_completed", {"amount_total": 10.0}, 422),
            ("session_completed", {"amount_total": -1000}, 422),
            ("session_completed", {"amount_total": "1000"}, 422),
            ("session_completed", {"amount_total": None}, 422),
            ("session_completed", {"amount_total": True}, 422),
            ("session_completed", {"amount_total": 10**30}, 422),
            ("session_completed", {"amount_total": 2**63 - 1}, 422),
            ("session_completed", {"amount_total": 999}, 409),
            ("session_completed", {"currency": "usd"}, 409),
            ("session_completed", {"id": "cs_test_of_nobody"}, 404),
            ("session_completed", {"payment_status": None, "status": None}, 200),
            ("charge_refunded", {"amount_refunded": 0}, 422),
            ("charge_refunded", {"amount_refunded": 1001, "payment_intent": "pi_a1B2c3"}, 409),
            ("charge_refunded", {"payment_intent": None}, 404),
            ("dispute_created", {"status": None}, 422),
        ],
    )
    def test_a_message_that_does_not_fit_is_refused_and_moves_nothing(
        self, at_stripe: TopUp, name: str, change: dict[str, Any], status: int
    ) -> None:
        TopUp.objects.filter(pk=at_stripe.pk).update(gateway_charge="pi_a1B2c3")
        message = json.loads(filled(f"webhooks/{name}.json", top_up=at_stripe.pk))
        message["data"]["object"] |= change
        assert post("", at_stripe, body=json.dumps(message)).status_code == status
        assert state_of(at_stripe) == TopUpState.PENDING
        assert not Transfer.objects.exists()

    @pytest.mark.parametrize(
        "body",
        ["not json", "[]", "null", "{}", '{"id": "evt_1", "type": "charge.refunded"}', '{"type": [], "data": {"object": 1}}',
         '{"id": "evt_1", "type": "charge.refunded", "data": {"object": 1}}', '{"id": "evt_\\u0000"}'],
    )  # fmt: skip
    def test_a_signed_message_that_makes_no_sense_is_refused(self, at_stripe: TopUp, body: str) -> None:
        response = post("", at_stripe, body=body)
        assert (response.status_code, response.json()["error"]) == (422, "BadMessage")
        assert not WebhookEvent.objects.exists()

    def test_bytes_that_are_no_text_and_bodies_that_are_too_large_are_refused(
        self, stripe_stand_in: StripeStandIn
    ) -> None:
        for body, status in ((b"\xff\xfe", 422), (b"x" * 70_000, 413), (b"x" * 3_000_000, 413)):
            response = Client().post(
                WEBHOOK, body, content_type="application/json", headers={"Stripe-Signature": "t=1,v1=0"}
            )
            assert response.status_code == status


class TestLookingUp:
    @pytest.mark.parametrize(
        ("name", "state", "credited"),
        [
            ("looked_up_open", TopUpState.PENDING, 0),
            ("looked_up_processing", TopUpState.PROCESSING, 0),
            ("looked_up_paid", TopUpState.PAID, TEN),
            ("looked_up_debit_failed", TopUpState.FAILED, 0),
            ("looked_up_expired", TopUpState.FAILED, 0),
            ("looked_up_refunded", TopUpState.RETURNED, 0),
            ("looked_up_disputed", TopUpState.RETURNED, 0),
            ("looked_up_dispute_won", TopUpState.PAID, TEN),
            ("looked_up_unknown", TopUpState.PENDING, 0),
            ("looked_up_in_vain", TopUpState.PENDING, 0),
        ],
    )
    def test_asking_finds_what_no_webhook_told(
        self, at_stripe: TopUp, stripe_stand_in: StripeStandIn, name: str, state: TopUpState, credited: int
    ) -> None:
        stripe_stand_in.play(name, top_up=at_stripe.pk)
        assert ask_gateway(at_stripe).state == state
        cards = Trace.objects.filter(person=at_stripe.person, sort=TraceSort.CARD)
        assert cards.count() == (name == "looked_up_paid")
        assert balance_of(at_stripe.person) == credited

    def test_a_gateway_that_is_down_is_asked_once_a_round(
        self, user: User, at_stripe: TopUp, stripe_stand_in: StripeStandIn
    ) -> None:
        TopUp.objects.create(
            person=user,
            amount=TEN,
            gateway="stripe",
            gateway_reference="cs_test_other",
            ask_at=timezone.now(),
        )
        TopUp.objects.filter(pk=at_stripe.pk).update(ask_at=timezone.now() - timedelta(minutes=1))
        stripe_stand_in.play("looked_up_in_vain", top_up=at_stripe.pk)
        assert reconcile() == 0
        assert reconcile() == 0  # each has its next turn later

    def test_the_error_names_what_stripe_does_not_know(
        self, at_stripe: TopUp, stripe_stand_in: StripeStandIn
    ) -> None:
        stripe_stand_in.play("looked_up_unknown", top_up=at_stripe.pk)
        with pytest.raises(UnknownPayment, match="No such checkout"):
            gateway_named("stripe").look_up(at_stripe.gateway_reference)
