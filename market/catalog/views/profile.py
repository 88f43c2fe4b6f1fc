"""An artist's own page, as they edit it: text, links, domain."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import act_on, acted, done, put_on, told
from market.catalog.access import own_domain
from market.catalog.domains import ask_for_check, drop_domain, link_of, name_domain, record_of
from market.catalog.forms import ArtistPageForm, DomainForm
from market.catalog.models.artists import DomainProof
from market.catalog.profiles import describe_artist
from market.catalog.views.desk import artists_only
from market.refusals import Refused

PAGE = "catalog:profile"


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show what an artist's page says; a POST changes text and links."""
    person = person_of(request)
    if request.method != "POST":
        return _page(request, person)
    form = ArtistPageForm(request.POST)

    def save() -> HttpResponse:
        describe_artist(person, about=form.cleaned_data["about"], links=form.cleaned_data["links"])
        return told(request, PAGE, "Your page is saved.")

    return acted(form, save, partial(_page, request, person, form=form))


@artists_only
@require_POST
def domain(request: HttpRequest) -> HttpResponse:
    """Name the domain that is to be proved."""
    person, form = person_of(request), DomainForm(request.POST)
    said = "Now put the token there. The market looks for it every hour, and at once when you ask."
    return act_on(
        request, PAGE, form, lambda: name_domain(person, form.cleaned_data["domain"]), said,
        partial(_page, request, person, domain_form=form),
    )  # fmt: skip


@artists_only
@require_POST
def check_domain(request: HttpRequest) -> HttpResponse:
    proof = own_domain(person_of(request))
    return done(
        request,
        PAGE,
        lambda: ask_for_check(proof),
        "It is checked within a minute. Then load this page again.",
    )


@artists_only
@require_POST
def remove_domain(request: HttpRequest) -> HttpResponse:
    own_domain(person_of(request))
    drop_domain(person_of(request))
    return told(request, PAGE, "The domain is taken off your page.")


def _page(
    request: HttpRequest,
    person: User,
    refusal: Refused | None = None,
    *,
    form: ArtistPageForm | None = None,
    domain_form: DomainForm | None = None,
) -> HttpResponse:
    if refusal and domain_form:
        put_on(domain_form, refusal)
    proof = DomainProof.objects.filter(person=person).select_related("person").first()
    links = [link.address for link in person.profile_links.all()]
    context: dict[str, Any] = {
        "form": form or ArtistPageForm(initial={"about": person.about, "links": "\n".join(links)}),
        "domain_form": domain_form or DomainForm(),
        "proof": proof,
        "record": record_of(proof) if proof else "",
        "link": link_of(proof) if proof else "",
        "rules": settings.DOMAINS,
    }
    return render(request, "catalog/profile.html", context)
