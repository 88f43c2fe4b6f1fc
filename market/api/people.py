"""The person whose token it is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.endpoint import Endpoint
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.payments.promotions import credit_account


class BalanceOut(serializers.Serializer[Any]):
    available_micros = serializers.IntegerField(help_text="To spend, in micro-euros: 1,000,000 are one euro.")
    held_micros = serializers.IntegerField(help_text="Set aside for unfinished requests.")
    credit_micros = serializers.IntegerField(help_text="Promotional credit, which is spent first.")
    currency = serializers.CharField()


class TokenOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)


class MeOut(serializers.Serializer[Any]):
    email = serializers.EmailField()
    handle = serializers.CharField()
    display_name = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    balance = BalanceOut()
    token = TokenOut(help_text="The token that asks.")


class Me(Endpoint):
    @extend_schema(responses=MeOut)
    def get(self, request: Request) -> Response:
        """Who the token acts as, and their balance."""
        person = self.person
        wallet = ledger.balance(ledger.account(AccountKind.WALLET, owner=person))
        credit = credit_account(person)
        said = {
            "email": person.email,
            "handle": person.handle,
            "display_name": person.display_name,
            "roles": person.roles,
            "balance": {
                "available_micros": wallet.available,
                "held_micros": wallet.held,
                "credit_micros": ledger.balance(credit).available if credit else 0,
                "currency": "EUR",
            },
            "token": request.auth,
        }
        return Response(MeOut(said).data)
