"""Combinations: priced, started, and their results."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.bodies import Body, Micros, Text, said
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import lasting_key_of, once
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.plugins import RoyaltyOut
from market.api.problems import Fault, invalid, refused
from market.catalog.models import PlugIn
from market.catalog.models.concepts import NAME_LENGTH
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.combinations.choosing import LEAST_PARTS, MOST_PARTS, draw_quote
from market.combinations.models import Combination
from market.combinations.orders import CombinationOrder
from market.combinations.requesting import request as request_combination
from market.refusals import PriceChanged


class CombinationQuoteBody(Body):
    plugins = serializers.ListField(
        child=serializers.CharField(),
        help_text=f"The names of {LEAST_PARTS} to {MOST_PARTS} plug-ins in addresses, all for one base model.",
    )
    name = Text(
        "What you will find it by. Empty: the names of its parts. One that you combined before gets a new version.",
        most=NAME_LENGTH,
        default="",
    )
    price_micros = Micros(
        most=MAX_PRICE_MICROS,
        default=None,
        allow_null=True,
        help_text="It goes to the artists of the parts. Empty: the least it may be.",
    )


class CombinationBody(CombinationQuoteBody):
    agreed = serializers.CharField(max_length=32, help_text="The digest of the quote that you agree to.")


class PricedPartOut(serializers.Serializer[Any]):
    plugin = serializers.CharField(source="version.plugin.slug")
    version = serializers.IntegerField(source="version.number")
    share_bps = serializers.IntegerField(
        source="share", help_text="What it has of the fee of a picture, of 10,000."
    )
    price_micros = serializers.IntegerField(help_text="What a picture with it alone costs.")


class CombinationQuoteOut(serializers.Serializer[Any]):
    digest = serializers.CharField(help_text="Names this quote: by it a combination says what it agrees to.")
    name = serializers.CharField()
    base = serializers.CharField(source="release.base.slug")
    release = serializers.IntegerField(source="release.number")
    parts = PricedPartOut(many=True)
    fee_micros = serializers.IntegerField(help_text="Of combining.")
    price_micros = serializers.IntegerField(help_text="Of a picture with what comes of it.")
    least_micros = serializers.IntegerField(help_text="The least that a picture may cost.")
    only_release = serializers.BooleanField(
        help_text="Whether it will be for this release alone, since a part restores what that lacks."
    )
    royalties = RoyaltyOut(many=True, help_text="Who is paid for each picture.")


class CombinationOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Also the number of its job.")
    url = Link("api:combination", "pk")
    job = Link("api:job", "job_id")
    state = serializers.CharField(source="job.state")
    error = serializers.CharField(source="job.error", help_text="Why it failed; else empty.")
    name = serializers.CharField(source="plugin.name")
    plugin = serializers.CharField(
        source="plugin.slug", help_text="What gets the version; yours alone before you publish it."
    )
    base = serializers.CharField(source="release.base.slug")
    release = serializers.IntegerField(source="release.number")
    price_micros = serializers.IntegerField(help_text="Of a picture with what comes of it.")
    fee_micros = serializers.IntegerField(help_text="Held until it is done; one that fails is not charged.")
    created_at = serializers.DateTimeField()


class CombinedPartOut(serializers.Serializer[Any]):
    plugin = serializers.CharField(source="version.plugin.slug")
    version = serializers.IntegerField(source="version.number")
    share_bps = serializers.IntegerField(source="share")


class OneCombinationOut(CombinationOut):
    parts = serializers.SerializerMethodField()
    version = serializers.IntegerField(
        source="version.number", allow_null=True, default=None, help_text="That it made; null before."
    )
    figures = serializers.SerializerMethodField(help_text="As they were measured; empty before it is made.")

    @extend_schema_field(CombinedPartOut(many=True))
    def get_parts(self, combination: Combination) -> list[dict[str, Any]]:
        parts = combination.parts.select_related("version__plugin")
        return [dict(each) for each in CombinedPartOut(parts, many=True).data]

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_figures(self, combination: Combination) -> Any:
        return combination.figures


def own_combinations(person: User) -> QuerySet[Combination]:
    return Combination.objects.filter(person=person).select_related("job", "plugin__concept", "release__base")


def named_plugins(person: User, slugs: list[str]) -> list[PlugIn]:
    """Find plug-ins that a person may combine, in the order in which they are named."""
    slugs = slugs[: MOST_PARTS + 1]  # one more than the most is refused for all that follow
    combinable = PlugIn.objects.combinable_by(person).with_everything().filter(slug__in=slugs)
    known = {each.slug: each for each in combinable}
    faults = [
        Fault(f"There is no plug-in “{slug[:60]}” that you may combine.", pointer=f"#/plugins/{place}")
        for place, slug in enumerate(slugs)
        if slug not in known
    ]
    if faults:
        raise invalid(faults)
    return [known[slug] for slug in slugs]


class CombinationQuotes(Endpoint):
    @extend_schema(request=CombinationQuoteBody, responses=CombinationQuoteOut)
    def post(self, request: Request) -> Response:
        """Say what it costs to combine plug-ins, and who is paid for each picture made with the result.

        Nothing is charged or kept. Without a name it is called after its parts; without a price a picture costs the least it
        may.
        """
        order = _ordered(self.person, said(request, CombinationQuoteBody))
        return Response(CombinationQuoteOut(draw_quote(self.person, order)).data)


class Combinations(Endpoint):
    writes = Scope.GENERATE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(CombinationOut))
    def get(self, request: Request) -> Response:
        """What you combined, the latest first."""
        return listed(request, own_combinations(self.person), CombinationOut)

    @extend_schema(request=CombinationBody, responses={201: OneCombinationOut})
    @once
    def post(self, request: Request) -> Response:
        """Make one plug-in of several, at a price that you agree to.

        `agreed` is the digest of a quote. If the quote is another one by now, nothing is charged, and the answer has the
        present quote. A name that you combined before gets a further version.
        """
        body = said(request, CombinationBody)
        agreed = body.pop("agreed")
        order = _ordered(self.person, body)
        try:
            begun = request_combination(self.person, order, key=lasting_key_of(request), agreed=agreed)
        except PriceChanged as refusal:
            raise refused(refusal, {"quote": CombinationQuoteOut(refusal.quote).data}) from refusal
        begun = own_combinations(self.person).get(pk=begun.pk)
        return made(
            OneCombinationOut(begun, context={"request": request}).data,
            at=reverse("api:combination", args=[begun.pk]),
        )


class OneCombination(Endpoint):
    @extend_schema(responses=OneCombinationOut)
    def get(self, request: Request, pk: UUID) -> Response:
        """One of your combinations, with what was measured once it is done. To cancel it, cancel its job."""
        combination = get_object_or_404(own_combinations(self.person), pk=pk)
        return Response(OneCombinationOut(combination, context={"request": request}).data)


def _ordered(person: User, body: dict[str, Any]) -> CombinationOrder:
    return CombinationOrder(**body | {"plugins": named_plugins(person, body["plugins"])})
