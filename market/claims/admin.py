"""Claims in Django's administration, read-only. They are decided on their own pages."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.claims.models import (
    Claim,
    ClaimMessage,
    ClaimPicture,
    ClaimStep,
    CounterNotice,
    EvidencePair,
    EvidenceReport,
    Notice,
)


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    list_display = ["id", "claimant", "concept", "base", "plugin", "state", "submitted_at", "due_at"]
    list_filter = ["state", "submitted_at"]
    list_select_related = ["claimant", "concept", "base", "plugin__concept"]
    search_fields = ["claimant__email", "concept__name", "base__name"]


@admin.register(ClaimStep)
class ClaimStepAdmin(ReadOnlyAdmin):
    list_display = ["id", "claim", "kind", "by", "at"]
    list_filter = ["kind", "at"]
    list_select_related = ["claim__base", "claim__plugin__concept", "by"]


@admin.register(ClaimMessage)
class ClaimMessageAdmin(ReadOnlyAdmin):
    list_display = ["id", "claim", "by", "at"]
    list_select_related = ["claim__base", "claim__plugin__concept", "by"]


@admin.register(Notice, CounterNotice)
class PaperAdmin(ReadOnlyAdmin):
    list_display = ["id", "person", "signature", "signed_at"]
    list_select_related = ["person"]


@admin.register(ClaimPicture)
class ClaimPictureAdmin(ReadOnlyAdmin):
    list_display = ["id", "claim", "sort", "caption", "added_by", "added_at"]
    list_filter = ["sort"]
    list_select_related = ["claim__base", "claim__plugin__concept", "added_by"]


@admin.register(EvidenceReport)
class EvidenceReportAdmin(ReadOnlyAdmin):
    list_display = ["id", "sha256", "job", "made_at"]
    list_select_related = ["job"]


@admin.register(EvidencePair)
class EvidencePairAdmin(ReadOnlyAdmin):
    list_display = ["id", "report", "picture", "distance", "prompt", "seed"]
    list_select_related = ["report", "picture"]
