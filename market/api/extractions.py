"""Extractions: concepts taken out of a base model, with their reports and decisions."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope
from market.api.bodies import Body, Lines, Text, Whole, said, words
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.releases import BuildOut
from market.catalog.models import LEARNED_KINDS
from market.catalog.models.concepts import NAME_LENGTH, name_validator
from market.extractions.access import governed_base, governed_extraction
from market.extractions.deciding import (
    approve_extraction,
    discard_extraction,
    limits_for,
    take_back_extraction,
)
from market.extractions.limits import Limit, limits_of, missed
from market.extractions.models import PICTURES, REASON_LENGTH, Extraction, ExtractionState, Method
from market.extractions.orders import ANCHOR_LENGTH, ExtractionOrder
from market.extractions.starting import (
    accepted_claim,
    accepted_claims,
    from_claim,
    minutes_for,
    start_extraction,
)


class StartBody(Body):
    claim = serializers.IntegerField(
        default=None,
        allow_null=True,
        help_text="An accepted claim. Its concept's artist owns the plug-in that comes of it.",
    )
    name = Text("As prompts to this base call it: “Noto”, “a fox”.", most=NAME_LENGTH)
    kind = Text("What it is.", choices=dict(LEARNED_KINDS))
    aliases = serializers.ListField(
        child=serializers.CharField(validators=[name_validator], max_length=NAME_LENGTH),
        default=list,
        help_text="Other names. Prompts with them need not stay as they are; to take one out, too, extract it by itself.",
    )
    anchor = Text(
        "What is drawn in its place. Empty: what the base knows that is nearest to the concept.",
        most=ANCHOR_LENGTH,
        default="",
    )
    retained = Lines(
        default=list,
        help_text="Prompts that stay as they are. Empty: all that the base knows, without those that name the concept.",
    )
    method = Text("How it is taken out.", choices=Method.values, default=Method.HYBRID.value)
    pictures = Whole(
        "Pictures of each group, to measure it. From 100 on the distance of whole sets (KID) is measured, too.",
        *PICTURES,
        default=100,
    )


class ApproveBody(Body):
    reason = serializers.CharField(
        max_length=REASON_LENGTH,
        allow_blank=True,
        default="",
        help_text="Why it is approved although it misses a limit. Kept with the extraction, and shown.",
    )
    offer = serializers.BooleanField(
        default=False, help_text="Whether the plug-in is to be yours, to price and to publish."
    )


DiscardBody = words("DiscardBody", "reason", "Why it is discarded.", most=REASON_LENGTH, default="")
TakeBackBody = words(
    "TakeBackBody",
    "because",
    "Why it is taken back. Kept with the extraction, and told to who claimed the concept.",
    most=REASON_LENGTH,
)
_FIGURES = {"type": "object", "additionalProperties": True}


class ExtractionOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:extraction", "pk")
    base = serializers.CharField(source="base.slug")
    name = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(ExtractionState.values)
    method = serializers.ChoiceField(Method.values)
    job = serializers.UUIDField(source="job_id")
    claim = serializers.IntegerField(source="claim_id", allow_null=True)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class LimitOut(serializers.Serializer[Any]):
    limit = serializers.CharField(source="label", help_text="What it is about.")
    found = serializers.FloatField()
    bound = serializers.FloatField()
    at_least = serializers.BooleanField(help_text="Whether the bound is the least; else it is the most.")
    met = serializers.BooleanField()


class OneExtractionOut(ExtractionOut):
    base_fingerprint = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    anchor = serializers.CharField()
    retained = serializers.ListField(child=serializers.CharField())
    pictures = serializers.IntegerField()
    figures = serializers.SerializerMethodField(help_text="As they were measured; empty before it is made.")
    limits = serializers.SerializerMethodField(
        help_text="Those for approving it; while that is open, with what the base is predicted to keep."
    )
    missed = serializers.SerializerMethodField(
        help_text="What it misses, or missed when it was approved: that needs a reason."
    )
    reason = serializers.CharField()
    taken_back_at = serializers.DateTimeField(allow_null=True)
    taken_back_because = serializers.CharField()
    eraser_sha256 = serializers.CharField(source="eraser_file_sha256")
    plugin_sha256 = serializers.CharField(source="plugin_file_sha256")

    @extend_schema_field(_FIGURES)
    def get_figures(self, extraction: Extraction) -> Any:
        return extraction.figures

    @extend_schema_field(LimitOut(many=True))
    def get_limits(self, extraction: Extraction) -> list[dict[str, Any]]:
        return [dict(each) for each in LimitOut(_limits(extraction), many=True).data]

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_missed(self, extraction: Extraction) -> list[str]:
        if extraction.state == ExtractionState.READY:
            return missed(limits_for(extraction))
        return list(extraction.missed)


def _limits(extraction: Extraction) -> list[Limit]:
    is_open = extraction.state == ExtractionState.READY
    return limits_for(extraction) if is_open else limits_of(extraction.figures)


class TakenBackOut(serializers.Serializer[Any]):
    extraction = OneExtractionOut()
    build = BuildOut(
        allow_null=True, help_text="Of a release without it; null where none is needed, or there is one."
    )


class BeginningOut(serializers.Serializer[Any]):
    claim = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())


class SuggestionsOut(serializers.Serializer[Any]):
    from_claims = BeginningOut(many=True, help_text="What accepted claims about this base begin with.")
    styles = serializers.ListField(
        child=serializers.CharField(), help_text="That the base knows, to be drawn instead."
    )
    subjects = serializers.ListField(child=serializers.CharField())
    minutes = serializers.IntegerField(
        allow_null=True, help_text="About how long one takes; null before the first."
    )


class ComparedOut(serializers.Serializer[Any]):
    first = OneExtractionOut()
    second = OneExtractionOut()


class Extractions(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(ExtractionOut))
    def get(self, request: Request, slug: str) -> Response:
        """Extractions from your base model, also failed ones; the latest first."""
        base = governed_base(self.person, slug)
        return listed(request, base.extractions.select_related("base"), ExtractionOut)

    @extend_schema(request=StartBody, responses={201: OneExtractionOut})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Take a concept out of your base model, on an accepted claim or of your own accord.

        A worker does it; nothing of the base changes until you approve what came of it. An empty anchor, or no retained prompts,
        leave the choice to the engine.
        """
        base = governed_base(self.person, slug)
        body = said(request, StartBody)
        claim = accepted_claim(base, body.pop("claim"))
        begun = start_extraction(base, self.person, ExtractionOrder(**body), claim=claim)
        return made(
            OneExtractionOut(begun, context={"request": request}).data,
            at=reverse("api:extraction", args=[begun.pk]),
        )


class Suggestions(Endpoint):
    @extend_schema(responses=SuggestionsOut)
    def get(self, request: Request, slug: str) -> Response:
        """What an extraction from your base model may begin with: accepted claims, and what the base says it knows."""
        base = governed_base(self.person, slug)
        suggested = {
            "from_claims": [from_claim(claim) for claim in accepted_claims(base)],
            "styles": base.example_styles,
            "subjects": base.example_subjects,
            "minutes": minutes_for(Method.HYBRID, 100),
        }
        return Response(SuggestionsOut(suggested).data)


class OneExtraction(Endpoint):
    @extend_schema(responses=OneExtractionOut)
    def get(self, request: Request, pk: int) -> Response:
        """An extraction, with what was measured and which limits it misses."""
        extraction = governed_extraction(self.person, pk)
        return Response(OneExtractionOut(extraction, context={"request": request}).data)


class ComparedExtractions(Endpoint):
    @extend_schema(responses=ComparedOut)
    def get(self, request: Request, pk: int, other: int) -> Response:
        """Two runs on one base, beside each other."""
        first, second = governed_extraction(self.person, pk), governed_extraction(self.person, other)
        get_object_or_404(Extraction.objects.filter(base=first.base_id), pk=second.pk)
        return Response(ComparedOut({"first": first, "second": second}, context={"request": request}).data)


class Approve(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=ApproveBody, responses={201: BuildOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Approve an extraction, which builds a release.

        A reason is needed where it misses a limit. With `offer` its plug-in becomes yours, by which you affirm your rights to the
        concept; on a claim it is the artist's in any case.
        """
        extraction = governed_extraction(self.person, pk)
        build = approve_extraction(
            extraction,
            self.person,
            **said(request, ApproveBody),
            ip_address=request.META.get("REMOTE_ADDR") or None,
        )
        return made(BuildOut(build).data)


class Discard(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=DiscardBody, responses=OneExtractionOut)
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Discard an extraction for good. Its figures can still be read."""
        extraction = governed_extraction(self.person, pk)
        discard_extraction(extraction, self.person, **said(request, DiscardBody))
        return Response(OneExtractionOut(extraction, context={"request": request}).data)


class TakeBack(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=TakeBackBody, responses=TakenBackOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Undo an approval.

        If a release was made with it, another is built without it. Existing releases stay as they are: use another one to draw
        without the extraction. The claimant of the concept is told why.
        """
        extraction = governed_extraction(self.person, pk)
        build = take_back_extraction(extraction, self.person, **said(request, TakeBackBody))
        taken_back = {"extraction": governed_extraction(self.person, pk), "build": build}
        return Response(TakenBackOut(taken_back, context={"request": request}).data)
