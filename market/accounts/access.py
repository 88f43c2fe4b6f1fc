"""Who may open a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from market.accounts.models import Role, User
from market.accounts.terms import TERMS

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def person_of(request: HttpRequest) -> User:
    """The signed-in person. Only for views behind `login_required` or `role_required`."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def role_required(role: Role) -> Callable[[View[P]], View[P]]:
    """Let in only people who hold the role.

    Visitors are asked to sign in. Somebody who could take the role on is led to its terms. A page for administrators does not
    exist for anybody else. The view's `required_role` says whom it is for.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not person_of(request).has_role(role):
                return _not_yet(request, role)
            return view(request, *args, **kwargs)

        for_some: Any = login_required(guarded)
        for_some.required_role = role
        return cast("View[P]", for_some)

    return decorate


def _not_yet(request: HttpRequest, role: Role) -> HttpResponse:
    if role not in TERMS or request.method != "GET":
        raise Http404
    messages.info(
        request, f"That page is for people with the role of {role.label.lower()}. You can take it on here."
    )
    return redirect(reverse("accounts:role", args=[role.value]))
