"""The landing page, the explanation of royalties, and help."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from market.generation.commission import commission_rates
from market.generation.models import CommissionRate
from market.pages.showcase import example_quote, featured, figures


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    offers = featured()
    context = {
        "featured": offers,
        "figures": figures(),
        "example": example_quote(),
        "hero": next((offer for offer in offers if offer.samples), None),
    }
    return render(request, "pages/landing.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    context = {
        "example": example_quote(),
        "commission": commission_rates(),
        "changes": CommissionRate.objects.to_come(),
    }
    return render(request, "pages/about.html", context)


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/help.html")
