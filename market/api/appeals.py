"""Appeals against prompts that a plug-in refuses: asked, followed, answered."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.bodies import Body, Text, said
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.catalog.models import PlugIn
from market.generation.appeals import decide_appeal, file_appeal, refusing_plugin, visible_appeals
from market.generation.models import APPEAL_PROMPT_LENGTH, APPEAL_REASON_LENGTH, AppealState, PromptAppeal


class AppealBody(Body):
    plugin = Text("The name in addresses of the plug-in that refuses.")
    prompt = Text(
        "As you will send it. Another prompt needs an appeal of its own.", most=APPEAL_PROMPT_LENGTH
    )
    reason = Text("Why it should be allowed. The artist reads it.", most=APPEAL_REASON_LENGTH)


class AnswerBody(Body):
    allow = serializers.BooleanField(help_text="Whether this prompt is allowed once, for who asked.")
    answer = Text("Needed if you decline.", most=APPEAL_REASON_LENGTH, default="")


class AppealOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:appeal", "pk")
    plugin = serializers.CharField(source="plugin.slug")
    person = serializers.CharField(source="person.handle", help_text="Who asked.")
    prompt = serializers.CharField()
    banned = serializers.CharField(help_text="What it asks for, and with which words.")
    reason = serializers.CharField()
    state = serializers.ChoiceField(AppealState.values)
    used = serializers.BooleanField(source="is_used", help_text="Whether a request used what was allowed.")
    answer = serializers.CharField()
    filed_at = serializers.DateTimeField()
    waits_until = serializers.DateTimeField(help_text="After that an administrator may decide, too.")
    decided_at = serializers.DateTimeField(allow_null=True)


def appeals_of(person: User) -> dict[str, QuerySet[PromptAppeal]]:
    """Give the lists that a person may ask for, by name."""
    sides = PromptAppeal.objects.with_everything()
    return {"mine": sides.filter(person=person), "to_me": sides.filter(plugin__owner=person)}


class Appeals(Endpoint):
    writes = Scope.GENERATE

    @extend_schema(
        parameters=[
            OpenApiParameter("of", str, enum=["mine", "to_me"], description="`mine` if not said."),
            *PAGE_PARAMETERS,
        ],
        responses=page_of(AppealOut),
    )
    def get(self, request: Request) -> Response:
        """Your appeals, or those about your plug-ins; the latest first."""
        lists = appeals_of(self.person)
        of = request.query_params.get("of", "mine")
        if of not in lists:
            raise Http404
        return listed(request, lists[of], AppealOut, by="filed_at")

    @extend_schema(request=AppealBody, responses={201: AppealOut})
    @once
    def post(self, request: Request) -> Response:
        """Ask the artist of a plug-in to allow, once, a prompt that it refuses. They read your reason and your name."""
        asked = said(request, AppealBody)
        plugin = get_object_or_404(PlugIn, slug=asked["plugin"])
        appeal = file_appeal(
            refusing_plugin(self.person, plugin.pk),
            self.person,
            prompt=asked["prompt"],
            reason=asked["reason"],
        )
        return made(
            AppealOut(appeal, context={"request": request}).data, at=reverse("api:appeal", args=[appeal.pk])
        )


class OneAppeal(Endpoint):
    @extend_schema(responses=AppealOut)
    def get(self, request: Request, pk: int) -> Response:
        """An appeal of yours, or about a plug-in of yours."""
        appeal = get_object_or_404(visible_appeals(self.person), pk=pk)
        return Response(AppealOut(appeal, context={"request": request}).data)


class AnswerAppeal(Endpoint):
    writes = Scope.SELL

    @extend_schema(request=AnswerBody, responses=AppealOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Allow the prompt once, or decline. Administrators may after the artist's time is over."""
        appeal = get_object_or_404(visible_appeals(self.person), pk=pk)
        answered = said(request, AnswerBody)
        decide_appeal(appeal, self.person, is_allowed=answered["allow"], answer=answered["answer"])
        return Response(AppealOut(appeal, context={"request": request}).data)
