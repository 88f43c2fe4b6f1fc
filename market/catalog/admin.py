"""The catalogue for administrators. Works themselves stay between an artist and their desk."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from market.catalog.models import Concept, PlugIn, RightsAffirmation, UploadRefusal


class ReadOnly:
    """Records that are looked at, never edited here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Concept)
class ConceptAdmin(ReadOnly, admin.ModelAdmin[Concept]):
    list_display = ["name", "kind", "artist", "created_at"]
    list_filter = ["kind"]
    search_fields = ["name", "artist__display_name", "artist__email"]


@admin.register(PlugIn)
class PlugInAdmin(ReadOnly, admin.ModelAdmin[PlugIn]):
    list_display = ["concept", "owner", "base", "state", "price_micros", "published_at"]
    list_filter = ["state", "base"]
    search_fields = ["concept__name", "slug", "owner__display_name"]


@admin.register(RightsAffirmation)
class RightsAffirmationAdmin(ReadOnly, admin.ModelAdmin[RightsAffirmation]):
    list_display = ["concept", "person", "text_version", "affirmed_at", "ip_address"]
    list_filter = ["text_version"]
    search_fields = ["concept__name", "person__email", "person__display_name"]


@admin.register(UploadRefusal)
class UploadRefusalAdmin(ReadOnly, admin.ModelAdmin[UploadRefusal]):
    list_display = ["refused_at", "person", "concept", "matched_artist", "matched_work", "distance"]
    search_fields = ["person__email", "matched_artist__email", "original_name"]
