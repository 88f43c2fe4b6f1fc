"""Top-ups and webhooks in Django's administration: to look at."""

from __future__ import annotations

from django.contrib import admin

from market.ledger.admin import ReadOnlyAdmin
from market.payments.models import TopUp, WebhookEvent


@admin.register(TopUp)
class TopUpAdmin(ReadOnlyAdmin):
    list_display = ["id", "person", "amount", "currency", "gateway", "state", "created_at", "settled_at"]
    list_filter = ["state", "gateway", "created_at"]
    list_select_related = ["person"]
    search_fields = ["id", "person__email", "gateway_reference"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "gateway", "outcome", "deliveries", "received_at"]
    list_filter = ["gateway", "received_at"]
    search_fields = ["event_id", "outcome"]
