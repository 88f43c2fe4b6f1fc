"""Plug-ins: found, looked at, and their versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.bodies import chosen
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.api.paging import PAGE_PARAMETERS, listed, page_of, ranked
from market.catalog.access import visible_plugin
from market.catalog.browsing import SORTS, BrowseForm, browse
from market.catalog.combined import price_now
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.royalties import royalties_of


class LicenceOut(serializers.Serializer[Any]):
    commercial = serializers.BooleanField(source="allow_commercial")
    combination = serializers.BooleanField(source="allow_combination")
    derivatives = serializers.BooleanField(source="allow_derivatives")
    credit_required = serializers.BooleanField(source="require_credit")


class PlugInOut(serializers.Serializer[Any]):
    slug = serializers.CharField(help_text="Its name in addresses and in requests.")
    url = Link("api:plugin", "slug")
    name = serializers.CharField(help_text="The word that calls it up in a prompt.")
    kind = serializers.CharField(source="concept.kind")
    aliases = serializers.ListField(child=serializers.CharField(), source="concept.aliases")
    description = serializers.CharField(source="concept.description")
    artist = serializers.CharField(source="owner.handle")
    artist_name = serializers.CharField(source="owner.display_name")
    base = serializers.CharField(source="base.slug")
    price_micros = serializers.SerializerMethodField(help_text="Of one picture; the base's fee comes on top.")
    licence = LicenceOut(source="*")
    state = serializers.CharField()
    version = serializers.IntegerField(source="current_version.number", allow_null=True, default=None)
    published_at = serializers.DateTimeField(allow_null=True)

    def get_price_micros(self, plugin: PlugIn) -> int:
        return price_now(plugin)


class RoyaltyOut(serializers.Serializer[Any]):
    name = serializers.CharField(source="person.display_name")
    weight = serializers.IntegerField(help_text="Their part of the sum of all weights.")
    through = serializers.CharField()


class OnePlugInOut(PlugInOut):
    royalties = serializers.SerializerMethodField(help_text="Who divides its price.")

    @extend_schema_field(RoyaltyOut(many=True))
    def get_royalties(self, plugin: PlugIn) -> list[dict[str, Any]]:
        return [dict(each) for each in RoyaltyOut(royalties_of(plugin), many=True).data]


class VersionOut(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    current = serializers.SerializerMethodField()
    file_sha256 = serializers.CharField()
    tensors_sha256 = serializers.CharField()
    base_fingerprint = serializers.CharField()
    rank = serializers.IntegerField()
    byte_size = serializers.IntegerField()
    works_count = serializers.IntegerField(help_text="Works it was made of; 0: it was uploaded.")
    created_at = serializers.DateTimeField()

    def get_current(self, version: PlugInVersion) -> bool:
        return version.plugin.current_version_id == version.pk


class PlugIns(Endpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter(
                "q", str, description="Words of name, aliases, description or artist, also misspelt."
            ),
            OpenApiParameter("kind", str, enum=["style", "character"]),
            OpenApiParameter("base", str, description="Those for this base model."),
            OpenApiParameter("max_price", str, description="Euros for a picture, at most: 0.05."),
            OpenApiParameter("commercial", bool, description="Only those that may be used to earn money."),
            OpenApiParameter("combination", bool, description="Only those that may be combined."),
            OpenApiParameter("derivatives", bool, description="Only those whose pictures may be edited."),
            OpenApiParameter("no_credit", bool, description="Only those that ask for no credit."),
            OpenApiParameter(
                "sort", str, enum=list(SORTS), description="Best match, or newest, if it is not said."
            ),
            *PAGE_PARAMETERS,
        ],
        responses=page_of(PlugInOut),
    )
    def get(self, request: Request) -> Response:
        """Plug-ins on sale, searched as in the catalogue."""
        form = chosen(BrowseForm, request)
        return ranked(request, browse(form.choices_made()), PlugInOut)


class OnePlugIn(Endpoint):
    @extend_schema(responses=OnePlugInOut)
    def get(self, request: Request, slug: str) -> Response:
        """A plug-in, and who divides its price. Those that are not published are their owner's to see."""
        plugin = visible_plugin(self.person, slug)
        return Response(OnePlugInOut(plugin, context={"request": request}).data)


class Versions(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(VersionOut))
    def get(self, request: Request, slug: str) -> Response:
        """The version on offer; to the owner of the plug-in, all of them."""
        plugin = visible_plugin(self.person, slug)
        versions = PlugInVersion.objects.filter(plugin=plugin).select_related("plugin")
        if not (self.person.is_admin or plugin.owner_id == self.person.pk):
            versions = versions.filter(pk__in=[plugin.current_version_id])
        return listed(request, versions, VersionOut, by="number")
