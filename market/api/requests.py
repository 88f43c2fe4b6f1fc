"""Requests for pictures: asked for, followed, cancelled."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.banned_uses import BannedOut
from market.api.bodies import Number, Text, Whole, said
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import lasting_key_of, once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.pictures import PictureOut
from market.api.problems import NOT_POSSIBLE, Problem, refused
from market.api.quotes import AskedOut, OrderBody, QuoteOut
from market.basemodels.drawing import SAMPLERS
from market.generation import limits
from market.generation.banned_uses import UseRefused
from market.generation.guarding import asked_for
from market.generation.models import GenerationRequest, Picture
from market.generation.orders import GenerationOrder, recommended
from market.generation.requesting import request_pictures
from market.jobs.cancelling import cancel_job
from market.refusals import PriceChanged


class PictureRequestBody(OrderBody):
    prompt = Text("Prompt", most=limits.MAX_PROMPT)
    negative_prompt = Text("What the picture should keep away from.", most=limits.MAX_PROMPT, default="")
    sampler = Text("Empty: the base's own.", choices=SAMPLERS, default="")
    guidance = Number("How closely to follow the prompt.", *limits.GUIDANCE, allow_null=True, required=False)
    seed = Whole(
        "Empty for a new one. The same seed and settings give the same picture.",
        0,
        limits.MAX_SEED,
        allow_null=True,
        required=False,
    )
    agreed = Text("The digest of the quote that you agree to.", most=64)


class ChosenOut(serializers.Serializer[Any]):
    plugin = serializers.CharField(source="version.plugin.slug")
    version = serializers.IntegerField(source="version.number")
    weight = serializers.FloatField()


class PictureRequestOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Also the number of its job.")
    url = Link("api:request", "pk")
    job = Link("api:job", "job_id")
    state = serializers.CharField(source="job.state")
    error = serializers.CharField(source="job.error", help_text="Why it failed; else empty.")
    base = serializers.CharField(source="release.base.slug")
    release = serializers.IntegerField(source="release.number")
    prompt = serializers.CharField()
    negative_prompt = serializers.CharField()
    seed = serializers.IntegerField()
    steps = serializers.IntegerField()
    guidance = serializers.FloatField()
    sampler = serializers.CharField(help_text="Empty: the base's own.")
    width = serializers.IntegerField(help_text="Of each picture, in pixels.")
    height = serializers.IntegerField()
    count = serializers.IntegerField()
    plugins = ChosenOut(many=True)
    quote = QuoteOut(source="price")
    total_micros = serializers.IntegerField(
        help_text="Held until it is done; nothing of a request that fails is charged."
    )
    created_at = serializers.DateTimeField()
    pictures = serializers.SerializerMethodField()

    @extend_schema_field(PictureOut(many=True))
    def get_pictures(self, made_of: GenerationRequest) -> list[dict[str, Any]]:
        kept = made_of.pictures.all()
        return [dict(each) for each in PictureOut(kept, many=True, context=self.context).data]


class AcceptedRequestOut(PictureRequestOut):
    asked_for = AskedOut(
        many=True,
        help_text="What the prompt seems to ask for that the base no longer draws, and nothing chosen brings back.",
    )


def own_requests(person: User) -> QuerySet[GenerationRequest]:
    requests = GenerationRequest.objects.filter(person=person).select_related("job", "release__base")
    pictures = Prefetch("pictures", Picture.objects.kept().order_by("index"))
    return requests.prefetch_related("plugins__version__plugin", pictures)


class PictureRequests(Endpoint):
    writes = Scope.GENERATE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(PictureRequestOut))
    def get(self, request: Request) -> Response:
        """Your requests, the latest first."""
        return listed(request, own_requests(self.person), PictureRequestOut)

    @extend_schema(request=PictureRequestBody, responses={201: AcceptedRequestOut})
    @once
    def post(self, request: Request) -> Response:
        """Ask for pictures at a price that you agree to.

        `agreed` is the digest of a quote. If the price has changed since, nothing is charged, and the answer has the present
        quote. If an artist banned what the prompt asks for, it is refused, and `banned` says by which plug-in and why: `POST /api/v1/appeals`
        asks its artist to allow it once. What you leave out is as the base's owner recommends; a seed is drawn at random.
        """
        body = {name: value for name, value in said(request, PictureRequestBody).items() if value is not None}
        agreed = body.pop("agreed")
        order = GenerationOrder(**recommended(body["base"]) | body)
        try:
            asked = request_pictures(
                person=self.person, order=order, agreed=agreed, idempotency_key=lasting_key_of(request)
            )
        except PriceChanged as refusal:
            raise refused(refusal, {"quote": QuoteOut(refusal.quote).data}) from refusal
        except UseRefused as refusal:
            told_why = BannedOut(refusal.banned, many=True).data
            raise refused(refusal, {"banned": told_why}) from refusal
        asked = own_requests(self.person).get(pk=asked.pk)
        chosen = [each.version for each in asked.plugins.all()]
        told = AskedOut(
            asked_for(asked.release, asked.prompt, chosen), many=True, context={"request": request}
        )
        answer = PictureRequestOut(asked, context={"request": request}).data
        return made(
            {**answer, "asked_for": told.data},
            at=reverse("api:request", args=[asked.pk]),
        )


class PictureRequest(Endpoint):
    @extend_schema(responses=PictureRequestOut)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """One of your requests, with its pictures once it is done."""
        asked = get_object_or_404(own_requests(self.person), pk=pk)
        return Response(PictureRequestOut(asked, context={"request": request}).data)


class CancelRequest(Endpoint):
    writes = Scope.GENERATE

    @extend_schema(request=None, responses=PictureRequestOut)
    @once_if_asked
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Cancel a request. Nothing is charged for it."""
        asked = get_object_or_404(own_requests(self.person), pk=pk)
        if not cancel_job(asked.job, self.person):
            raise Problem(
                NOT_POSSIBLE, f"This request had already ended: {asked.job.get_state_display().lower()}."
            )
        return Response(PictureRequestOut(asked, context={"request": request}).data)
