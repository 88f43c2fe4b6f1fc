"""Takedowns: of what is yours, or that you asked for; the counter-notice, and strikes. Admins decide on the pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.bodies import said, words
from market.api.claim_answers import CounterNoticeBody, counter_notice_in
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.api.once import once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.catalog.models import Suspension
from market.takedowns import answering
from market.takedowns.models import Takedown, TakedownQuerySet
from market.takedowns.states import Ground, StepKind, TakedownState

CourtBody = words(
    "CourtBody",
    "action",
    "The court, and the number of the action. It is kept down until the court has decided.",
)


class TakedownOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:takedown", "pk")
    state = serializers.ChoiceField(TakedownState.values)
    ground = serializers.ChoiceField(Ground.values)
    plugin = serializers.CharField(source="plugin.slug", allow_null=True, default=None)
    picture = serializers.UUIDField(source="picture_id", allow_null=True)
    person = serializers.CharField(source="person.handle", help_text="Whose it is.")
    complainant = serializers.CharField(
        source="complainant.handle", allow_null=True, default=None, help_text="Who asked for it."
    )
    claim = serializers.IntegerField(source="claim_id", allow_null=True)
    hides_pictures = serializers.BooleanField(help_text="Whether all that the plug-in drew is hidden, too.")
    is_strike = serializers.BooleanField(help_text="Whether it was upheld.")
    counts = serializers.BooleanField(help_text="Whether it is a strike that is recent enough to count.")
    may_be_countered = serializers.BooleanField(
        help_text="Whether a counter-notice of whose it is can answer it."
    )
    taken_down_at = serializers.DateTimeField()
    restore_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is undone, unless the claimant goes to court."
    )
    restored_at = serializers.DateTimeField(allow_null=True)


class TakedownStepOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(StepKind.values)
    by = serializers.CharField(
        source="by.handle", allow_null=True, default=None, help_text="Null: the market itself."
    )
    at = serializers.DateTimeField()


class OneTakedownOut(TakedownOut):
    reason = serializers.CharField()
    counter_reason = serializers.CharField(help_text="What the counter-notice says; empty without one.")
    court_action = serializers.CharField(help_text="Which court, and under what number; empty without one.")
    restored_because = serializers.CharField()
    steps = TakedownStepOut(many=True)


class SuspensionOut(serializers.Serializer[Any]):
    because = serializers.CharField()
    begun_at = serializers.DateTimeField()


class StrikesOut(serializers.Serializer[Any]):
    strikes = serializers.IntegerField(help_text="Upheld takedowns that count against you now.")
    most = serializers.IntegerField(help_text="With this many you can neither upload nor publish.")
    days = serializers.IntegerField(help_text="How long one counts.")
    suspension = SuspensionOut(allow_null=True)


def takedowns_of(person: User) -> dict[str, TakedownQuerySet]:
    """Give the lists that a person may ask for, by name."""
    all_there_are = Takedown.objects.with_everything()
    return {
        "mine": all_there_are.filter(person=person),
        "asked_for": all_there_are.filter(complainant=person),
    }


def sided_takedown(person: User, pk: int) -> Takedown:
    """Fetch a takedown for one of its sides."""
    sides = Takedown.objects.filter(person=person) | Takedown.objects.filter(complainant=person)
    return get_object_or_404(sides.with_everything().prefetch_related("steps__by"), pk=pk)


class Takedowns(Endpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter("of", str, enum=["mine", "asked_for"], description="`mine` if not said."),
            *PAGE_PARAMETERS,
        ],
        responses=page_of(TakedownOut),
    )
    def get(self, request: Request) -> Response:
        """Takedowns of what is yours, or those that you asked for; the latest first."""
        lists = takedowns_of(self.person)
        of = request.query_params.get("of", "mine")
        if of not in lists:
            raise Http404
        return listed(request, lists[of], TakedownOut, by="taken_down_at")


class OneTakedown(Endpoint):
    @extend_schema(responses=OneTakedownOut)
    def get(self, request: Request, pk: int) -> Response:
        """A takedown of what is yours, or that you asked for, with every step it took."""
        return _said(request, sided_takedown(self.person, pk))


class CounterTakedown(Endpoint):
    writes = Scope.CLAIM

    @extend_schema(request=CounterNoticeBody, responses=OneTakedownOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Answer a takedown of what is yours by a counter-notice, once.

        It goes to whoever asked for the takedown, with your name and address. Unless they go to court, it is undone at
        `restore_at`.
        """
        takedown = get_object_or_404(Takedown.objects.filter(person=self.person).with_everything(), pk=pk)
        reason, paper = counter_notice_in(said(request, CounterNoticeBody))
        answering.counter(takedown, self.person, paper, reason)
        return _said(request, sided_takedown(self.person, pk))


class TakedownInCourt(Endpoint):
    writes = Scope.CLAIM

    @extend_schema(request=CourtBody, responses=OneTakedownOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Say that you filed an action about what was taken down at your request.

        It stays down until an admin has read the court's decision.
        """
        asked_for = Takedown.objects.filter(complainant=self.person).with_everything()
        takedown = get_object_or_404(asked_for, pk=pk)
        answering.go_to_court(takedown, self.person, said(request, CourtBody)["action"])
        return _said(request, sided_takedown(self.person, pk))


class Strikes(Endpoint):
    @extend_schema(responses=StrikesOut)
    def get(self, request: Request) -> Response:
        """Your strikes, and your suspension if they led to one."""
        strikes = {
            "strikes": Takedown.objects.strikes(self.person).count(),
            "most": settings.TAKEDOWNS.strikes_max,
            "days": settings.TAKEDOWNS.strike_days,
            "suspension": Suspension.objects.open().filter(person=self.person).first(),
        }
        return Response(StrikesOut(strikes).data)


def _said(request: Request, takedown: Takedown) -> Response:
    return Response(OneTakedownOut(takedown, context={"request": request}).data)
