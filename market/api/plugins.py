"""Plug-ins: found, looked at, and their versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Body, Micros, OneLine, chosen, said
from market.api.endpoint import Endpoint
from market.api.links import Link
from market.api.once import once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of, ranked
from market.api.problems import NOT_POSSIBLE, Problem
from market.catalog.access import owned_plugin_called, owned_version_numbered, visible_plugin
from market.catalog.browsing import SORTS, BrowseForm, browse
from market.catalog.calling import trigger_words
from market.catalog.changelog import line_of, write_line
from market.catalog.combined import price_now
from market.catalog.earned import show_earnings, shown_earnings
from market.catalog.facets import facets_of
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.models.versions import CHANGELOG_LENGTH
from market.catalog.not_found import not_found
from market.catalog.publishing import publish, use_version
from market.catalog.royalties import royalties_of
from market.catalog.terms import Terms, change_terms


class TermsBody(Body, serializers.ModelSerializer[PlugIn]):
    price_micros = Micros(
        most=MAX_PRICE_MICROS,
        required=False,
        help_text="Of a picture. You receive it less the market's commission. 0 offers the plug-in free of charge.",
    )

    class Meta:
        model = PlugIn
        fields = tuple(Terms.__dataclass_fields__)


class PlugInBody(TermsBody):
    """What is changed of a plug-in: its terms, and what its page shows."""

    shows_earnings = serializers.BooleanField(
        required=False, help_text="Whether everybody reads what it has earned you."
    )

    class Meta(TermsBody.Meta):
        fields = (*TermsBody.Meta.fields, "shows_earnings")


class ChangesBody(Body):
    changes = OneLine(
        allow_blank=True,
        max_length=CHANGELOG_LENGTH,
        help_text="What is new in the version, in one line. Empty: it is taken off the plug-in's page.",
    )


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
    trigger_words = serializers.SerializerMethodField(
        help_text="What calls it up in a prompt. Empty for a combination: the words of its parts do."
    )
    earned_micros = serializers.SerializerMethodField(
        help_text="What it has earned its artist so far. Null: the artist does not show it."
    )

    def get_trigger_words(self, plugin: PlugIn) -> str:
        return trigger_words(plugin.concept)

    def get_earned_micros(self, plugin: PlugIn) -> int | None:
        return shown_earnings(plugin)

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
    changes = serializers.SerializerMethodField(
        help_text="What is new in it, in its artist's words; often empty."
    )

    def get_changes(self, version: PlugInVersion) -> str:
        return line_of(version)

    def get_current(self, version: PlugInVersion) -> bool:
        return version.plugin.current_version_id == version.pk


class PlugInEndpoint(Endpoint):
    writes = Scope.SELL

    def own_plugin(self, slug: str) -> PlugIn:
        """Give a plug-in of the person's, to change it. They still have to be an artist."""
        plugin = owned_plugin_called(self.person, slug)
        self.require_role(Role.ARTIST)
        return plugin

    def said(self, plugin: PlugIn) -> Response:
        return Response(OnePlugInOut(plugin, context={"request": self.request}).data)


CHOICES = (
    OpenApiParameter(
        "q",
        str,
        description="What it is: its name or its artist, also misspelt, or a description in words of your own. In quotes, or with a minus before a word: just what is written.",
    ),
    OpenApiParameter("kind", str, enum=["style", "character", "combination"]),
    OpenApiParameter("base", str, description="Those for this base model."),
    OpenApiParameter("family", str, description="Those for base models of this family."),
    OpenApiParameter("artist", str, description="Those of the artist with this handle."),
    OpenApiParameter("max_price", str, description="Euros for a picture, at most: 0.05."),
    OpenApiParameter("commercial", bool, description="Only those that may be used to earn money."),
    OpenApiParameter("combination", bool, description="Only those that may be combined."),
    OpenApiParameter("derivatives", bool, description="Only those whose pictures may be edited."),
    OpenApiParameter("no_credit", bool, description="Only those that ask for no credit."),
)


class FacetValueOut(serializers.Serializer[Any]):
    parameter = serializers.CharField(help_text="The parameter that narrows the search to it.")
    value = serializers.CharField(help_text="What the parameter has to be.")
    title = serializers.CharField(source="label")
    count = serializers.IntegerField(help_text="How many plug-ins there are with it.")
    chosen = serializers.BooleanField()


class FacetOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    values = FacetValueOut(many=True)


class NotFoundOut(serializers.Serializer[Any]):
    slug = serializers.CharField(source="plugin.slug")
    name = serializers.CharField(source="plugin.name")
    base = serializers.CharField(source="plugin.base.slug")
    reasons = serializers.ListField(child=serializers.CharField())


class FacetsOut(serializers.Serializer[Any]):
    facets = FacetOut(many=True)
    not_found = NotFoundOut(
        many=True,
        help_text="Your own plug-ins that answer `q` but are not found, with the reasons. Others are not told of them.",
    )


class PlugIns(Endpoint):
    @extend_schema(
        parameters=[
            *CHOICES,
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


class PlugInFacets(Endpoint):
    @extend_schema(parameters=list(CHOICES), responses=FacetsOut)
    def get(self, request: Request) -> Response:
        """What a search could be narrowed to, with how many plug-ins there are of each; and why your own are not found."""
        chosen_now = chosen(BrowseForm, request).choices_made()
        found = {"facets": facets_of(chosen_now), "not_found": not_found(self.person, chosen_now)}
        return Response(FacetsOut(found).data)


class OnePlugIn(PlugInEndpoint):
    @extend_schema(responses=OnePlugInOut)
    def get(self, request: Request, slug: str) -> Response:
        """A plug-in, and who divides its price. Only its owner sees one that is not published."""
        return self.said(visible_plugin(self.person, slug))

    @extend_schema(request=PlugInBody, responses=OnePlugInOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change what your plug-in costs and allows, and whether its page says what it earned.

        What you leave out stays as it is. Terms hold for pictures from now on.
        """
        plugin = self.own_plugin(slug)
        body = said(request, PlugInBody)
        shown = body.pop("shows_earnings", plugin.shows_earnings)
        change_terms(plugin, replace(Terms.of(plugin), **body))
        show_earnings(plugin, shown=shown)
        return self.said(owned_plugin_called(self.person, slug))


class PublishPlugIn(PlugInEndpoint):
    @extend_schema(request=None, responses=OnePlugInOut)
    @once_if_asked
    def post(self, request: Request, slug: str) -> Response:
        """Offer your plug-in to everybody."""
        plugin = self.own_plugin(slug)
        publish(plugin, self.person)
        return self.said(plugin)


class WithdrawPlugIn(PlugInEndpoint):
    @extend_schema(request=None, responses=OnePlugInOut)
    @once_if_asked
    def post(self, request: Request, slug: str) -> Response:
        """Take your plug-in from the market. Pictures made with it keep their licence."""
        plugin = self.own_plugin(slug)
        if not plugin.withdraw():
            raise Problem(NOT_POSSIBLE, f"{plugin.name} is not on the market.")
        return self.said(plugin)


class Versions(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(VersionOut))
    def get(self, request: Request, slug: str) -> Response:
        """The version on offer; to the owner of the plug-in, all of them."""
        plugin = visible_plugin(self.person, slug)
        versions = PlugInVersion.objects.filter(plugin=plugin).select_related("plugin", "changelog_line")
        if not (self.person.is_admin or plugin.owner_id == self.person.pk):
            versions = versions.filter(pk__in=[plugin.current_version_id])
        return listed(request, versions, VersionOut, by="number")


class OneVersion(PlugInEndpoint):
    @extend_schema(request=ChangesBody, responses=VersionOut)
    def patch(self, request: Request, slug: str, number: int) -> Response:
        """Say what is new in a version of your plug-in, for its page."""
        plugin = self.own_plugin(slug)
        version = owned_version_numbered(self.person, plugin, number)
        write_line(version, said(request, ChangesBody)["changes"])
        return Response(VersionOut(owned_version_numbered(self.person, plugin, number)).data)


class UseVersion(PlugInEndpoint):
    @extend_schema(request=None, responses=OnePlugInOut)
    @once_if_asked
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Make pictures with this version of your plug-in from now on."""
        plugin = self.own_plugin(slug)
        use_version(plugin, owned_version_numbered(self.person, plugin, number))
        return self.said(plugin)
