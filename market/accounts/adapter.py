"""How allauth makes our accounts, and what its forms must not reveal or allow."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import get_ip
from django.http import HttpRequest

from market.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Set the name before the first save: the public handle is made from it, not from the address."""
        user.display_name = form.cleaned_data["display_name"]
        saved: User = super().save_user(request, user, form, commit=commit)
        return saved

    def send_account_already_exists_mail(self, email: str) -> None:
        """Take as long as for a new address. Hashing the password takes nearly all of that time."""
        User().set_password(secrets.token_urlsafe())
        super().send_account_already_exists_mail(email)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count wrong passwords by account and by network address, so that nobody can lock the owner out from elsewhere."""
        return f"{super()._get_login_attempts_cache_key(request, **credentials)}:{get_ip(request)}"
