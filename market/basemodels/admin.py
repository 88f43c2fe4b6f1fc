"""Base models, for administrators: the place where one that is not the embedded one is registered."""

from __future__ import annotations

from django.contrib import admin

from market.basemodels.models import BaseModel, BaseRelease


class BaseReleaseInline(admin.TabularInline[BaseRelease, BaseModel]):
    model = BaseRelease
    extra = 0
    fields = ["number", "fingerprint", "is_default", "notes"]


@admin.register(BaseModel)
class BaseModelAdmin(admin.ModelAdmin[BaseModel]):
    list_display = ["name", "owner", "architecture", "resolution", "fee_micros", "listed"]
    list_filter = ["listed", "architecture"]
    search_fields = ["name", "slug", "owner__display_name"]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["owner"]
    inlines = [BaseReleaseInline]
