"""People and their roles, for administrators."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.http import HttpRequest

from market.accounts.models import Role, RoleAcceptance, User
from market.audit.administration import ReadOnlyAdmin

# Sign-in to the administration is the market's own, with its second factor and its limits on attempts.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # how allauth documents it
admin.site.site_header = admin.site.site_title = "Copyright Plug-in Market"


class UserForm(forms.ModelForm[User]):
    roles = forms.MultipleChoiceField(
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Everyone is a user. An administrator sees all figures and this administration.",
    )

    class Meta:
        model = User
        fields = ["email", "display_name", "handle", "about", "roles", "is_active"]

    def clean_roles(self) -> list[str]:
        chosen = set(self.cleaned_data["roles"]) | {Role.USER.value}
        return [role.value for role in Role if role.value in chosen]


class RoleAcceptanceInline(admin.TabularInline[RoleAcceptance, User]):
    model = RoleAcceptance
    fields = ["role", "text_version", "accepted_at", "ip_address"]
    readonly_fields = ["role", "text_version", "accepted_at", "ip_address"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    form = UserForm
    list_display = ["email", "display_name", "handle", "role_labels", "is_active", "joined_at"]
    list_filter = ["is_active", "joined_at"]
    search_fields = ["email", "display_name", "handle"]
    readonly_fields = ["joined_at", "last_login"]
    ordering = ["-joined_at"]
    inlines = [RoleAcceptanceInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People sign up themselves, which verifies their address."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An account named on others' receipts is made inactive, not deleted."""
        return False


@admin.register(RoleAcceptance)
class RoleAcceptanceAdmin(ReadOnlyAdmin):
    list_display = ["person", "role", "text_version", "accepted_at"]
    list_filter = ["role", "text_version"]
    search_fields = ["person__email", "person__display_name"]
