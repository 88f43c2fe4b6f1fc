"""Pages of claims: lists, what both sides see, and what each of them may do there. Drafts have their own (`draft_views`)."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.acting import act_on, done, filled_in
from market.claims import answering
from market.claims.claim_forms import (
    WAITING,
    AcceptForm,
    AppealForm,
    CounterNoticeForm,
    FilterForm,
    MessageForm,
    RejectForm,
    RuleForm,
)
from market.claims.claim_page import page
from market.claims.models import Claim, EvidenceReport
from market.claims.models.claims import ClaimQuerySet
from market.downloads import file_response
from market.stored_files import send

ROWS = 25


def visible_claim(person: User, pk: int) -> Claim:
    """Fetch a claim for its parties and for admins. For everybody else it does not exist."""
    return get_object_or_404(Claim.objects.with_everything().visible_to(person), pk=pk)


def own_claim(person: User, pk: int) -> Claim:
    return get_object_or_404(Claim.objects.with_everything().made_by(person), pk=pk)


def claim_to_answer(person: User, pk: int) -> Claim:
    return get_object_or_404(Claim.objects.with_everything().against(person), pk=pk)


def claim_lists(person: User) -> dict[str, tuple[str, ClaimQuerySet]]:
    """Give the lists of claims that a person may see, each with its title."""
    lists = {
        "mine": ("My claims", Claim.objects.made_by(person)),
        "against": ("Claims about my models", Claim.objects.against(person)),
    }
    if person.is_admin:
        lists["all"] = ("All claims", Claim.objects.visible_to(person))
    return lists


@login_required
@require_GET
def claims(request: HttpRequest) -> HttpResponse:
    """List the person's own claims, those about their models and plug-ins, or for admins all."""
    person = person_of(request)
    lists = claim_lists(person)
    chosen = request.GET.get("of") or _first_list(person)
    if chosen not in lists:
        raise Http404
    form = FilterForm(request.GET, for_admin=person.is_admin)
    found = filtered_claims(lists[chosen][1], form)
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


def filtered_claims(claims: ClaimQuerySet, form: FilterForm) -> ClaimQuerySet:
    if not form.is_valid():
        return claims
    state, words = form.cleaned_data["state"], form.cleaned_data["q"].strip()
    if state == WAITING:
        claims = claims & Claim.objects.for_admins()
    elif state:
        claims = claims.filter(state=state)
    if words:
        claims = claims.filter(
            Q(concept__name__icontains=words)
            | Q(claimant__display_name__icontains=words)
            | Q(base__name__icontains=words)
            | Q(plugin__concept__name__icontains=words)
        )
    return claims


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


@login_required
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = claim_to_answer(person, pk), AcceptForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: answering.accept_claim(shown, person, form.cleaned_data["word"]),
        "You have accepted the claim.",
        partial(page, request, shown, accept_form=form),
    )


@login_required
@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = claim_to_answer(person, pk), RejectForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: answering.reject_claim(shown, person, form.cleaned_data["reason"]),
        "You have rejected the claim.",
        partial(page, request, shown, reject_form=form),
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
        answering.reject_claim(shown, person, form.cleaned_data["reason"], form.counter_notice())
        messages.success(request, "Your counter-notice is sent, and the claim is rejected.")
        return redirect(shown)

    return filled_in(request, "claims/counter_notice.html", {"claim": shown, "form": form}, send_off)


@login_required
@require_POST
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine, form = own_claim(person, pk), AppealForm(request.POST)
    return act_on(
        request,
        mine,
        form,
        lambda: answering.appeal_claim(mine, person, form.cleaned_data["why"]),
        "Your appeal is with the admins.",
        partial(page, request, mine, appeal_form=form),
    )


@login_required
@require_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = visible_claim(person, pk), MessageForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: answering.write_message(shown, person, form.cleaned_data["text"]),
        "Your message is sent.",
        partial(page, request, shown, message_form=form),
    )


@role_required(Role.ADMIN)
@require_POST
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide an appeal, or a claim that nobody answered."""
    person = person_of(request)
    shown, form = visible_claim(person, pk), RuleForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: answering.rule_on_claim(
            shown, person, form.cleaned_data["outcome"], form.cleaned_data["decision"]
        ),
        "Decided. Both sides are told.",
        partial(page, request, shown, rule_form=form),
    )


@login_required
@require_GET
def picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    """Send a work or a control, small, to those who see the claim."""
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
