"""Prices, and what in a prompt the base no longer draws."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.banned_uses import BannedOut
from market.api.bases import OnBaseBody
from market.api.bodies import Body, Number, Text, Whole, said
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.catalog.combined import price_now
from market.catalog.models import PlugIn
from market.generation import limits
from market.generation.appeals import still_banned
from market.generation.guarding import asked_for
from market.generation.orders import DEFAULT_WEIGHT, QuoteOrder
from market.generation.paying import funds_of
from market.generation.requesting import settle_terms


class PlugInChoice(Body):
    """A plug-in to draw with."""

    plugin = Text("The name of a plug-in in addresses.")
    weight = Number("How strongly it shapes the picture.", 0, limits.MAX_WEIGHT, default=DEFAULT_WEIGHT)


class OrderBody(OnBaseBody):
    """What a price depends on."""

    count = Whole("Number of pictures", 1, limits.MAX_PICTURES, default=1)
    steps = Whole(
        f"Steps. A base's fee includes {limits.STEPS_INCLUDED}; more cost more of it.",
        *limits.STEPS,
        allow_null=True,
        required=False,
    )
    size = Text(
        "Width and height in pixels, as 512x768. Empty: the base's own. A larger picture costs more of the base's fee.",
        pattern="^([1-9][0-9]{0,4}x[1-9][0-9]{0,4})?$",
        default="",
    )
    plugins = PlugInChoice(many=True, required=False, help_text=f"At most {limits.MAX_PLUGINS}.")

    def validate_plugins(self, choices: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
        """Give plug-ins by their ids, as orders have them. An unknown one gets an id that does not exist."""
        known = dict(
            PlugIn.objects.filter(slug__in=[each["plugin"] for each in choices]).values_list("slug", "pk")
        )
        return tuple(
            (known.get(each["plugin"], -1 - place), each["weight"]) for place, each in enumerate(choices)
        )


class QuoteBody(OrderBody):
    prompt = Text(
        "To be told what of it the base no longer draws. The price does not depend on it.",
        most=limits.MAX_PROMPT,
        default="",
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
    because = serializers.CharField(help_text="Why it is more than the usual fee; else empty.")
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
        help_text="Chosen plug-ins that would change nothing (at weight 0, or restoring what this release never lost): they are left out and "
        "not charged.",
    )
    payable = serializers.BooleanField(help_text="Whether your balance, or your credit, has as much.")
    banned = BannedOut(
        many=True,
        help_text="What in the prompt an artist banned. A request with it is refused; an appeal can be made.",
    )
    asked_for = AskedOut(
        many=True,
        help_text="What the prompt seems to ask for that the base no longer draws, and nothing chosen brings back.",
    )


class Quotes(Endpoint):
    @extend_schema(request=QuoteBody, responses=PricedOut)
    def post(self, request: Request) -> Response:
        """Price a request for pictures, and say what in its prompt the base no longer draws.

        Nothing is charged or kept. A concept that was taken out of the base comes with the plug-in that brings it back.
        """
        asked = said(request, QuoteBody)
        prompt = asked.pop("prompt")
        order = QuoteOrder(**asked)
        terms = settle_terms(order, self.person)
        drawn_with = [version for version, _ in terms.versions]
        priced = {
            "quote": terms.quote,
            "release": terms.release.number,
            "unneeded": terms.unneeded,
            "payable": not funds_of(self.person, terms.quote).missing,
            "banned": still_banned(prompt, drawn_with, self.person)[0],
            "asked_for": asked_for(terms.release, prompt, drawn_with),
        }
        return Response(PricedOut(priced, context={"request": request}).data)
