"""The page on which admins give promotional credit, and see what was given."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import filled_in, told
from market.ledger.models import Entry, TransferKind
from market.ledger.money import formatted
from market.payments.forms import CreditForm
from market.payments.promotions import grant_credit

ROWS = 25


@role_required(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def promotions(request: HttpRequest) -> HttpResponse:
    """List what was given, and give more."""
    form = CreditForm(request.POST if request.method == "POST" else None)

    def give() -> HttpResponse:
        person, amount = form.cleaned_data["person"], form.cleaned_data["amount"]
        grant_credit(
            person=person,
            amount=amount,
            admin=person_of(request),
            reason=form.cleaned_data["reason"],
            request_id=form.cleaned_data["request_id"],
        )
        return told(request, "payments:promotions", f"{person} has {formatted(amount)} more to spend.")

    given = (
        Entry.objects.filter(transfer__kind=TransferKind.PROMOTION, amount__gt=0)
        .select_related("transfer__actor", "account__owner")
        .order_by("-pk")
    )
    page = Paginator(given, ROWS).get_page(request.GET.get("page"))
    return filled_in(request, "payments/promotions.html", {"form": form, "page_obj": page}, give)
