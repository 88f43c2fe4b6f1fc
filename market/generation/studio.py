"""The studio: the form, its price as it changes, its plug-in picker, and running it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import F
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import acted, put_on
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.catalog.searching import search
from market.catalog.suggesting import Suggestion, suggested
from market.generation import limits
from market.generation.appeals import still_banned
from market.generation.banned_uses import Banned, plugins_of, text_drawn
from market.generation.forms import (
    Chosen,
    QuoteForm,
    StudioForm,
    starting_values,
    values_of,
)
from market.generation.guarding import Asked, asked_for
from market.generation.models import GenerationRequest, Picture
from market.generation.orders import DEFAULT_WEIGHT
from market.generation.paying import Funds, funds_of
from market.generation.pricing import Quote
from market.generation.requesting import request_pictures, settle_terms
from market.jobs.events import panel_context
from market.jobs.models import Job
from market.jobs.views import asked_by_htmx
from market.ledger.models import MICROS
from market.payments.top_ups import LEAST
from market.refusals import BalanceTooLow, Refused

DRAFT = "studio_draft"
TEXTS = ("prompt", "negative_prompt", "guidance")
"""The fields that say what is drawn."""
FOUND = 8
RECENT = 8


@dataclass(frozen=True)
class Row:
    """A plug-in in the form. `plugin` is None if the market does not offer it."""

    chosen: Chosen
    plugin: PlugIn | None


@dataclass(frozen=True)
class PriceBox:
    """A price and what will pay it, or the reason why there is no price.

    asked_for: what the prompt seems to ask for that the base no longer draws.
    banned: what of the prompt an artist banned. It is refused if it is run.
    unneeded: chosen plug-ins that would change nothing, so they are left out.
    """

    quote: Quote | None
    problem: str
    funds: Funds
    asked_for: tuple[Asked, ...] = ()
    unneeded: tuple[PlugIn, ...] = ()
    banned: tuple[Banned, ...] = ()

    @property
    def refusing(self) -> list[PlugIn]:
        """The plug-ins whose artists can be asked to allow the prompt."""
        return plugins_of(self.banned)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: HttpRequest) -> HttpResponse:
    """Show the form, or do what its button says. Only the button named `run` starts or charges anything."""
    if request.method != "POST":
        return _show(request, *_starting_form(request))
    data = request.POST
    if "run" in data:
        return _run(request)
    if (refusing := data.get("appeal", "")).isdecimal():
        _keep_draft(request.session, data)
        return redirect("generation:new_appeal", plugin=int(refusing[:18]))
    if "top_up" in data:
        _keep_draft(request.session, data)
        return redirect(_top_up_url(price_box(QuoteForm(data), person_of(request), "").funds.missing))
    # Adding, removing, finding and re-pricing without JavaScript: show the same form again, as it is.
    fitting = _fitting(data)
    return _show(request, _unvalidated(fitting, _changed(fitting)))


@login_required
@require_POST
def quote(request: HttpRequest) -> HttpResponse:
    """Answer with the price box for the form as it is."""
    form = QuoteForm(request.POST)
    context = _priced(form, person_of(request), request.POST)
    return render(request, "generation/_quoted.html", context)


@login_required
@require_POST
def plugins(request: HttpRequest) -> HttpResponse:
    """Answer with the picker after a plug-in was added or removed, or another base or search was entered."""
    form = QuoteForm(_fitting(request.POST), chosen=_changed(request.POST))
    person = person_of(request)
    context = {
        "form": form,
        "out_of_band": True,
        **_picker(form, request.POST.get("q", ""), person),
        **_priced(form, person, request.POST),
    }
    return render(request, "generation/_picker.html", context)


def _priced(form: QuoteForm, person: User, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Give the price box and the suggestions, which change together."""
    prompt = str(typed.get("prompt") or "")
    price = price_box(form, person, prompt, drawn_by(typed))
    return {"price": price, "suggested": suggestions(form, person, prompt, price)}


def drawn_by(typed: Mapping[str, Any]) -> str:
    """Give all text that a studio form, however unfinished, draws towards."""
    try:
        guidance = float(str(typed.get("guidance") or "").replace(",", "."))
    except ValueError:
        guidance = 1.0
    return text_drawn(str(typed.get("prompt") or ""), str(typed.get("negative_prompt") or ""), guidance)


def price_box(form: QuoteForm, person: User, prompt: str, drawn: str = "") -> PriceBox:
    """Price a form, however unfinished the rest of it is, and say what in its prompt the base cannot draw, or an artist banned."""
    if not form.is_valid():
        problems = [str(error) for errors in form.errors.values() for error in errors]
        return PriceBox(None, " ".join(problems), funds_of(person))
    order = form.order
    try:
        terms = settle_terms(order, person)
    except Refused as refusal:
        return PriceBox(None, str(refusal), funds_of(person))
    versions = [version for version, _ in terms.versions]
    asked = asked_for(terms.release, prompt, versions)
    banned, _ = still_banned(drawn or prompt, versions, person)
    return PriceBox(
        terms.quote, "", funds_of(person, terms.quote), tuple(asked), terms.unneeded, tuple(banned)
    )


def suggestions(form: QuoteForm, person: User, prompt: str, price: PriceBox) -> list[Suggestion]:
    """Give plug-ins that the prompt seems to want, of the chosen base: neither those chosen already nor those that the price box offers."""
    there = {each.pk for each in form.chosen} | {each.plugin.pk for each in price.asked_for if each.plugin}
    if len(form.chosen) >= limits.MAX_PLUGINS:
        return []
    base = str(form["base"].value() or "")
    usable = PlugIn.objects.usable_by(person).filter(base__slug=base).exclude(pk__in=there)
    return suggested(usable, prompt[: limits.MAX_PROMPT])


def _run(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = StudioForm(request.POST)

    def run() -> HttpResponse:
        made = request_pictures(
            person=person,
            order=form.order,
            agreed=form.cleaned_data["agreed"],
            idempotency_key=form.cleaned_data["key"],
        )
        request.session.pop(DRAFT, None)
        if not asked_by_htmx(request):
            return redirect(made.job)
        # The next request from the same page is a new one, so it needs a new key.
        fresh = request.POST.copy()
        fresh["key"] = str(uuid.uuid4())
        return _show(request, _unvalidated(fresh, form.chosen), job=made.job)

    def again(refusal: Refused | None) -> HttpResponse:
        if isinstance(refusal, BalanceTooLow):
            _keep_draft(request.session, request.POST)
        if refusal:
            put_on(form, refusal)
        return _show(request, form)

    return acted(form, run, again)


def _show(request: HttpRequest, form: StudioForm, *, job: Job | None = None) -> HttpResponse:
    person = person_of(request)
    context: dict[str, Any] = {
        "form": form,
        **_priced(_for_price(form), person, {name: form[name].value() for name in TEXTS}),
        "recent": Picture.objects.kept().filter(request__person=person).select_related("request")[:RECENT],
        "limits": limits,
        "running": panel_context(job) if job else None,
        **_picker(form, request.POST.get("q", ""), person),
    }
    template = "generation/_studio.html" if asked_by_htmx(request) else "generation/studio.html"
    return render(request, template, context)


def _starting_form(request: HttpRequest) -> tuple[StudioForm]:
    """Make the form for a visit: from a former request, a plug-in of the catalogue or a kept draft, or empty."""
    asked = request.GET
    if like := _own_request(person_of(request), asked.get("like", "")):
        values, chosen = values_of(like)
        return (StudioForm(initial=values, chosen=chosen),)
    usable = PlugIn.objects.usable_by(person_of(request)).select_related("base")
    plugin = usable.filter(slug=asked.get("plugin", "")).first()
    draft = request.session.get(DRAFT)
    if draft and plugin is None:
        kept = QueryDict(draft, mutable=True)
        kept["key"] = str(uuid.uuid4())
        return (_unvalidated(kept, None),)
    listed = BaseModel.objects.listed()
    base = plugin.base if plugin else listed.filter(slug=asked.get("base", "")).first()
    base = base or listed.order_by("created_at").first()
    chosen = (Chosen(plugin.pk, f"{DEFAULT_WEIGHT:g}"),) if plugin else ()
    return (StudioForm(initial=starting_values(base), chosen=chosen),)


def _own_request(person: User, pk: str) -> GenerationRequest | None:
    try:
        return (
            GenerationRequest.objects.select_related("release__base")
            .filter(person=person, pk=uuid.UUID(pk))
            .first()
        )
    except ValueError:
        return None


def _unvalidated(data: QueryDict, chosen: tuple[Chosen, ...] | None) -> StudioForm:
    """Fill a form with what was typed, without validating it."""
    names = StudioForm.base_fields
    values = {name: data[name] for name in names if name in data}
    values.setdefault("key", str(uuid.uuid4()))
    return StudioForm(initial=values, chosen=chosen if chosen is not None else StudioForm(data).chosen)


def _for_price(form: StudioForm) -> QuoteForm:
    """Give the form that prices what a studio form holds, submitted or not."""
    data = QueryDict(mutable=True)
    for name in QuoteForm.base_fields:
        data[name] = str(form[name].value() or "")
    return QuoteForm(data, chosen=form.chosen)


def _fitting(data: QueryDict) -> QueryDict:
    """Fall back to the base's own size and sampler, if another base was chosen that does not have those in the form."""
    fitting = data.copy()
    for name in QuoteForm(data).not_offered:
        fitting[name] = ""
    return fitting


def _changed(data: QueryDict) -> tuple[Chosen, ...]:
    """Apply the button that was pressed to the chosen plug-ins: `add` or `remove`, with an id."""
    chosen = QuoteForm(data).chosen
    add, remove = data.get("add", ""), data.get("remove", "")
    if remove.isdecimal():
        chosen = tuple(each for each in chosen if each.pk != int(remove[:18]))
    if add.isdecimal() and all(each.pk != int(add[:18]) for each in chosen):
        chosen = (*chosen, Chosen(int(add[:18]), f"{DEFAULT_WEIGHT:g}"))
    return chosen


def _picker(form: QuoteForm, words: str, person: User) -> dict[str, Any]:
    """Collect the chosen plug-ins, and those that could be added: of this base, matching the words."""
    rows = _rows(form.chosen, person)
    base = form["base"].value()
    offered = PlugIn.objects.usable_by(person).with_everything().filter(base__slug=str(base))
    offered = offered.exclude(pk__in=[each.pk for each in form.chosen])
    words = words.strip()[:100]
    if words:
        found = search(offered, words)
    else:
        # Unpublished plug-ins that the person combined for themselves come first.
        found = offered.order_by(F("published_at").desc(nulls_first=True), "pk")
    return {
        "rows": rows,
        "found": found[:FOUND],
        "words": words,
        # If there are two or more, the page offers to combine them.
        "combine": urlencode([("plugin", row.plugin.pk) for row in rows if row.plugin])
        if len(rows) > 1
        else "",
        "is_full": len(rows) >= limits.MAX_PLUGINS,
        "max_weight": limits.MAX_WEIGHT,
        "max_plugins": limits.MAX_PLUGINS,
    }


def _rows(chosen: tuple[Chosen, ...], person: User) -> list[Row]:
    known = PlugIn.objects.usable_by(person).with_everything().in_bulk([each.pk for each in chosen])
    return [Row(replace(each, weight=each.weight[:20]), known.get(each.pk)) for each in chosen]


def _keep_draft(session: SessionBase, data: QueryDict) -> None:
    """Keep the form during a visit to the wallet."""
    draft = data.copy()
    for name in ("csrfmiddlewaretoken", "key", "agreed", "run", "top_up", "appeal", "add", "remove"):
        draft.pop(name, None)
    session[DRAFT] = draft.urlencode()[:8000]


def _top_up_url(missing: int) -> str:
    """Give the page for topping up, with the missing amount filled in: in whole cents, and at least the smallest top-up."""
    query = {"next": reverse("generation:studio")}
    if missing:
        amount = Decimal(max(missing, LEAST)) / MICROS
        query["amount"] = str(amount.quantize(Decimal("0.01"), ROUND_UP))
    return f"{reverse('payments:top_up')}?{urlencode(query)}"
