"""Prices, and what of a prompt the base no longer draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.bodies import Number, Shape, Text, filled_in, said, shape
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.catalog.combined import price_now
from market.catalog.models import PlugIn
from market.generation import limits
from market.generation.forms import DEFAULT_WEIGHT, Chosen, QuoteForm
from market.generation.guarding import asked_for
from market.generation.paying import purses
from market.generation.requesting import settle_terms
from market.ledger import operations as ledger


class PlugInChoice(Shape):
    """A plug-in to draw with."""

    plugin = Text(described={"type": "string", "description": "The name of a plug-in in addresses."})
    weight = Number(
        required=False,
        described={
            "type": "number",
            "minimum": 0,
            "maximum": limits.MAX_WEIGHT,
            "default": DEFAULT_WEIGHT,
            "description": "How strongly it shapes the picture.",
        },
    )


def plugin_choices() -> PlugInChoice:
    return PlugInChoice(many=True, required=False, help_text=f"At most {limits.MAX_PLUGINS}.")


QuoteBody = shape(
    "QuoteBody",
    QuoteForm,
    optional=("count",),
    plugins=plugin_choices(),
    prompt=Text(
        required=False,
        allow_blank=True,
        described={
            "type": "string",
            "maxLength": limits.MAX_PROMPT,
            "description": "To be told what of it the base no longer draws. The price does not depend on it.",
        },
    ),
)


class PortionOut(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Who gets it.")
    amount_micros = serializers.IntegerField(source="amount")
    through = serializers.CharField(
        help_text="The parts of a combined plug-in by way of which it comes to them."
    )


class LineOut(serializers.Serializer[Any]):
    line = serializers.ChoiceField(["base_fee", "plugin_fee"])
    subject = serializers.CharField()
    name = serializers.CharField()
    per_picture_micros = serializers.IntegerField(source="per_picture")
    total_micros = serializers.IntegerField(source="total")
    commission_micros = serializers.IntegerField(source="commission")
    portions = PortionOut(many=True)


class QuoteOut(serializers.Serializer[Any]):
    digest = serializers.CharField(help_text="Names this price: a request says by it what it agrees to.")
    total_micros = serializers.IntegerField(source="total")
    currency = serializers.CharField()
    pictures = serializers.IntegerField()
    lines = LineOut(many=True)


class OfferedOut(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    price_micros = serializers.SerializerMethodField()
    url = Link("api:plugin", "slug")

    def get_price_micros(self, plugin: PlugIn) -> int:
        return price_now(plugin)


class AskedOut(serializers.Serializer[Any]):
    concept = serializers.CharField(source="name", help_text="What was taken out of the base.")
    said = serializers.CharField(help_text="The words of the prompt that ask for it.")
    plugin = OfferedOut(allow_null=True, help_text="A plug-in on sale that brings it back, if there is one.")


class PricedOut(serializers.Serializer[Any]):
    quote = QuoteOut()
    release = serializers.IntegerField(help_text="The number of the base's release that would draw.")
    unneeded = OfferedOut(
        many=True,
        help_text="Chosen plug-ins that restore what this release never lost: they are left out and not charged.",
    )
    payable = serializers.BooleanField(help_text="Whether your balance, or your credit, has as much.")
    asked_for = AskedOut(
        many=True,
        help_text="What the prompt seems to ask for that the base no longer draws, and nothing chosen brings back.",
    )


def chosen_plugins(wish: Mapping[str, Any]) -> tuple[Chosen, ...]:
    """Give the plug-ins of a body as the studio's form has them: by their numbers, unknown ones by none that there is."""
    plugins = wish.get("plugins", [])
    slugs = [each.get("plugin", "") for each in plugins]
    known = dict(PlugIn.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    return tuple(
        Chosen(known.get(slug, -1 - place), f"{each.get('weight', DEFAULT_WEIGHT):g}")
        for place, (slug, each) in enumerate(zip(slugs, plugins, strict=True))
    )


class Quotes(Endpoint):
    @extend_schema(request=QuoteBody, responses=PricedOut)
    def post(self, request: Request) -> Response:
        """Price a request for pictures, and say what of its prompt the base no longer draws.

        Nothing is charged or kept. A concept that was taken out of the base comes with the plug-in that brings it back.
        """
        wish = said(request, QuoteBody, count=1)
        form = filled_in(QuoteForm, wish, chosen=chosen_plugins(wish))
        terms = settle_terms(
            base=form.cleaned_data["base"],
            plugins=form.cleaned_data["plugins"],
            count=form.cleaned_data["count"],
            person=self.person,
        )
        balances = [ledger.balance(purse).available for purse in purses(self.person, terms.quote)]
        priced = {
            "quote": terms.quote,
            "release": terms.release.number,
            "unneeded": terms.unneeded,
            "payable": max(balances) >= terms.quote.total,
            "asked_for": asked_for(
                terms.release, wish.get("prompt", ""), [version for version, _ in terms.versions]
            ),
        }
        return Response(PricedOut(priced, context={"request": request}).data)
