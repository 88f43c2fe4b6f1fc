"""How a page acts on what a person asked for. It shows why something is refused, and keeps what was typed."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from market.refusals import Refused

T = TypeVar("T")


class HasPage(Protocol):
    def get_absolute_url(self) -> str: ...


def acted(
    form: BaseForm | None,
    act: Callable[[], HttpResponse],
    show: Callable[[Refused | None], HttpResponse],
    *,
    refused_with: HTTPStatus | None = None,
) -> HttpResponse:
    """Act on a valid form, or a mere button.

    If the form is invalid, or the act is refused, show the page again with what was typed and the reason. The answer has the
    refusal's status, unless the page has one for all.
    """
    refusal, status = None, HTTPStatus.UNPROCESSABLE_ENTITY
    if form is None or form.is_valid():
        try:
            return act()
        except Refused as refused:
            refusal, status = refused, refused_with or refused.status
    page = show(refusal)
    page.status_code = int(status)
    return page


def filled_in(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    act: Callable[[], HttpResponse],
    *,
    refused_with: HTTPStatus | None = None,
) -> HttpResponse:
    """Show a page that is one form, the context's `form`. When it is sent, act on it, or show in it why not."""
    form = context["form"]

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        return render(request, template, context)

    if request.method != "POST":
        return show(None)
    return acted(form, act, show, refused_with=refused_with)


def put_on(form: BaseForm, refusal: Refused) -> None:
    """Say in a form why it was refused, each reason at its field."""
    for each in refusal.reasons:
        form.add_error(each.field if each.field in form.fields else None, each.text)


def act_on(
    request: HttpRequest,
    to: HasPage | str,
    form: BaseForm | None,
    act: Callable[[], object],
    said: str,
    show: Callable[[Refused | None], HttpResponse],
) -> HttpResponse:
    """Act on one of several forms on a page as `acted` does, say that it is done, and redirect to a page."""

    def answer() -> HttpResponse:
        act()
        return told(request, to, said)

    return acted(form, answer, show)


def ordered(form: Any, order: Callable[..., object]) -> dict[str, Any]:
    """Make the order from a form's values, for its `clean`. If the order is refused, show the reasons in the form."""
    values: dict[str, Any] = form.cleaned_data
    if not form.errors:
        try:
            form.order = order(**values)
        except Refused as refusal:
            put_on(form, refusal)
    return values


def done(
    request: HttpRequest, to: HasPage | str, act: Callable[[], T], said: str | Callable[[T], str]
) -> HttpResponse:
    """Act, say that it is done or why not, and redirect to a page. The message may depend on what was made."""
    try:
        made = act()
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(to)
    return told(request, to, said(made) if callable(said) else said)


def told(request: HttpRequest, to: HasPage | str, said: str) -> HttpResponse:
    """Say that something is done, and redirect to a page."""
    messages.success(request, said)
    return redirect(to)
