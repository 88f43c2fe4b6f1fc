"""Audit lines for sign-ins to admins' accounts, failed ones too, and for changes of what they sign in with."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as second_factor
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import transaction

from market.audit.recording import record

OWN = {
    "person.signed_in": user_logged_in,
    "person.password_changed": account.password_changed,
    "person.password_set": account.password_set,
    "person.password_reset": account.password_reset,
    "person.email_changed": account.email_changed,
    "person.second_factor_added": second_factor.authenticator_added,
    "person.second_factor_removed": second_factor.authenticator_removed,
    "person.second_factor_renewed": second_factor.authenticator_reset,
}
"""What an admin does with their own account, and the signal that reports it."""


def listen() -> None:
    """Write a line whenever the framework reports such an event. Called once, when the apps are ready."""
    for action, signal in OWN.items():
        signal.connect(_own(action), weak=False, dispatch_uid=f"audit:{action}")
    user_login_failed.connect(sign_in_failed, dispatch_uid="audit:person.sign_in_failed")
    second_factor.authentication_failed.connect(
        second_factor_failed, dispatch_uid="audit:person.second_factor_failed"
    )


def _own(action: str) -> Any:
    def write(user: Any, **_: Any) -> None:
        if user.is_admin:
            with transaction.atomic():
                record(action, by=user, target=user)

    return write


def sign_in_failed(credentials: dict[str, Any], **_: Any) -> None:
    """Note a wrong password for an admin's account. Nobody knows who tried: the line has only their network address."""
    _failed("person.sign_in_failed", str(credentials.get("email") or credentials.get("username") or ""))


def second_factor_failed(user: Any, **_: Any) -> None:
    _failed("person.second_factor_failed", user.email)


def _failed(action: str, email: str) -> None:
    person: Any = get_user_model().objects.filter(email=email.strip().lower()).first()
    if person is not None and person.is_admin:
        with transaction.atomic():
            record(action, by=None, target=person)
