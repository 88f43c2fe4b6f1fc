"""Disputes in Django's administration, read-only. They are decided on their own pages."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.disputes.models import Dispute, Freeze


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = ["id", "plugin", "claimant", "state", "filed_at", "decided_at"]
    list_filter = ["state", "filed_at"]
    list_select_related = ["plugin__concept", "claimant"]
    search_fields = ["reason", "decision", "claimant__email"]


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyAdmin):
    list_display = ["id", "dispute", "person", "subject", "amount", "at_opening", "transfer"]
    list_select_related = ["dispute__plugin__concept", "person", "transfer"]
