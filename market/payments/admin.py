"""Payments in Django's administration, read-only. Rates of withheld tax are added, never changed."""

from __future__ import annotations

from django.contrib import admin

from market.audit.administration import AddedOnlyAdmin, ReadOnlyAdmin
from market.payments.models import (
    Payout,
    PayoutBatch,
    PayoutDetails,
    TopUp,
    WebhookEvent,
    WithholdingRate,
)


@admin.register(TopUp)
class TopUpAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "person",
        "amount",
        "taken_back",
        "currency",
        "gateway",
        "state",
        "created_at",
        "settled_at",
    ]
    list_filter = ["state", "gateway", "created_at"]
    list_select_related = ["person"]
    search_fields = ["id", "person__email", "gateway_reference", "gateway_charge"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "gateway", "outcome", "deliveries", "received_at"]
    list_filter = ["gateway", "received_at"]
    search_fields = ["event_id", "outcome"]


@admin.register(PayoutDetails)
class PayoutDetailsAdmin(ReadOnlyAdmin):
    list_display = ["person", "holder", "masked", "schedule", "verified_at", "verified_by"]
    list_select_related = ["person", "verified_by"]
    search_fields = ["person__email", "holder", "iban", "stripe_account"]


@admin.register(PayoutBatch)
class PayoutBatchAdmin(ReadOnlyAdmin):
    list_display = ["id", "state", "total", "currency", "made_by", "created_at", "sent_at", "settled_at"]
    list_filter = ["state"]
    list_select_related = ["made_by"]


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "person",
        "amount",
        "currency",
        "state",
        "masked",
        "batch",
        "created_at",
        "ended_at",
    ]
    list_filter = ["state", "created_at"]
    list_select_related = ["person", "batch"]
    search_fields = ["id", "person__email", "holder", "stripe_transfer"]


@admin.register(WithholdingRate)
class WithholdingRateAdmin(AddedOnlyAdmin):
    list_display = ["person", "basis_points", "valid_from", "reason", "made_by", "made_at"]
    list_select_related = ["person", "made_by"]
    search_fields = ["person__email", "reason"]
    fields = ["person", "basis_points", "valid_from", "reason"]
    raw_id_fields = ["person"]
