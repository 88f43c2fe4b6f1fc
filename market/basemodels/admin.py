"""Base models, for administrators. Nobody types in what a check finds: owners register and confirm weights."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from market.audit.administration import ReadOnlyAdmin
from market.basemodels.models import BaseCheck, BaseModel, BaseRelease, BaseUpload


class BaseReleaseInline(admin.TabularInline[BaseRelease, BaseModel]):
    model = BaseRelease
    extra = 0
    fields = ["number", "fingerprint", "is_default", "notes"]


@admin.register(BaseModel)
class BaseModelAdmin(admin.ModelAdmin[BaseModel]):
    list_display = ["name", "owner", "architecture", "resolution", "fee_micros", "listed"]
    list_filter = ["listed", "architecture"]
    search_fields = ["name", "slug", "owner__display_name"]
    autocomplete_fields = ["owner"]
    readonly_fields = [
        "source",
        "upload",
        "next_upload",
        "fingerprint",
        "architecture",
        "resolution",
        "check_job",
    ]
    inlines = [BaseReleaseInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(BaseCheck)
class BaseCheckAdmin(ReadOnlyAdmin):
    list_display = ["base", "checked_at", "fingerprint", "architecture", "resolution", "device"]
    search_fields = ["base__name", "fingerprint"]


@admin.register(BaseUpload)
class BaseUploadAdmin(ReadOnlyAdmin):
    list_display = ["pk", "owner", "base", "started_at", "touched_at"]
    search_fields = ["owner__display_name"]
