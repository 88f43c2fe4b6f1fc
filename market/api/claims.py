"""Claims: a draft, its pictures, its notice; then what both sides say, and the evidence."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import LINES, chosen, filled_in, members, shape
from market.api.concepts import RefusedOut
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.claims import answering, drafting
from market.claims.claim_forms import (
    AcceptForm,
    AppealForm,
    ControlsForm,
    CounterNoticeForm,
    DraftForm,
    FilterForm,
    MessageForm,
    NewClaimForm,
    NoticeForm,
    RejectForm,
    WorksForm,
)
from market.claims.claim_views import claim_lists, claim_to_answer, filtered_claims, own_claim, visible_claim
from market.claims.models import Claim, ClaimState, EvidenceReport, PictureSort
from market.downloads import file_response

_DRAFT_LISTS = {"prompts": LINES}
NewClaimBody = shape("NewClaimBody", NewClaimForm, DraftForm, lists=_DRAFT_LISTS)
DraftBody = shape("DraftBody", DraftForm, lists=_DRAFT_LISTS)
WorksBody = shape("WorksBody", WorksForm)
ControlsBody = shape("ControlsBody", ControlsForm)
NoticeBody = shape("NoticeBody", NoticeForm)
AcceptBody = shape("AcceptBody", AcceptForm)
RejectBody = shape("RejectBody", RejectForm)
CounterNoticeBody = shape("CounterNoticeBody", CounterNoticeForm)
AppealBody = shape("AppealBody", AppealForm)
MessageBody = shape("MessageBody", MessageForm)


class ClaimOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:claim", "pk")
    state = serializers.ChoiceField(ClaimState.values)
    artist = serializers.CharField(source="claimant.handle")
    concept = serializers.CharField(source="concept.name")
    base = serializers.CharField(source="base.slug", allow_null=True, default=None)
    plugin = serializers.CharField(source="plugin.slug", allow_null=True, default=None)
    respondent = serializers.CharField(source="respondent.handle", help_text="Who answers it.")
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="When the time for an answer, or an appeal, ends."
    )
    decided_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(help_text="Why it was answered so.")


class StepOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    by = serializers.CharField(
        source="by.handle", allow_null=True, default=None, help_text="Null: the market itself."
    )
    note = serializers.CharField()
    at = serializers.DateTimeField()


class ClaimPictureOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    sort = serializers.ChoiceField(PictureSort.values)
    work = serializers.IntegerField(source="work_id", allow_null=True)
    caption = serializers.CharField()
    pixels_sha256 = serializers.CharField()


class OneClaimOut(ClaimOut):
    prompts = serializers.ListField(child=serializers.CharField())
    rights = serializers.CharField()
    controls_by_market = serializers.BooleanField()
    appeal = serializers.CharField()
    escalated = serializers.SerializerMethodField(
        help_text="Whether it was not answered in time, and is with the admins."
    )
    job = serializers.UUIDField(
        source="job_id", allow_null=True, help_text="That makes, or made, the evidence."
    )
    has_evidence = serializers.SerializerMethodField()
    missing = serializers.SerializerMethodField(help_text="What a draft lacks before it can be submitted.")
    pictures = ClaimPictureOut(many=True)
    steps = StepOut(many=True)

    def get_escalated(self, claim: Claim) -> bool:
        return claim.escalated_at is not None

    def get_has_evidence(self, claim: Claim) -> bool:
        return claim.evidence_id is not None

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_missing(self, claim: Claim) -> list[str]:
        return drafting.obstacles(claim) if claim.is_draft else []


class ControlsOut(serializers.Serializer[Any]):
    taken = serializers.IntegerField()
    refused = RefusedOut(many=True)
    claim = OneClaimOut()


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


class ClaimEndpoint(Endpoint):
    writes = Scope.CLAIM

    def said(self, claim: Claim) -> Response:
        """Answer with a claim as it is now."""
        now = visible_claim(self.person, claim.pk)
        return Response(OneClaimOut(now, context={"request": self.request}).data)


class Claims(ClaimEndpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter(
                "of",
                str,
                enum=["mine", "against", "all"],
                description="`all` is for admins; `mine` if not said.",
            ),
            OpenApiParameter(
                "state", str, enum=["waiting", *ClaimState.values], description="`waiting` is for admins."
            ),
            OpenApiParameter("q", str, description="Part of the name of an artist, a model or a concept."),
            *PAGE_PARAMETERS,
        ],
        responses=page_of(ClaimOut),
    )
    def get(self, request: Request) -> Response:
        """Your claims, or those about your base models and plug-ins; the latest first."""
        lists = claim_lists(self.person)
        of = request.query_params.get("of", "mine")
        if of not in lists:
            raise Http404
        form = chosen(FilterForm, request, for_admin=self.person.is_admin)
        return listed(request, filtered_claims(lists[of][1], form).with_everything(), ClaimOut)

    @extend_schema(request=NewClaimBody, responses={201: OneClaimOut})
    @once
    def post(self, request: Request) -> Response:
        """Begin a claim: which of your concepts, and which base model or plug-in contains it.

        It is a draft, which nobody else sees until you submit it.
        """
        self.require_role(Role.ARTIST)
        body = members(request, NewClaimBody)
        about = filled_in(NewClaimForm, body, artist=self.person)
        claim = drafting.draft_claim(
            concept=about.cleaned_data["concept"],
            about=about.about(),
            by=self.person,
            draft=filled_in(DraftForm, body).draft(),
        )
        return made(self.said(claim).data, at=reverse("api:claim", args=[claim.pk]))


class OneClaim(ClaimEndpoint):
    @extend_schema(responses=OneClaimOut)
    def get(self, request: Request, pk: int) -> Response:
        """A claim of yours, or one about what is yours."""
        return self.said(visible_claim(self.person, pk))

    @extend_schema(request=DraftBody, responses=OneClaimOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change what a draft says; what you leave out stays."""
        claim = own_claim(self.person, pk)
        as_it_is = {
            "prompts": LINES.join(claim.prompts),
            "rights": claim.rights,
            "controls_by_market": claim.controls_by_market,
        }
        form = filled_in(DraftForm, as_it_is | members(request, DraftBody))
        drafting.change_draft(claim, self.person, form.draft())
        return self.said(claim)


class ClaimWorks(ClaimEndpoint):
    @extend_schema(request=WorksBody, responses=OneClaimOut)
    def put(self, request: Request, pk: int) -> Response:
        """Make these works of the concept the ones that the draft is about."""
        claim = own_claim(self.person, pk)
        form = filled_in(WorksForm, members(request, WorksBody), concept=claim.concept)
        drafting.choose_works(claim, self.person, list(form.cleaned_data["works"]))
        return self.said(claim)


class ClaimControls(ClaimEndpoint):
    parser_classes = (MultiPartParser,)

    @extend_schema(request=ControlsBody, responses=ControlsOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Add controls to a draft: pictures like the works which the base never saw.

        Each is named by what it shows, as red-fox.png. Those that cannot be taken are said, each with its reason.
        """
        claim = visible_claim(self.person, pk)
        form = filled_in(ControlsForm, members(request, ControlsBody))
        taken, refused = drafting.add_controls(claim, self.person, form.cleaned_data["files"])
        said = {"taken": taken, "refused": refused, "claim": visible_claim(self.person, pk)}
        return Response(ControlsOut(said, context={"request": request}).data)


class ClaimControl(ClaimEndpoint):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int, picture: int) -> Response:
        """Take a control out of a draft."""
        claim = own_claim(self.person, pk)
        control = get_object_or_404(claim.pictures.filter(sort=PictureSort.CONTROL), pk=picture)
        drafting.remove_control(claim, self.person, control)
        return Response(status=204)


class SubmitClaim(ClaimEndpoint):
    @extend_schema(request=NoticeBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Sign the notice, and send the claim to the other party with it."""
        claim = own_claim(self.person, pk)
        form = filled_in(NoticeForm, members(request, NoticeBody))
        drafting.submit_claim(claim, self.person, form.notice())
        return self.said(claim)


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
        form = filled_in(AcceptForm, members(request, AcceptBody))
        answering.accept_claim(claim, self.person, form.cleaned_data["word"])
        return self.said(claim)


class RejectClaim(ClaimEndpoint):
    @extend_schema(request=RejectBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Say why a claim about your base model is not right. About a plug-in, send a counter-notice instead."""
        claim = claim_to_answer(self.person, pk)
        form = filled_in(RejectForm, members(request, RejectBody))
        answering.reject_claim(claim, self.person, form.cleaned_data["reason"])
        return self.said(claim)


class CounterNotice(ClaimEndpoint):
    @extend_schema(request=CounterNoticeBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Reject a claim by a counter-notice."""
        claim = claim_to_answer(self.person, pk)
        form = filled_in(CounterNoticeForm, members(request, CounterNoticeBody))
        answering.reject_claim(claim, self.person, form.cleaned_data["reason"], form.counter_notice())
        return self.said(claim)


class AppealClaim(ClaimEndpoint):
    @extend_schema(request=AppealBody, responses=OneClaimOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Ask an admin to decide, once, against a rejection."""
        claim = own_claim(self.person, pk)
        form = filled_in(AppealForm, members(request, AppealBody))
        answering.appeal_claim(claim, self.person, form.cleaned_data["why"])
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
        form = filled_in(MessageForm, members(request, MessageBody))
        message = answering.write_message(claim, self.person, form.cleaned_data["text"])
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
