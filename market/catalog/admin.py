"""The catalogue for administrators. Only artists see the works themselves, on their desks."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.catalog.models import (
    Concept,
    CoOwnerTerms,
    PlugIn,
    PlugInPart,
    RightsAffirmation,
    Suspension,
    UploadRefusal,
)


@admin.register(Concept)
class ConceptAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "artist", "created_at"]
    list_filter = ["kind"]
    search_fields = ["name", "artist__display_name", "artist__email"]


@admin.register(PlugIn)
class PlugInAdmin(ReadOnlyAdmin):
    list_display = ["concept", "owner", "base", "state", "price_micros", "published_at", "taken_down_at"]
    list_filter = ["state", "base"]
    search_fields = ["concept__name", "slug", "owner__display_name"]


@admin.register(Suspension)
class SuspensionAdmin(ReadOnlyAdmin):
    list_display = ["person", "begun_at", "lifted_at", "lifted_by"]
    list_select_related = ["person", "lifted_by"]
    search_fields = ["person__email", "person__display_name"]


@admin.register(CoOwnerTerms)
class CoOwnerTermsAdmin(ReadOnlyAdmin):
    list_display = ["plugin", "person", "step", "share_bps", "offered_bps", "made_by", "valid_from"]
    list_filter = ["step"]
    list_select_related = ["plugin__concept", "person", "made_by"]
    search_fields = ["plugin__concept__name", "person__display_name", "person__email"]


@admin.register(PlugInPart)
class PlugInPartAdmin(ReadOnlyAdmin):
    list_display = ["version", "name", "part", "share"]
    list_select_related = ["version__plugin__concept", "part__plugin__concept"]
    search_fields = ["name", "version__plugin__concept__name", "part__plugin__concept__name"]


@admin.register(RightsAffirmation)
class RightsAffirmationAdmin(ReadOnlyAdmin):
    list_display = ["concept", "person", "text_version", "affirmed_at", "ip_address"]
    list_filter = ["text_version"]
    search_fields = ["concept__name", "person__email", "person__display_name"]


@admin.register(UploadRefusal)
class UploadRefusalAdmin(ReadOnlyAdmin):
    list_display = ["refused_at", "person", "concept", "matched_artist", "matched_work", "distance"]
    search_fields = ["person__email", "matched_artist__email", "original_name"]
