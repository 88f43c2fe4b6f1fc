"""Takedowns in Django's administration, read-only. They are decided on their own pages."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.takedowns.models import Takedown, TakedownStep


@admin.register(Takedown)
class TakedownAdmin(ReadOnlyAdmin):
    list_display = ["id", "plugin", "picture", "person", "ground", "state", "taken_down_at", "upheld_at"]
    list_filter = ["state", "ground"]
    list_select_related = ["plugin__concept", "picture", "person"]
    search_fields = ["reason", "person__email", "plugin__concept__name"]


@admin.register(TakedownStep)
class TakedownStepAdmin(ReadOnlyAdmin):
    list_display = ["takedown", "kind", "by", "at"]
    list_filter = ["kind"]
    list_select_related = ["takedown__plugin__concept", "by"]
