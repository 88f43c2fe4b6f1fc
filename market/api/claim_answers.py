"""Answers to a claim, what its sides write to each other, and its evidence."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.bodies import Affirmed, Body, said, words
from market.api.claims import ClaimEndpoint, OneClaimOut
from market.api.endpoint import made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.claims import answering
from market.claims.access import claim_to_answer, own_claim, visible_claim
from market.claims.models import TEXT_LENGTH, Claim, EvidenceReport, notices
from market.claims.models.notices import PAPER_FIELDS
from market.claims.statements import COUNTER_NOTICE, JURISDICTION, MISTAKEN, NO_STATEMENT
from market.downloads import file_response

_READ_BY_ADMINS = "An admin and the other party will read it."
_READ_BY_ARTIST = "The artist and the admins will read it."


class CounterNoticeBody(Body, serializers.ModelSerializer[Any]):
    reason = serializers.CharField(max_length=TEXT_LENGTH, help_text=_READ_BY_ARTIST)
    mistaken_under_perjury = Affirmed(MISTAKEN, lacks=NO_STATEMENT)
    consents_to_jurisdiction = Affirmed(JURISDICTION, lacks=NO_STATEMENT)

    class Meta:
        model = notices.CounterNotice
        fields = ("reason", "material", *PAPER_FIELDS, "mistaken_under_perjury", "consents_to_jurisdiction")


AcceptBody = words("AcceptBody", "word", "A word to the artist.", default="")
RejectBody = words("RejectBody", "reason", _READ_BY_ARTIST)
AppealBody = words("AppealBody", "why", f"Why that answer is wrong. {_READ_BY_ADMINS}")
MessageBody = words("MessageBody", "text", "Your message.")


def counter_notice_in(body: dict[str, Any]) -> tuple[str, notices.CounterNotice]:
    """Give why it is sent, and the paper itself."""
    reason = body.pop("reason")
    return reason, notices.CounterNotice(**body, statements=COUNTER_NOTICE)


class PairOut(serializers.Serializer[Any]):
    picture = serializers.IntegerField(source="picture_id")
    distance = serializers.FloatField(help_text="0 to 1.")
    prompt = serializers.CharField()
    seed = serializers.IntegerField()
    drawing_sha256 = serializers.CharField()


class EvidenceOut(serializers.Serializer[Any]):
    sha256 = serializers.CharField(help_text="Of the report, as it is signed.")
    made_at = serializers.DateTimeField()
    report = Link("api:evidence_report", "claim.pk")
    signed_note = serializers.CharField()
    pairs = PairOut(many=True)


class MessageOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    by = serializers.CharField(source="by.handle")
    text = serializers.CharField()
    at = serializers.DateTimeField()


class MeasureClaim(ClaimEndpoint):
    @extend_schema(request=None, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Ask for the evidence again, where it ended without a report."""
        claim = visible_claim(self.person, pk)
        answering.ask_for_evidence(claim, self.person)
        return self.said(claim)


class AcceptClaim(ClaimEndpoint):
    @extend_schema(request=AcceptBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Say that a claim about what is yours is right."""
        claim = claim_to_answer(self.person, pk)
        answering.accept_claim(claim, self.person, said(request, AcceptBody)["word"])
        return self.said(claim)


class RejectClaim(ClaimEndpoint):
    @extend_schema(request=RejectBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Say why a claim about your base model is not right. About a plug-in, send a counter-notice instead."""
        claim = claim_to_answer(self.person, pk)
        answering.reject_claim(claim, self.person, said(request, RejectBody)["reason"])
        return self.said(claim)


class CounterNotice(ClaimEndpoint):
    @extend_schema(request=CounterNoticeBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Reject a claim by a counter-notice."""
        claim = claim_to_answer(self.person, pk)
        reason, paper = counter_notice_in(said(request, CounterNoticeBody))
        answering.reject_claim(claim, self.person, reason, paper)
        return self.said(claim)


class AppealClaim(ClaimEndpoint):
    @extend_schema(request=AppealBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Ask an admin to decide, once, against a rejection."""
        claim = own_claim(self.person, pk)
        answering.appeal_claim(claim, self.person, said(request, AppealBody)["why"])
        return self.said(claim)


class WithdrawClaim(ClaimEndpoint):
    @extend_schema(request=None, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Take a claim back."""
        claim = own_claim(self.person, pk)
        answering.withdraw_claim(claim, self.person)
        return self.said(claim)


class Messages(ClaimEndpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(MessageOut))
    def get(self, request: Request, pk: int) -> Response:
        """What the sides of a claim wrote to each other, the latest first."""
        claim = visible_claim(self.person, pk)
        return listed(request, claim.messages.select_related("by"), MessageOut, by="at")

    @extend_schema(request=MessageBody, responses={201: MessageOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Write to the other side of a claim."""
        claim = visible_claim(self.person, pk)
        message = answering.write_message(claim, self.person, said(request, MessageBody)["text"])
        return made(MessageOut(message).data)


def evidence_of(claim: Claim) -> EvidenceReport:
    if claim.evidence is None:
        raise Http404
    return claim.evidence


class Evidence(ClaimEndpoint):
    @extend_schema(responses=EvidenceOut)
    def get(self, request: Request, pk: int) -> Response:
        """The evidence of a claim: its hash, its signed note, and what came nearest to each picture."""
        report = evidence_of(visible_claim(self.person, pk))
        return Response(EvidenceOut(report, context={"request": request}).data)


class EvidenceFile(ClaimEndpoint):
    @extend_schema(responses={(200, "application/json"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The report, byte for byte as it was hashed."""
        content = evidence_of(visible_claim(self.person, pk)).content
        return file_response(content, "application/json", f"claim-{pk}-evidence.json")
