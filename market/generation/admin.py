"""The market's commission in Django's administration: rates are added, never changed."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import AddedOnlyAdmin
from market.generation.models import CommissionRate


@admin.register(CommissionRate)
class CommissionRateAdmin(AddedOnlyAdmin):
    list_display = ["line", "basis_points", "valid_from", "reason", "made_by", "made_at"]
    list_filter = ["line"]
    list_select_related = ["made_by"]
    fields = ["line", "basis_points", "valid_from", "reason"]
