"""The audit log in Django's administration: to look at."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.audit.models import AuditLine


@admin.register(AuditLine)
class AuditLineAdmin(ReadOnlyAdmin):
    list_display = ["at", "person", "acting_as", "action", "target", "label", "address"]
    list_filter = ["acting_as", "at"]
    list_select_related = ["person"]
    search_fields = ["action", "target", "label", "person__email"]
