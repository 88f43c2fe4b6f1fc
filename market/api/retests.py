"""How plug-ins draw on new releases, and training again those that dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.extractions.access import own_retest, own_retraining, visible_retest
from market.extractions.models import Retest, Retraining, RetrainingState
from market.extractions.retraining import accept_retraining, decline_retraining, obstacles, start_retraining

_FIGURES = {"type": "object", "additionalProperties": True}


class RetestOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:retest", "pk")
    plugin = serializers.CharField(source="version.plugin.slug")
    version = serializers.IntegerField(source="version.number")
    base = serializers.CharField(source="build.base.slug")
    release = serializers.IntegerField(source="build.release.number")
    dropped = serializers.BooleanField(
        help_text="Whether it draws worse, or other pictures, than on the release in use before."
    )


class RetrainingOut(serializers.Serializer[Any]):
    state = serializers.ChoiceField(RetrainingState.values)
    job = serializers.UUIDField(source="job_id", help_text="Follow it as a job.")
    version = serializers.IntegerField(
        source="version.number", allow_null=True, default=None, help_text="That was trained; null before."
    )
    fee_micros = serializers.IntegerField(
        help_text="What the owner of the base pays; the artist pays nothing."
    )
    figures = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(_FIGURES)
    def get_figures(self, training: Retraining) -> Any:
        return training.figures


class OneRetestOut(RetestOut):
    figures = serializers.SerializerMethodField(help_text="As they were measured.")
    retraining = serializers.SerializerMethodField(help_text="Null: it is not trained again.")
    obstacles = serializers.SerializerMethodField(
        help_text="Why you cannot have it trained again now; empty when you can, or have."
    )

    @extend_schema_field(_FIGURES)
    def get_figures(self, retest: Retest) -> Any:
        return retest.figures

    @extend_schema_field(RetrainingOut(allow_null=True))
    def get_retraining(self, retest: Retest) -> dict[str, Any] | None:
        training = _training_of(retest)
        return dict(RetrainingOut(training).data) if training else None

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_obstacles(self, retest: Retest) -> list[str]:
        return [] if _training_of(retest) else obstacles(retest, self.context["request"].user)


def _training_of(retest: Retest) -> Retraining | None:
    return retest.retrainings.exclude(state=RetrainingState.FAILED).select_related("version").first()


def own_retests(person: User) -> QuerySet[Retest]:
    return Retest.objects.filter(version__plugin__owner=person).select_related(
        "version__plugin", "build__base", "build__release"
    )


class Retests(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(RetestOut))
    def get(self, request: Request) -> Response:
        """How your plug-ins draw on new releases of their bases, the latest first."""
        return listed(request, own_retests(self.person), RetestOut, by="id")


class OneRetest(Endpoint):
    @extend_schema(responses=OneRetestOut)
    def get(self, request: Request, pk: int) -> Response:
        """How a plug-in draws on a release, for its artist and those who govern the base."""
        return Response(_said(request, visible_retest(self.person, pk)))


class TrainAgain(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses={201: OneRetestOut})
    @once
    def post(self, request: Request, pk: int) -> Response:
        """Have your plug-in trained again for the release that it dropped on, free of charge.

        Once it is trained you accept the new version, or decline it.
        """
        retest = own_retest(self.person, pk)
        start_retraining(retest, self.person)
        return made(_said(request, retest))


class AcceptTraining(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses=OneRetestOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Draw with the newly trained version from that release on."""
        return _decided(request, self.person, pk, accept_retraining)


class DeclineTraining(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses=OneRetestOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Draw with the old version, even if the new one was accepted before."""
        return _decided(request, self.person, pk, decline_retraining)


def _decided(request: Request, person: User, pk: int, decide: Callable[[Retraining, User], None]) -> Response:
    decide(own_retraining(person, pk), person)
    return Response(_said(request, own_retest(person, pk)))


def _said(request: Request, retest: Retest) -> Any:
    return OneRetestOut(retest, context={"request": request}).data
