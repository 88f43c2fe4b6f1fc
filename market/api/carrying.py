"""Plug-ins carried over to the next generation of their base."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope, User
from market.api.bodies import Body, Text, said
from market.api.endpoint import Endpoint, made
from market.api.links import Link
from market.api.once import once, once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.basemodels.access import managed_bases
from market.carrying.access import own_carry_over, own_carry_overs, visible_carry_over
from market.carrying.answering import accept, decline
from market.carrying.models import CarryOver, CarryOverState
from market.carrying.starting import start_carrying
from market.extractions.access import governed_base
from market.refusals import invalid

_FIGURES = {"type": "object", "additionalProperties": True}


class UpgradeBody(Body):
    next_base = Text("The address of the next generation: a base of yours of the same family.", most=60)


class CarryOverOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    url = Link("api:carry_over", "pk")
    plugin = serializers.CharField(source="version.plugin.slug")
    version = serializers.IntegerField(source="version.number")
    base = serializers.CharField(source="upgrade.source.slug", help_text="That it is for.")
    next_base = serializers.CharField(source="upgrade.target.slug", help_text="The next generation of that.")
    state = serializers.ChoiceField(CarryOverState.values)
    job = serializers.UUIDField(source="job_id", help_text="Follow it as a job.")
    carried = serializers.CharField(
        source="carried.plugin.slug",
        allow_null=True,
        default=None,
        help_text="The plug-in for the next generation; null before it is made.",
    )
    due_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when to answer. No answer counts as no."
    )
    decided_at = serializers.DateTimeField(allow_null=True)
    figures = serializers.SerializerMethodField(
        help_text="As they were measured: `missed` is the share of what it changes that was lost."
    )

    @extend_schema_field(_FIGURES)
    def get_figures(self, carried: CarryOver) -> Any:
        return carried.figures


class Upgrades(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=UpgradeBody, responses={201: CarryOverOut(many=True)})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Carry every plug-in on sale on your base over to its next generation.

        A second call begins with those that are new, or failed. Artists are asked when it is done.
        """
        source = governed_base(self.person, slug)
        wanted = said(request, UpgradeBody)["next_base"]
        target = managed_bases(self.person).filter(slug=wanted).first()
        if target is None:
            raise invalid(f"You have no base with the address “{wanted}”.", field="next_base")
        begun = start_carrying(source, target, self.person)
        return made(CarryOverOut(begun, many=True, context={"request": request}).data)


class CarryOvers(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(CarryOverOut))
    def get(self, request: Request) -> Response:
        """What was carried over of your plug-ins, the latest first."""
        return listed(request, own_carry_overs(self.person), CarryOverOut, by="id")


class OneCarryOver(Endpoint):
    @extend_schema(responses=CarryOverOut)
    def get(self, request: Request, pk: int) -> Response:
        """One of them, for its artist and those who govern the base."""
        return _said(request, visible_carry_over(self.person, pk))


class AcceptCarryOver(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses=CarryOverOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Offer your plug-in on the next generation, too. A late yes is one."""
        return _answered(request, self.person, pk, accept)


class DeclineCarryOver(Endpoint):
    writes = Scope.MANAGE

    @extend_schema(request=None, responses=CarryOverOut)
    @once_if_asked
    def post(self, request: Request, pk: int) -> Response:
        """Leave your plug-in on the old base alone."""
        return _answered(request, self.person, pk, decline)


def _answered(
    request: Request, person: User, pk: int, answer: Callable[[CarryOver, User], object]
) -> Response:
    answer(own_carry_over(person, pk), person)
    return _said(request, own_carry_over(person, pk))


def _said(request: Request, carried: CarryOver) -> Response:
    return Response(CarryOverOut(carried, context={"request": request}).data)
