"""Pages of claims: lists, what both sides see, and what each of them may do there. Drafts have their own (`draft_views`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.acting import act_on, done, filled_in, told
from market.claims import answering
from market.claims.access import claim_lists, claim_to_answer, filtered_claims, own_claim, visible_claim
from market.claims.forms import (
    AcceptForm,
    AppealForm,
    CounterNoticeForm,
    FilterForm,
    MessageForm,
    RejectForm,
    RuleForm,
)
from market.claims.models import Claim, EvidenceReport
from market.claims.page import page
from market.downloads import file_response
from market.stored_files import send

ROWS = 25


@login_required
@require_GET
def claims(request: HttpRequest) -> HttpResponse:
    """List the person's own claims, those about their models and plug-ins, or, for admins, all."""
    person = person_of(request)
    lists = claim_lists(person)
    chosen = request.GET.get("of") or _first_list(person)
    if chosen not in lists:
        raise Http404
    form = FilterForm(request.GET, for_admin=person.is_admin)
    found = lists[chosen][1]
    if form.is_valid():
        found = filtered_claims(found, **form.cleaned_data)
    return render(
        request,
        "claims/claims.html",
        {
            "page_obj": Paginator(found.with_everything(), ROWS).get_page(request.GET.get("page")),
            "lists": [(name, title) for name, (title, _) in lists.items()],
            "chosen": chosen,
            "title": lists[chosen][0],
            "form": form,
            "waiting": Claim.objects.for_admins().count() if person.is_admin else 0,
        },
    )


def _first_list(person: User) -> str:
    if person.is_admin:
        return "all"
    return "mine" if person.is_artist else "against"


@login_required
@require_GET
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    return page(request, visible_claim(person_of(request), pk))


@login_required
@require_POST
def measure(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown = visible_claim(person, pk)
    return done(
        request,
        shown,
        lambda: answering.ask_for_evidence(shown, person),
        "The evidence is being made.",
    )


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    return done(
        request,
        mine,
        lambda: answering.withdraw_claim(mine, person),
        "The claim is withdrawn.",
    )


def _step(
    fetch: Callable[[User, int], Claim], form: type[Form], name: str, act: Callable[..., object], said: str
) -> Callable[..., HttpResponseBase]:
    """Make the view for one of the forms on a claim's page. The form's values, in their order, are the step's arguments."""

    @login_required
    @require_POST
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        person = person_of(request)
        shown, sent = fetch(person, pk), form(request.POST)
        show = partial(page, request, shown, **{name: sent})
        return act_on(
            request, shown, sent, lambda: act(shown, person, *sent.cleaned_data.values()), said, show
        )

    return view


accept = _step(
    claim_to_answer, AcceptForm, "accept_form", answering.accept_claim, "You have accepted the claim."
)
reject = _step(
    claim_to_answer, RejectForm, "reject_form", answering.reject_claim, "You have rejected the claim."
)
appeal = _step(
    own_claim, AppealForm, "appeal_form", answering.appeal_claim, "Your appeal is with the admins."
)
write = _step(visible_claim, MessageForm, "message_form", answering.write_message, "Your message is sent.")
rule = role_required(Role.ADMIN)(
    _step(visible_claim, RuleForm, "rule_form", answering.rule_on_claim, "Decided. Both sides are told.")
)


@login_required
@require_http_methods(["GET", "POST"])
def counter(request: HttpRequest, pk: int) -> HttpResponse:
    """Reject a claim by a counter-notice."""
    person = person_of(request)
    shown = claim_to_answer(person, pk)
    initial = {
        "email": person.email,
        "material": f"{shown.target}, {request.build_absolute_uri(shown.target_url)}",
    }
    form = CounterNoticeForm(request.POST if request.method == "POST" else None, initial=initial)

    def send_off() -> HttpResponse:
        answering.reject_claim(shown, person, form.cleaned_data["reason"], form.paper())
        return told(request, shown, "Your counter-notice is sent, and the claim is rejected.")

    return filled_in(request, "claims/counter_notice.html", {"claim": shown, "form": form}, send_off)


@login_required
@require_GET
def picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    """Send a work or a control, reduced in size, to those who may see the claim."""
    shown = get_object_or_404(visible_claim(person_of(request), pk).pictures, pk=picture)
    return send(shown.thumbnail, "image/webp", filename=f"claim-{pk}-picture-{picture}.webp")


@login_required
@require_GET
def drawing(request: HttpRequest, pk: int, pair: int) -> HttpResponse:
    shown = get_object_or_404(_report(request, pk).pairs, pk=pair)
    return send(shown.drawing, "image/png", filename=f"claim-{pk}-drawing-{pair}.png")


@login_required
@require_GET
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the report, byte for byte as it was hashed."""
    content = _report(request, pk).content
    return file_response(content, "application/json", f"claim-{pk}-evidence.json")


@login_required
@require_GET
def signature(request: HttpRequest, pk: int) -> HttpResponse:
    note = _report(request, pk).signed_note
    return file_response(note, "text/plain; charset=utf-8", f"claim-{pk}-evidence.note")


def _report(request: HttpRequest, pk: int) -> EvidenceReport:
    found = visible_claim(person_of(request), pk).evidence
    if found is None:
        raise Http404
    return found
