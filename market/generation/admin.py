"""The platform's commission in Django's administration: rates are added, and never changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from market.accounts.access import person_of
from market.generation.models import CommissionRate


@admin.register(CommissionRate)
class CommissionRateAdmin(admin.ModelAdmin[CommissionRate]):
    list_display = ["line", "basis_points", "valid_from", "reason", "made_by", "made_at"]
    list_filter = ["line"]
    list_select_related = ["made_by"]
    fields = ["line", "basis_points", "valid_from", "reason"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CommissionRate, form: Any, change: bool) -> None:
        obj.made_by = person_of(request)
        obj.save(force_insert=True)
