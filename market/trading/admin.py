"""Flags in Django's administration, read-only. They are decided on their own pages."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import ReadOnlyAdmin
from market.trading.models import FlaggedEarning, TradeFlag, TradeLook, TradeReason


@admin.register(TradeFlag)
class TradeFlagAdmin(ReadOnlyAdmin):
    list_display = ["id", "person", "state", "score", "amount", "flagged_at", "due_at", "decided_at"]
    list_filter = ["state", "flagged_at"]
    list_select_related = ["person"]
    search_fields = ["person__email", "decision"]


@admin.register(TradeReason)
class TradeReasonAdmin(ReadOnlyAdmin):
    list_display = ["id", "flag", "payer", "sign", "points", "amount"]
    list_filter = ["sign"]
    list_select_related = ["flag__person", "payer"]


@admin.register(FlaggedEarning)
class FlaggedEarningAdmin(ReadOnlyAdmin):
    list_display = ["id", "flag", "payer", "entry", "amount", "tried_at"]
    list_select_related = ["flag__person", "payer", "entry"]


@admin.register(TradeLook)
class TradeLookAdmin(ReadOnlyAdmin):
    list_display = ["night", "looked_at", "pairs", "flags"]
