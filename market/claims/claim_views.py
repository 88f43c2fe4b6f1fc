"""Pages of claims: lists, a draft, what both sides see, and what each of them may do there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.claims import answering, drafting, measuring
from market.claims.claim_forms import (
    WAITING,
    AcceptForm,
    AppealForm,
    ControlsForm,
    CounterNoticeForm,
    DraftForm,
    FilterForm,
    MessageForm,
    NewClaimForm,
    NoticeForm,
    RejectForm,
    RuleForm,
    WorksForm,
)
from market.claims.figures import shown_figures
from market.claims.models import ANSWERABLE, LIVE_CLAIMS, Claim, ClaimState, EvidenceReport, PictureSort
from market.claims.models.claims import ClaimQuerySet
from market.claims.parties import is_neutral_admin
from market.claims.refusal import ClaimRefused
from market.downloads import file_response
from market.stored_files import send

ROWS = 25
REFUSED = 409


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


@role_required(Role.ARTIST)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Begin a claim: which concept, and which base model or plug-in contains it."""
    person = person_of(request)
    asked = {name: request.GET.get(name, "") for name in ("concept", "base", "plugin")}
    form = NewClaimForm(request.POST if request.method == "POST" else None, artist=person, initial=asked)

    def begin() -> HttpResponse:
        draft = drafting.Draft(prompts=[], rights="")
        return redirect(
            drafting.draft_claim(
                concept=form.cleaned_data["concept"], about=form.about(), by=person, draft=draft
            )
        )

    return _filled_in(request, "claims/new.html", {"form": form}, begin)


@login_required
@require_GET
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, visible_claim(person_of(request), pk))


def _page(request: HttpRequest, shown: Claim, *, status: int = 200, **forms: Any) -> HttpResponse:
    """Show a claim: a draft to its artist, else what both sides see, with the forms of what this person may do."""
    person = person_of(request)
    works = list(shown.pictures.filter(sort=PictureSort.WORK))
    controls = list(shown.pictures.filter(sort=PictureSort.CONTROL))
    context: dict[str, Any] = {
        "claim": shown,
        "works": works,
        "controls": controls,
        "min_controls": measuring.MIN_CONTROLS,
        "max_controls": measuring.MAX_CONTROLS,
        "max_works": measuring.MAX_WORKS,
        "is_claimant": person.pk == shown.claimant_id,
        "may_add_controls": drafting.may_add_controls(shown, person),
        "controls_form": ControlsForm(),
    }
    if shown.is_draft:
        chosen = [picture.work_id for picture in works]
        context |= {
            "draft_form": DraftForm(
                initial={
                    "prompts": shown.prompts,
                    "rights": shown.rights,
                    "controls_by_market": shown.controls_by_market,
                }
            ),
            "works_form": WorksForm(concept=shown.concept, initial={"works": chosen}),
            "concept_works": [(work, work.pk in chosen) for work in shown.concept.works.all()],
            "obstacles": drafting.obstacles(shown),
        }
        return render(request, "claims/draft.html", context | forms, status=status)
    answers = person.pk == shown.respondent.pk
    may_rule = shown.state == ClaimState.APPEALED or (
        shown.state in ANSWERABLE and shown.escalated_at is not None
    )
    context |= {
        "steps": shown.steps.select_related("by"),
        "messages_written": shown.messages.select_related("by"),
        "may_answer": answers and shown.state in ANSWERABLE and shown.escalated_at is None,
        "may_withdraw": person.pk == shown.claimant_id and shown.state in LIVE_CLAIMS,
        "may_appeal": person.pk == shown.claimant_id and shown.may_be_appealed,
        "may_rule": may_rule and is_neutral_admin(shown, person),
        "may_measure": _may_measure(shown, person, len(controls)),
        "accept_form": AcceptForm(),
        "reject_form": RejectForm(),
        "appeal_form": AppealForm(),
        "rule_form": RuleForm(),
        "message_form": MessageForm(),
        "figures": shown_figures(shown.evidence) if shown.evidence else None,
    }
    return render(request, "claims/claim.html", context | forms, status=status)


def _may_measure(shown: Claim, person: User, controls: int) -> bool:
    ready = shown.state == ClaimState.SUBMITTED and not shown.is_measuring
    theirs = person.pk == shown.claimant_id or is_neutral_admin(shown, person)
    return ready and theirs and controls >= measuring.MIN_CONTROLS


@login_required
@require_POST
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Save what a draft says; an empty field may be filled in later."""
    person = person_of(request)
    mine, form = own_claim(person, pk), DraftForm(request.POST)
    return _act(
        request,
        mine,
        form,
        "draft_form",
        lambda: drafting.change_draft(mine, person, form.draft()),
        "The draft is saved.",
    )


@login_required
@require_POST
def choose_works(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    form = WorksForm(request.POST, concept=mine.concept)
    return _act(
        request,
        mine,
        form,
        "works_form",
        lambda: drafting.choose_works(mine, person, list(form.cleaned_data["works"])),
        "The works are chosen.",
    )


@login_required
@require_POST
def add_controls(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the controls that can be taken; the page says of each other one why not."""
    person = person_of(request)
    shown, form = visible_claim(person, pk), ControlsForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, shown, status=400, controls_form=form)
    try:
        taken, refused = drafting.add_controls(shown, person, form.cleaned_data["files"])
    except ClaimRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(shown)
    if refused:
        return _page(request, shown, status=200 if taken else 400, refused=refused, taken=taken)
    messages.success(request, f"{taken} control{'s' if taken != 1 else ''} uploaded.")
    return redirect(shown)


@login_required
@require_POST
def remove_control(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    control = get_object_or_404(mine.pictures.filter(sort=PictureSort.CONTROL), pk=picture)
    return _done(request, mine, lambda: drafting.remove_control(mine, person, control), "Removed.")


@login_required
@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the notice, and send the claim to the other party with it."""
    person = person_of(request)
    mine = own_claim(person, pk)
    if not mine.is_draft:
        messages.info(request, "The claim is submitted already.")
        return redirect(mine)
    if missing := drafting.obstacles(mine):
        messages.error(request, " ".join(missing))
        return redirect(mine)
    works = mine.pictures.filter(sort=PictureSort.WORK).values_list("caption", flat=True)
    initial = {
        "email": person.email,
        "works": f"Works of {mine.concept}: {', '.join(works)}.",
        "material": f"{mine.target}, {request.build_absolute_uri(mine.target_url)}",
    }
    form = NoticeForm(request.POST if request.method == "POST" else None, initial=initial)

    def send_off() -> HttpResponse:
        drafting.submit_claim(mine, person, form.notice())
        messages.success(request, f"Your claim is submitted, and {mine.respondent} is told.")
        return redirect(mine)

    return _filled_in(request, "claims/submit.html", {"claim": mine, "form": form}, send_off)


@login_required
@require_POST
def measure(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown = visible_claim(person, pk)
    return _done(
        request, shown, lambda: answering.ask_for_evidence(shown, person), "The evidence is being made."
    )


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    return _done(request, mine, lambda: answering.withdraw_claim(mine, person), "The claim is withdrawn.")


@login_required
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = claim_to_answer(person, pk), AcceptForm(request.POST)
    return _act(
        request,
        shown,
        form,
        "accept_form",
        lambda: answering.accept_claim(shown, person, form.cleaned_data["word"]),
        "You have accepted the claim.",
    )


@login_required
@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = claim_to_answer(person, pk), RejectForm(request.POST)
    return _act(
        request,
        shown,
        form,
        "reject_form",
        lambda: answering.reject_claim(shown, person, form.cleaned_data["reason"]),
        "You have rejected the claim.",
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

    return _filled_in(request, "claims/counter_notice.html", {"claim": shown, "form": form}, send_off)


@login_required
@require_POST
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine, form = own_claim(person, pk), AppealForm(request.POST)
    return _act(
        request,
        mine,
        form,
        "appeal_form",
        lambda: answering.appeal_claim(mine, person, form.cleaned_data["why"]),
        "Your appeal is with the admins.",
    )


@login_required
@require_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = visible_claim(person, pk), MessageForm(request.POST)
    return _act(
        request,
        shown,
        form,
        "message_form",
        lambda: answering.write_message(shown, person, form.cleaned_data["text"]),
        "Your message is sent.",
    )


@role_required(Role.ADMIN)
@require_POST
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide an appeal, or a claim that nobody answered."""
    person = person_of(request)
    shown, form = visible_claim(person, pk), RuleForm(request.POST)
    return _act(
        request,
        shown,
        form,
        "rule_form",
        lambda: answering.rule_on_claim(
            shown, person, form.cleaned_data["outcome"], form.cleaned_data["decision"]
        ),
        "Decided. Both sides are told.",
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


def _filled_in(
    request: HttpRequest, template: str, context: dict[str, Any], act: Callable[[], HttpResponse]
) -> HttpResponse:
    """Show a page that is one form; once it is filled in, act on it, or show it again with why not."""
    form, status = context["form"], 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                return act()
            except ClaimRefused as refusal:
                form.add_error(None, str(refusal))
                status = REFUSED
    return render(request, template, context, status=status)


def _act(
    request: HttpRequest, shown: Claim, form: Any, name: str, act: Callable[[], object], done: str
) -> HttpResponse:
    """Act on a valid form; else, or where it is refused, show the page again with what was written."""
    if not form.is_valid():
        return _page(request, shown, status=400, **{name: form})
    try:
        act()
    except ClaimRefused as refusal:
        # The claim may have gone on, and its page have no such form any more.
        unsent = [value for value in form.cleaned_data.values() if type(value) is str and value]
        now = visible_claim(person_of(request), shown.pk)
        return _page(request, now, status=REFUSED, refusal=str(refusal), unsent=unsent, **{name: form})
    messages.success(request, done)
    return redirect(shown)


def _done(request: HttpRequest, shown: Claim, act: Callable[[], object], done: str) -> HttpResponse:
    """Act, say that it is done or why not, and lead back to the claim."""
    try:
        act()
    except ClaimRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect(shown)
