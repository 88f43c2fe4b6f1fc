"""Jobs in Django's administration, read-only."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.jobs.models import Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "owner", "state", "error", "created_at", "started_at", "finished_at"]
    list_filter = ["kind", "state", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["id", "owner__email", "error"]
