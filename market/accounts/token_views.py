"""Pages of a person's API tokens: the list, making one, revoking one."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from market.accounts.access import person_of
from market.accounts.forms import TokenForm
from market.accounts.tokens import ends_in, make_token, revoke_token
from market.acting import filled_in


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # of a package without types
@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """List the tokens, and make one. The answer shows it, and no later page does.

    The password is asked for again before the page opens, so that a filled-in form is not lost to that question.
    """
    person = person_of(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "tokens": person.api_tokens.filter(revoked_at=None)}

    def make() -> HttpResponse:
        _, words = make_token(
            person,
            name=form.cleaned_data["name"],
            scopes=form.chosen_scopes(),
            expires_at=ends_in(form.cleaned_data["days"]),
        )
        return render(request, "accounts/tokens.html", context | {"form": TokenForm(), "words": words})

    return filled_in(request, "accounts/tokens.html", context, make)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a token. No new sign-in is asked for: this must be quick."""
    person = person_of(request)
    token = get_object_or_404(person.api_tokens, pk=pk)
    if revoke_token(token, person):
        messages.success(request, f"“{token}” is revoked. Programs that use it are refused from now on.")
    else:
        messages.info(request, f"“{token}” was revoked before.")
    return redirect("accounts:tokens")
