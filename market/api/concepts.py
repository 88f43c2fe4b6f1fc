"""An artist's own concepts and works, which claims are made of."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.endpoint import Endpoint
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.catalog.access import owned_concept
from market.catalog.models import Concept


class ConceptOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class WorkOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    caption = serializers.CharField(help_text="What it shows; a claim needs one of each of its works.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    pixels_sha256 = serializers.CharField()
    uploaded_at = serializers.DateTimeField()


class Concepts(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(ConceptOut))
    def get(self, request: Request) -> Response:
        """Your concepts, the latest first."""
        return listed(request, Concept.objects.filter(artist=self.person), ConceptOut)


class Works(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(WorkOut))
    def get(self, request: Request, pk: int) -> Response:
        """The works of one of your concepts, the latest first."""
        return listed(request, owned_concept(self.person, pk).works.all(), WorkOut, by="uploaded_at")
