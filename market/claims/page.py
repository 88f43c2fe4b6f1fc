"""The page of a claim."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from market.accounts.access import person_of
from market.accounts.models import User
from market.claims import drafting, measuring
from market.claims.figures import shown_figures
from market.claims.forms import (
    AcceptForm,
    AppealForm,
    ControlsForm,
    DraftForm,
    MessageForm,
    RejectForm,
    RuleForm,
    WorksForm,
)
from market.claims.models import ANSWERABLE, LIVE_CLAIMS, Claim, ClaimState, PictureSort
from market.claims.parties import is_neutral_admin
from market.refusals import Refused


def page(request: HttpRequest, shown: Claim, refusal: Refused | None = None, /, **forms: Any) -> HttpResponse:
    """Show a claim. The artist sees a draft; else both sides see the same, with forms for what this person may do."""
    person = person_of(request)
    if refusal:
        # The claim may have moved on, so that its page no longer has the form for what was written.
        shown = Claim.objects.with_everything().get(pk=shown.pk)
        written = [value for form in forms.values() for value in form.cleaned_data.values()]
        forms |= {"refusal": refusal, "unsent": [each for each in written if type(each) is str and each]}
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
        return render(request, "claims/draft.html", context | forms)
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
    return render(request, "claims/claim.html", context | forms)


def _may_measure(shown: Claim, person: User, controls: int) -> bool:
    ready = shown.state == ClaimState.SUBMITTED and not shown.is_measuring
    theirs = person.pk == shown.claimant_id or is_neutral_admin(shown, person)
    return ready and theirs and controls >= measuring.MIN_CONTROLS
