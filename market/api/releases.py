"""Releases of a base model: listed, compared, taken into use and rolled back."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.problems import Fault, invalid
from market.basemodels.access import visible_base
from market.basemodels.models import BaseRelease
from market.extractions.access import governed_base, governed_release
from market.extractions.building import start_build
from market.extractions.comparing import figures_of
from market.extractions.models import BuildState
from market.extractions.releases import make_default


class BuildOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    base = serializers.CharField(source="base.slug")
    state = serializers.ChoiceField(BuildState.values)
    job = serializers.UUIDField(
        source="job_id", help_text="Follow it as a job; the release is there when it has succeeded."
    )
    release = serializers.IntegerField(source="release_id", allow_null=True)
    created_at = serializers.DateTimeField()


class ReleaseOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:release", "pk")
    number = serializers.IntegerField()
    fingerprint = serializers.CharField()
    in_use = serializers.BooleanField(source="is_default", help_text="Whether pictures are drawn with it.")
    notes = serializers.CharField()
    created_at = serializers.DateTimeField()


class MeasuredReleaseOut(ReleaseOut):
    base = serializers.CharField(source="base.slug")
    figures = serializers.SerializerMethodField(
        help_text="As they were measured; empty for the weights as registered."
    )

    @extend_schema_field({"type": "object", "additionalProperties": True})
    def get_figures(self, release: BaseRelease) -> Any:
        return figures_of(release)


class ComparedReleasesOut(serializers.Serializer[Any]):
    first = MeasuredReleaseOut()
    second = MeasuredReleaseOut()


class Releases(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(ReleaseOut))
    def get(self, request: Request, slug: str) -> Response:
        """The releases of a base model, the latest first."""
        base = visible_base(self.person, slug)
        return listed(request, BaseRelease.objects.filter(base=base), ReleaseOut, by="number")

    @extend_schema(request=None, responses={201: BuildOut})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Build a release of what is approved, after a build failed or was cancelled."""
        return made(BuildOut(start_build(governed_base(self.person, slug), self.person)).data)


class OneRelease(Endpoint):
    @extend_schema(responses=MeasuredReleaseOut)
    def get(self, request: Request, pk: int) -> Response:
        """A release of your base model, with what was measured of it."""
        release = governed_release(self.person, pk)
        return Response(MeasuredReleaseOut(release, context={"request": request}).data)


class UseRelease(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses=MeasuredReleaseOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Draw with this release from now on; an older one rolls back. Requests under way keep theirs."""
        release = governed_release(self.person, pk)
        make_default(release, self.person)
        release.refresh_from_db()
        return Response(MeasuredReleaseOut(release, context={"request": request}).data)


class ComparedReleases(Endpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter("first", int, required=True, description="The id of a release."),
            OpenApiParameter("second", int, required=True, description="The id of another."),
        ],
        responses=ComparedReleasesOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Two releases of your base model, beside each other."""
        releases = governed_base(self.person, slug).releases.select_related("base", "build")
        asked = {name: request.query_params.get(name, "")[:18] for name in ("first", "second")}
        both = {
            name: releases.filter(pk=pk).first() if pk.isdecimal() else None for name, pk in asked.items()
        }
        unknown = [name for name, release in both.items() if release is None]
        if unknown:
            raise invalid([Fault("Which release of this base?", parameter=name) for name in unknown])
        return Response(ComparedReleasesOut(both, context={"request": request}).data)
