"""Sign in by token only: without cookies no other site can act for a person."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from market.accounts.models import ApiToken, Scope, User
from market.accounts.second_factor import OF_TOKENS, may_use
from market.accounts.tokens import find_token
from market.api.problems import NOT_ALLOWED, Problem

READING = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN_TOKEN = "This token is not known, was revoked, or has ended. Make another on your account's pages."  # noqa: S105, no password


class BearerToken(BaseAuthentication):
    """Take the token of the Authorization header."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, words = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(words.strip())
        if token is None:
            raise AuthenticationFailed(UNKNOWN_TOKEN)
        if not may_use(token):
            raise Problem(NOT_ALLOWED, OF_TOKENS)
        return token.person, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenAllows(BasePermission):
    """Let a token read, and do what its scopes allow. A view's `writes` is the scope that its other methods need."""

    message = "Send a token: “Authorization: Bearer …”."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return False
        needed = Scope.READ if request.method in READING else view.writes
        if needed is not None:
            require_scope(request, needed)
        return True


def require_scope(request: Request, needed: Scope) -> None:
    """Raise a Problem unless the token of a request has a scope."""
    token = request.auth
    if isinstance(token, ApiToken) and not token.allows(needed):
        raise Problem(
            NOT_ALLOWED,
            f"This needs a token with the scope “{needed.value}”; “{token}” has: {', '.join(token.scopes)}.",
        )
