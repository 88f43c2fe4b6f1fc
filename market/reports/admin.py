"""Verifications and files of statements in Django's administration, read-only."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.reports.models import StatementFile, VerificationRun


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "asked_by", "asked_at", "ended_at", "right", "error"]
    list_select_related = ["asked_by"]

    @admin.display(boolean=True)
    def right(self, run: VerificationRun) -> bool:
        return run.right


@admin.register(StatementFile)
class StatementFileAdmin(ReadOnlyAdmin):
    list_display = ["id", "account", "month", "asked_at", "made_at"]
    list_select_related = ["account__owner"]
