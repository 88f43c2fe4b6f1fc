"""What plug-ins must not be used for."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Role, Scope
from market.api.bodies import Body, Lines, said
from market.api.endpoint import Endpoint
from market.catalog.access import owned_plugin_called, visible_plugin
from market.catalog.bans import bans_of
from market.catalog.models import PlugIn, UseKind
from market.generation.banning import MAX_PHRASES, BansOrder, change_bans


class BansBody(Body):
    kinds = serializers.ListField(child=serializers.ChoiceField(UseKind.choices), help_text="Kinds of use.")
    phrases = Lines(
        help_text=f"Words of your own, at most {MAX_PHRASES}. Three words or more are also recognised by their meaning.",
    )


class BannedUseOut(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="Empty for words of the artist's own.")
    phrase = serializers.CharField(help_text="Empty for a kind.")
    words = serializers.CharField(help_text="What is banned, as a person reads it.")
    plugin = serializers.CharField(
        source="plugin.slug", help_text="Whose artist banned it: the plug-in itself, or a part of it."
    )
    since = serializers.DateTimeField()


class BannedUsesOut(serializers.Serializer[Any]):
    banned_uses = BannedUseOut(many=True)


class BannedOut(serializers.Serializer[Any]):
    """What refuses a prompt."""

    plugin = serializers.CharField(source="plugin.slug", help_text="The plug-in that refuses: appeal to it.")
    use = serializers.CharField(help_text="What its artist banned.")
    said = serializers.CharField(help_text="The words of the prompt that ask for it.")
    by_meaning = serializers.BooleanField(help_text="Whether their meaning gave them away.")


class BannedUses(Endpoint):
    writes = Scope.SELL

    @extend_schema(responses=BannedUsesOut)
    def get(self, request: Request, slug: str) -> Response:
        """What a plug-in must not be used for, with what its parts bring along."""
        return self.said(visible_plugin(self.person, slug))

    @extend_schema(request=BansBody, responses=BannedUsesOut)
    def put(self, request: Request, slug: str) -> Response:
        """Say all that your plug-in must not be used for. It holds for requests from now on."""
        plugin = owned_plugin_called(self.person, slug)
        self.require_role(Role.ARTIST)
        order = BansOrder(**{name: tuple(each) for name, each in said(request, BansBody).items()})
        change_bans(plugin, self.person, order)
        return self.said(plugin)

    def said(self, plugin: PlugIn) -> Response:
        return Response(BannedUsesOut({"banned_uses": bans_of(plugin)}).data)
