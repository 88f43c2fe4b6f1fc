"""Pages of banned uses: an artist sets them, a person appeals against a refused prompt, an artist or an admin decides."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import acted, filled_in, put_on, told
from market.catalog.access import owned_plugin
from market.catalog.bans import bans_of
from market.generation.appeal_forms import AnswerForm, AppealForm, BansForm
from market.generation.appeals import decide_appeal, file_appeal, may_decide, refusing_plugin, visible_appeals
from market.generation.banning import change_bans
from market.generation.models import PromptAppeal
from market.generation.studio import DRAFT, drawn_by
from market.refusals import Refused

ROWS = 25


@role_required(Role.ARTIST)
@require_http_methods(["GET", "HEAD", "POST"])
def banned_uses(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an artist what a plug-in of theirs must not be used for; a POST changes it."""
    plugin = owned_plugin(person_of(request), pk)
    form = BansForm(request.POST or None, initial=BansForm.starting(plugin))

    def save() -> HttpResponse:
        change_bans(plugin, person_of(request), form.order)
        said = "Saved. It holds for requests from now on; those that are paid for go on."
        return told(request, reverse("generation:banned_uses", args=[plugin.pk]), said)

    inherited = [each for each in bans_of(plugin) if each.plugin_id != plugin.pk]
    context = {"plugin": plugin, "form": form, "inherited": inherited}
    return filled_in(request, "generation/banned_uses.html", context, save)


@login_required
@require_GET
def appeals(request: HttpRequest) -> HttpResponse:
    """List a person's appeals, and those that are theirs to answer, the latest first."""
    person = person_of(request)
    page = Paginator(visible_appeals(person), ROWS).get_page(request.GET.get("page"))
    return render(request, "generation/appeals.html", {"page_obj": page})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_appeal(request: HttpRequest, plugin: int) -> HttpResponse:
    """Ask the artist of a plug-in to allow a prompt once. The prompt is the one that was left in the studio."""
    person = person_of(request)
    refusing = refusing_plugin(person, plugin)
    draft = QueryDict(request.session.get(DRAFT, ""))
    form = AppealForm(request.POST or None, initial={"prompt": drawn_by(draft)})

    def file() -> HttpResponse:
        said = form.cleaned_data
        made = file_appeal(refusing, person, prompt=said["prompt"], reason=said["reason"])
        return told(request, made, f"{refusing.owner} is asked. You get a mail when they answer.")

    context = {"plugin": refusing, "form": form, "bans": refusing.banned_uses.all()}
    return filled_in(request, "generation/new_appeal.html", context, file)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an appeal to both sides and to admins; a POST decides it."""
    person = person_of(request)
    asked = get_object_or_404(visible_appeals(person), pk=pk)
    form = AnswerForm(request.POST or None)

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        return _page(request, asked, form)

    def decide() -> HttpResponse:
        said = form.cleaned_data
        decide_appeal(asked, person, is_allowed=said["is_allowed"] == "yes", answer=said["answer"])
        return told(request, asked, "Decided. The person who asked is told.")

    return acted(form, decide, show) if request.method == "POST" else show(None)


def _page(request: HttpRequest, asked: PromptAppeal, form: AnswerForm) -> HttpResponse:
    person = person_of(request)
    context = {
        "appeal": asked,
        "form": form,
        "may_decide": may_decide(person, asked),
        "is_mine": asked.person_id == person.pk,
    }
    return render(request, "generation/appeal.html", context)
