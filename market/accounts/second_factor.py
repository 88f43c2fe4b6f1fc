"""Admins act only with a second factor: a stolen password alone opens nothing of an admin's."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from market.accounts.models import ApiToken, User
from market.audit.recording import record

SET_IT_UP = "You are an administrator, and act as one with a second factor alone. Set it up first."
OF_TOKENS = (
    "This account is an administrator's: its tokens are taken if they were made after its second factor was set up. "
    "Set it up, and make another token."
)
_OWN_PAGES = "accounts/"
"""Where people sign in and out, and set their second factor up."""
_METHOD = "mfa"


class SecondFactorOfAdmins(MiddlewareMixin):
    """Send admins who have not proved their second factor in this session to where they do so, whatever they asked for."""

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        # Programs sign in with tokens, never by a session.
        is_open = match is not None and (match.route.startswith(_OWN_PAGES) or match.app_name == "api")
        person = request.user
        if is_open or not isinstance(person, User) or not person.is_admin:
            return None
        if not _factors(person).exists():
            messages.warning(request, SET_IT_UP)
            return redirect("mfa_activate_totp")
        if not is_proved(request):
            came_for = request.get_full_path() if request.method == "GET" else "/"
            return redirect(reverse("mfa_reauthenticate", query={"next": came_for}))
        return None


def is_proved(request: HttpRequest) -> bool:
    """Whether the signed-in person has given a code in this session."""
    return any(each.get("method") == _METHOD for each in get_authentication_records(request, request.user))


def may_use(token: ApiToken) -> bool:
    """Whether a token may be used. An admin's may only if it was made with a second factor."""
    person = token.person
    return not person.is_admin or _factors(person).filter(created_at__lte=token.created_at).exists()


def forget(person: User) -> bool:
    """Delete somebody's second factor and recovery codes. Say whether there were any.

    Only whoever runs the server can: an admin who could would be two of those who have to agree.
    """
    with transaction.atomic():
        deleted, _ = _factors(person).delete()
        if deleted:
            record("person.second_factor_forgotten", by=None, target=person)
    return bool(deleted)


def listen() -> None:
    """Count the code with which a second factor is set up. Called once, when the apps are ready."""
    authenticator_added.connect(_set_up, dispatch_uid="accounts:second_factor_set_up")


def _set_up(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record_authentication(request, user, _METHOD, id=authenticator.pk, type=authenticator.type)


def _factors(person: User) -> QuerySet[Authenticator]:
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP)
    return found
