"""The ledger in Django's administration, read-only: nothing to add, change or delete."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from market.audit.administration import ReadOnlyAdmin
from market.ledger.models import PAYER_KINDS, Account, Entry, Hold, HoldResolution, Transfer
from market.ledger.money import formatted


class EntryInline(admin.TabularInline[Entry, Transfer]):
    model = Entry
    readonly_fields = ["position", "account", "amount", "line", "subject", "memo"]
    fields = tuple(readonly_fields)
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "owner", "currency", "posted", "held", "created_at"]
    list_filter = ["kind", "currency"]
    list_select_related = ["owner", "kept"]
    search_fields = ["owner__email", "owner__display_name"]

    @admin.display(empty_value="", ordering="kept__posted")
    def posted(self, account: Account) -> int | None:
        return account.kept.posted if account.kind in PAYER_KINDS else None

    @admin.display(empty_value="", ordering="kept__held")
    def held(self, account: Account) -> int | None:
        return account.kept.held if account.kind in PAYER_KINDS else None


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "in_words", "reference", "key", "created_at"]
    list_filter = ["kind", "created_at"]
    search_fields = ["key", "reference", "memo"]
    inlines = [EntryInline]

    @admin.display(description="amount", ordering="amount")
    def in_words(self, transfer: Transfer) -> str:
        return formatted(transfer.amount, transfer.currency)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "transfer", "account", "amount", "line", "subject", "memo", "created_at"]
    list_filter = ["line", "created_at"]
    list_select_related = ["transfer", "account__owner"]
    search_fields = ["subject", "memo", "transfer__reference"]


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ["id", "payer", "amount", "reference", "state", "expires_at", "created_at"]
    list_select_related = ["payer__owner", "resolution"]
    search_fields = ["key", "reference"]


@admin.register(HoldResolution)
class HoldResolutionAdmin(ReadOnlyAdmin):
    list_display = ["id", "hold", "outcome", "transfer", "reason", "created_at"]
    list_filter = ["outcome"]
    list_select_related = ["hold", "transfer"]
