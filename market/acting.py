"""How a page acts on what a person asked for there: what is refused is said, and what was written is not lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

REFUSED = 409


class HasPage(Protocol):
    def get_absolute_url(self) -> str: ...


def filled_in(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    act: Callable[[], HttpResponse],
    *,
    refused: type[Exception],
) -> HttpResponse:
    """Show a page that is one form; once it is filled in, act on it, or show it again with why not."""
    form, status = context["form"], 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                return act()
            except refused as refusal:
                form.add_error(None, str(refusal))
                status = REFUSED
    return render(request, template, context, status=status)


def done(
    request: HttpRequest, shown: HasPage, act: Callable[[], object], said: str, *, refused: type[Exception]
) -> HttpResponse:
    """Act, say that it is done or why not, and lead back to the page of what was shown."""
    try:
        act()
    except refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect(shown)
