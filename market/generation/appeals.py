"""Appeals against a refused prompt: the artist of the plug-in allows it once, or declines. An admin may where no answer comes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from market.accounts.mailing import moment, write_to
from market.accounts.models import User
from market.audit.recording import record
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.offering import versions_with
from market.generation.banned_uses import Banned, UseRefused, banned_by, banned_in, text_drawn
from market.generation.limits import MAX_APPEALS
from market.generation.models import (
    APPEAL_PROMPT_LENGTH,
    APPEAL_REASON_LENGTH,
    AppealState,
    GenerationRequest,
    PromptAppeal,
)
from market.generation.orders import NO_PROMPT, GenerationOrder
from market.generation.prompt_guard import readable
from market.refusals import Reason, Refused, gone_on, invalid, too_many

NOT_REFUSED = "{plugin} does not refuse this prompt. You need no appeal: run it."
NO_REASON = "Say why: the artist reads it."
NO_ANSWER = "Say why not: the person who asked reads it."


def refusing_plugin(person: User, pk: int) -> PlugIn:
    """Fetch a plug-in that bans something, and that the person can see or draw with, also inside of another."""
    plugin = PlugIn.objects.with_everything().filter(pk=pk, banned_uses__isnull=False).distinct().first()
    if plugin is None:
        raise Http404
    seen = PlugIn.objects.visible_to(person)
    if not seen.filter(Q(pk=pk) | Q(current_version__in=versions_with(plugin))).exists():
        raise Http404
    return plugin


def visible_appeals(person: User) -> QuerySet[PromptAppeal]:
    """The appeals of a person, and those about their plug-ins. Admins see all."""
    appeals = PromptAppeal.objects.with_everything()
    if person.is_admin:
        return appeals
    return appeals.filter(Q(person=person) | Q(plugin__owner=person))


def may_decide(person: User, appeal: PromptAppeal) -> bool:
    """Whether a person may decide an open appeal now: its artist, or an admin once the artist's time is over."""
    if appeal.state != AppealState.OPEN or person.pk == appeal.person_id:
        return False
    if person.pk == appeal.plugin.owner_id:
        return True
    return person.is_admin and appeal.waits_until <= timezone.now()


def key_of(prompt: str) -> str:
    """Name a prompt by what is read of it: case, blanks and signs make no other prompt."""
    return hashlib.sha256(readable(prompt).encode()).hexdigest()


def file_appeal(plugin: PlugIn, person: User, *, prompt: str, reason: str) -> PromptAppeal:
    """Ask the artist of a plug-in to allow a prompt once. Raises Refused."""
    prompt, reason = " ".join(prompt.split()), reason.strip()
    faults = [
        *([] if prompt else [Reason(NO_PROMPT, "prompt")]),
        *([] if reason else [Reason(NO_REASON, "reason")]),
        *_too_long("prompt", prompt, APPEAL_PROMPT_LENGTH),
        *_too_long("reason", reason, APPEAL_REASON_LENGTH),
    ]
    if "\0" in prompt + reason:
        faults.append(Reason("The text holds a character that is no text. Type it anew."))
    if faults:
        raise invalid(*faults)
    if plugin.owner_id == person.pk:
        raise Refused("This plug-in is yours: its bans do not bind you.")
    banned = banned_by(plugin, prompt)
    if not banned:
        raise invalid(NOT_REFUSED.format(plugin=plugin.name), field="prompt")
    try:
        with transaction.atomic():
            # One appeal of a person after the other, so that those sent at the same moment are counted.
            User.objects.select_for_update(no_key=True).get(pk=person.pk)
            _require_new(plugin, person, key_of(prompt))
            appeal = PromptAppeal.objects.create(
                person=person,
                plugin=plugin,
                prompt=prompt,
                prompt_sha256=key_of(prompt),
                banned="; ".join(f"{each.use} (“{each.said}”)" for each in banned),
                reason=reason,
            )
            record("appeal.filed", by=person, target=appeal, details={"plugin": plugin.pk})
            write_to(
                [plugin.owner],
                f"{person} asks you to allow a prompt with {plugin.name}",
                f"The plug-in refused it because of {appeal.banned}. Allow it once, or decline, until {moment(appeal.waits_until)}. "
                "After that an administrator may decide, too.",
                appeal.get_absolute_url(),
            )
            return appeal
    except IntegrityError as error:
        raise Refused("You have asked this already. The artist has not answered yet.") from error


def _too_long(field: str, text: str, most: int) -> list[Reason]:
    return [Reason(f"At most {most} characters; these are {len(text)}.", field)] if len(text) > most else []


def _require_new(plugin: PlugIn, person: User, key: str) -> None:
    mine = PromptAppeal.objects.filter(person=person)
    same = mine.filter(plugin=plugin, prompt_sha256=key)
    if same.filter(state=AppealState.OPEN).exists():
        raise Refused("You have asked this already. The artist has not answered yet.")
    if same.filter(state=AppealState.DECLINED).exists():
        raise Refused("This prompt was declined for you. Change it, or leave the plug-in out.")
    if same.usable().exists():
        raise Refused("This prompt is allowed for you: run it.")
    if mine.filter(state=AppealState.OPEN).count() >= MAX_APPEALS:
        raise too_many(f"You have {MAX_APPEALS} appeals that are not answered yet, the most at a time.")


def decide_appeal(appeal: PromptAppeal, by: User, *, is_allowed: bool, answer: str) -> None:
    """Allow a prompt once, or decline it. Both sides are told. Raises Refused."""
    if appeal.state != AppealState.OPEN:
        raise gone_on("appeal")
    if not may_decide(by, appeal):
        raise Refused(
            f"Its artist has until {moment(appeal.waits_until)} to decide. After that an administrator may, but not on their own appeal."
        )
    answer = answer.strip()
    if not is_allowed and not answer:
        raise invalid(NO_ANSWER, field="answer")
    if faults := _too_long("answer", answer, APPEAL_REASON_LENGTH):
        raise invalid(*faults)
    with transaction.atomic():
        if not appeal.decide(by, is_allowed=is_allowed, answer=answer):
            raise gone_on("appeal")
        record(
            "appeal.decided",
            by=by,
            target=appeal,
            changes={"state": (AppealState.OPEN, appeal.state)},
            reason=answer,
            details={"plugin": appeal.plugin_id, "person": appeal.person_id},
        )
        who = "The artist" if by.pk == appeal.plugin.owner_id else "An administrator"
        done = "allows your prompt once" if is_allowed else "declines your prompt"
        write_to(
            [appeal.person],
            f"Your prompt with {appeal.plugin.name} is {'allowed once' if is_allowed else 'declined'}",
            f"{who} {done}: “{appeal.prompt}” {answer}".strip(),
            appeal.get_absolute_url(),
        )
        if by.pk != appeal.plugin.owner_id:
            write_to(
                [appeal.plugin.owner],
                f"An administrator decided an appeal about {appeal.plugin.name}",
                f"There was no answer of yours in {_days(appeal)} days. {who} {done.replace('your', 'the')}: “{appeal.prompt}” {answer}".strip(),
                appeal.get_absolute_url(),
            )


def _days(appeal: PromptAppeal) -> int:
    return (appeal.waits_until - appeal.filed_at).days


def require_allowed(
    order: GenerationOrder, versions: Sequence[PlugInVersion], person: User
) -> list[PromptAppeal]:
    """Raise UseRefused if an artist banned what an order draws, and has not allowed it. Give the appeals that allow it."""
    text = text_drawn(order.prompt, order.negative_prompt, order.guidance)
    refused, allowed = still_banned(text, versions, person)
    if refused:
        raise UseRefused(refused)
    return allowed


def still_banned(
    text: str, versions: Sequence[PlugInVersion], person: User
) -> tuple[list[Banned], list[PromptAppeal]]:
    """Give what refuses a text, and the appeals by which the rest allows it."""
    banned = banned_in(text, versions, person)
    if not banned:
        return [], []
    usable = PromptAppeal.objects.usable().select_related("used_by")
    found = usable.filter(
        person=person, prompt_sha256=key_of(text), plugin__in=[each.plugin.pk for each in banned]
    )
    by_plugin = {each.plugin_id: each for each in found.order_by("-pk")}
    return [each for each in banned if each.plugin.pk not in by_plugin], list(by_plugin.values())


def use_up(appeals: Sequence[PromptAppeal], request: GenerationRequest) -> None:
    """Note which request used what was allowed. Raises Refused if another request, sent at the same moment, did."""
    for each in appeals:
        if not each.use(request):
            raise Refused(
                "What the artist allowed once is used by another request of yours. Nothing was charged."
            )
