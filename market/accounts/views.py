"""A person's own pages: profile, roles, and where to look after the account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from market.accounts.access import person_of
from market.accounts.forms import AcceptTermsForm, ProfileForm
from market.accounts.models import Role, User
from market.accounts.roles import take_on
from market.accounts.terms import TERMS
from market.acting import told

AFTER_TAKING_ON = {Role.ARTIST: "catalog:desk", Role.MODEL_OWNER: "basemodels:bases"}


@login_required
@require_http_methods(["GET", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    # A form writes even refused values into its instance. The page's header must not show a refused name.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=person.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        return told(request, "accounts:me", "Your profile is saved.")
    context = {
        "form": form,
        "person": person,
        "terms": [(terms, person.has_role(role)) for role, terms in TERMS.items()],
        "acceptances": person.role_acceptances.all(),
    }
    return render(request, "accounts/me.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def role(request: HttpRequest, name: str) -> HttpResponse:
    """Show the terms of a role, and take them on."""
    person = person_of(request)
    terms = TERMS.get(Role(name)) if name in Role else None
    if terms is None:
        raise Http404
    form = AcceptTermsForm(request.POST or None, initial={"version": terms.version})
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["version"] != terms.version:
            form = AcceptTermsForm(initial={"version": terms.version})
            messages.error(request, "The terms have changed while you were reading. Please read them again.")
        else:
            take_on(person, terms.role, ip_address=request.META.get("REMOTE_ADDR") or None)
            messages.success(request, f"You now hold the role of {terms.role.label.lower()}.")
            return redirect(reverse(AFTER_TAKING_ON[terms.role]))
    context = {
        "terms": terms,
        "form": form,
        "held": person.has_role(terms.role),
        "acceptance": person.role_acceptances.filter(role=terms.role, text_version=terms.version).first(),
    }
    return render(request, "accounts/role.html", context, status=422 if form.errors else 200)
