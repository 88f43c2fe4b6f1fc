"""Claims: lists, one claim, and its draft until it is sent with its notice. `claim_answers` has what follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Affirmed, Body, Files, Lines, Text, said
from market.api.concepts import RefusedOut
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import after, once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.problems import Fault, invalid
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.catalog.naming import tidied
from market.catalog.reading import ReadPicture
from market.claims import drafting
from market.claims.access import (
    WAITING,
    claim_lists,
    filtered_claims,
    others_bases,
    others_plugins,
    own_claim,
    own_concepts,
    visible_claim,
)
from market.claims.drafting import ClaimOrder, Draft
from market.claims.models import MAX_PROMPTS, RIGHTS_LENGTH, Claim, ClaimState, Notice, PictureSort
from market.claims.models.notices import PAPER_FIELDS
from market.claims.statements import ACCURATE, GOOD_FAITH, NO_STATEMENT, NOTICE

Named = TypeVar("Named", bound=Model)


class DraftBody(Body):
    prompts = Lines(
        default=list,
        help_text=f"That may reproduce your works, at most {MAX_PROMPTS}: the titles or captions of your works, with your name or "
        "the style's.",
    )
    rights = Text(
        "Say that you made the works, or how else you hold the rights, and where and when they were published.",
        most=RIGHTS_LENGTH,
        default="",
    )
    controls_by_market = serializers.BooleanField(
        default=False,
        help_text="An admin adds controls after you have submitted the claim, so the evidence takes longer.",
    )

    def validate_prompts(self, prompts: list[str]) -> list[str]:
        return tidied(prompts)


class NewClaimBody(DraftBody):
    concept = serializers.IntegerField(help_text="The concept of yours that it is said to contain.")
    base = Text("The name of a base model in addresses.", default="")
    plugin = Text("Or that of a plug-in.", default="")

    def validate_concept(self, pk: int) -> Concept:
        return _one_of(own_concepts(self.context["person"]).filter(pk=pk))

    def validate_base(self, slug: str) -> BaseModel | None:
        return _one_of(others_bases(self.context["person"]).filter(slug=slug)) if slug else None

    def validate_plugin(self, slug: str) -> PlugIn | None:
        return _one_of(others_plugins(self.context["person"]).filter(slug=slug)) if slug else None


def _one_of(choices: QuerySet[Named]) -> Named:
    found = choices.first()
    if found is None:
        raise serializers.ValidationError("Select a valid choice. This is none that is available.")
    return found


class WorksBody(Body):
    works = serializers.ListField(child=serializers.IntegerField(), default=list)


class ControlsBody(Body):
    files = Files()


class NoticeBody(Body, serializers.ModelSerializer[Any]):
    in_good_faith = Affirmed(GOOD_FAITH, lacks=NO_STATEMENT)
    accurate_under_perjury = Affirmed(ACCURATE, lacks=NO_STATEMENT)

    class Meta:
        model = Notice
        fields = ("works", "material", *PAPER_FIELDS, "in_good_faith", "accurate_under_perjury")


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


class ClaimEndpoint(Endpoint):
    writes = Scope.CLAIM
    group = "claims"

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
        state, q = (request.query_params.get(name, "") for name in ("state", "q"))
        if state not in ("", *ClaimState.values, *([WAITING] if self.person.is_admin else ())):
            raise invalid([Fault(f"“{state[:60]}” is no state of a claim.", parameter="state")])
        if len(q) > 100:
            raise invalid([Fault("Search for at most 100 letters.", parameter="q")])
        found = filtered_claims(lists[of][1], state=state, q=q)
        return listed(request, found.with_everything(), ClaimOut)

    @extend_schema(request=NewClaimBody, responses={201: OneClaimOut})
    @once
    def post(self, request: Request) -> Response:
        """Begin a claim: which of your concepts, and which base model or plug-in contains it.

        It is a draft, which nobody else sees until you submit it.
        """
        self.require_role(Role.ARTIST)
        body = said(request, NewClaimBody, person=self.person)
        order = ClaimOrder(**{name: body.pop(name) for name in ("concept", "base", "plugin")})
        claim = drafting.draft_claim(
            concept=order.concept, about=order.about, by=self.person, draft=Draft(**body)
        )
        return made(self.said(claim).data, at=reverse("api:claim", args=[claim.pk]))


class OneClaim(ClaimEndpoint):
    @extend_schema(responses=OneClaimOut)
    def get(self, request: Request, pk: int) -> Response:
        """A claim of yours, or one about what is yours."""
        return self.said(visible_claim(self.person, pk))

    @extend_schema(request=DraftBody, responses=OneClaimOut)
    def patch(self, request: Request, pk: int) -> Response:
        """Change a draft. What you leave out stays as it is."""
        claim = own_claim(self.person, pk)
        as_it_is = {name: getattr(claim, name) for name in ("prompts", "rights", "controls_by_market")}
        draft = Draft(**as_it_is | said(request, DraftBody, partial=True))
        drafting.change_draft(claim, self.person, draft)
        return self.said(claim)


class ClaimWorks(ClaimEndpoint):
    @extend_schema(request=WorksBody, responses=OneClaimOut)
    def put(self, request: Request, pk: int) -> Response:
        """Make these works of the concept the ones that the draft is about."""
        claim = own_claim(self.person, pk)
        chosen = set(said(request, WorksBody)["works"])
        works = list(claim.concept.works.filter(pk__in=chosen))
        if len(works) < len(chosen):
            raise invalid([Fault("Choose works of this concept only.", pointer="#/works")])
        drafting.choose_works(claim, self.person, works)
        return self.said(claim)


class ClaimControls(ClaimEndpoint):
    parser_classes = (MultiPartParser,)

    def read(self, request: Request, pk: int) -> AbstractContextManager[Iterator[ReadPicture]]:
        return drafting.controls_read(
            visible_claim(self.person, pk), self.person, **said(request, ControlsBody)
        )

    @extend_schema(request=ControlsBody, responses=ControlsOut)
    @once_if_asked
    @after(read)
    def post(self, request: Request, read: Iterator[ReadPicture], pk: int) -> Response:
        """Add controls to a draft: pictures like the works which the base never saw.

        Name each file by what it shows, such as red-fox.png. The answer lists the files that were not taken, each with its
        reason.
        """
        claim = visible_claim(self.person, pk)
        taken, refused = drafting.keep_controls(claim, self.person, read)
        answer = {"taken": taken, "refused": refused, "claim": visible_claim(self.person, pk)}
        return Response(ControlsOut(answer, context={"request": request}).data)


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
        notice = Notice(**said(request, NoticeBody), statements=NOTICE)
        drafting.submit_claim(claim, self.person, notice)
        return self.said(claim)
