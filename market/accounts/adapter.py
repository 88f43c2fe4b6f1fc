"""How allauth makes our people."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from market.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Set the name before the first save, so that the public handle comes from it and not from the address."""
        user.display_name = form.cleaned_data["display_name"]
        saved: User = super().save_user(request, user, form, commit=commit)
        return saved
