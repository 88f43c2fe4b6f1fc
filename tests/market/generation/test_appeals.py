"""A person asks the artist to allow a refused prompt once; the artist, or in the end an admin, decides."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation import limits
from market.generation.appeals import decide_appeal, file_appeal, refusing_plugin
from market.generation.banned_uses import UseRefused
from market.generation.banning import BansOrder, change_bans
from market.generation.models import GenerationRequest, PromptAppeal
from market.jobs.cancelling import cancel_job
from market.refusals import Refused
from tests.market.stage import make_order, make_plugin, run, top_up

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
PROMPT = "a fox in a submarine"
REASON = "A toy for the bath."


@pytest.fixture
def banning(plugin: PlugIn) -> PlugIn:
    """A plug-in that is not for submarines."""
    change_bans(plugin, plugin.owner, BansOrder(phrases=("submarine",)))
    return plugin


@pytest.fixture
def appeal(user: User, banning: PlugIn) -> PromptAppeal:
    return file_appeal(banning, user, prompt=PROMPT, reason=REASON)


def drawn(person: User, base: BaseModel, plugin: PlugIn, prompt: str = PROMPT) -> GenerationRequest:
    return run(person, make_order(base, (plugin, 1.0), prompt=prompt))


@pytest.mark.django_db(transaction=True)
def test_an_appeal_goes_through_the_pages_and_both_are_told(
    user: User, artist: User, base: BaseModel, banning: PlugIn, client_for: ClientFor
) -> None:
    top_up(user)
    asking, answering = client_for(user), client_for(artist)

    asked = asking.post(
        reverse("generation:new_appeal", args=[banning.pk]), {"prompt": PROMPT, "reason": REASON}
    )
    assert asked.status_code == 302
    page = asked.headers["Location"]
    assert PROMPT in answering.get(reverse("generation:appeals")).content.decode()
    assert REASON in answering.get(page).content.decode()
    assert answering.post(page, {"is_allowed": "yes", "answer": "A toy is fine."}).status_code == 302
    assert "A toy is fine." in asking.get(page).content.decode()

    drawn(user, base, banning)

    assert [(each.to, each.subject) for each in mail.outbox] == [
        ([artist.email], "Uma User asks you to allow a prompt with Fxemoji"),
        ([user.email], "Your prompt with Fxemoji is allowed once"),
    ]
    assert [
        each.action for each in AuditLine.objects.filter(action__startswith="appeal.").order_by("pk")
    ] == ["appeal.filed", "appeal.decided"]
    assert "You have used it" in asking.get(page).content.decode()


def test_what_is_allowed_is_one_request_of_one_person_with_one_prompt(
    user: User, stranger: User, artist: User, base: BaseModel, banning: PlugIn, appeal: PromptAppeal
) -> None:
    for person in (user, stranger):
        top_up(person)
    decide_appeal(appeal, artist, is_allowed=True, answer="")

    for person, prompt in ((stranger, PROMPT), (user, f"{PROMPT} with torpedoes")):
        with pytest.raises(UseRefused):
            drawn(person, base, banning, prompt)
    made = drawn(user, base, banning, f"  {PROMPT.upper()}!")
    with pytest.raises(UseRefused):
        drawn(user, base, banning)

    appeal.refresh_from_db()
    assert appeal.used_by == made


def test_a_request_that_is_cancelled_does_not_use_it_up(
    user: User, artist: User, base: BaseModel, banning: PlugIn, appeal: PromptAppeal
) -> None:
    top_up(user)
    decide_appeal(appeal, artist, is_allowed=True, answer="")
    first = drawn(user, base, banning)
    assert cancel_job(first.job, user)

    second = drawn(user, base, banning)

    appeal.refresh_from_db()
    assert appeal.used_by == second


def test_a_request_that_is_not_made_does_not_use_it_up(
    user: User, artist: User, base: BaseModel, banning: PlugIn, appeal: PromptAppeal
) -> None:
    decide_appeal(appeal, artist, is_allowed=True, answer="")
    with pytest.raises(Refused, match="balance"):
        drawn(user, base, banning)
    top_up(user)

    drawn(user, base, banning)


def test_the_same_request_again_is_answered_after_it_is_used(
    user: User, artist: User, base: BaseModel, banning: PlugIn, appeal: PromptAppeal
) -> None:
    top_up(user)
    decide_appeal(appeal, artist, is_allowed=True, answer="")
    wish, key = make_order(base, (banning, 1.0), prompt=PROMPT), uuid.uuid4()

    assert run(user, wish, key) == run(user, wish, key)


def test_a_declined_prompt_stays_refused_and_is_not_asked_again(
    user: User, artist: User, base: BaseModel, banning: PlugIn, appeal: PromptAppeal
) -> None:
    top_up(user)
    with pytest.raises(Refused, match="Say why not"):
        decide_appeal(appeal, artist, is_allowed=False, answer=" ")
    decide_appeal(appeal, artist, is_allowed=False, answer="No submarines.")

    with pytest.raises(UseRefused):
        drawn(user, base, banning)
    with pytest.raises(Refused, match="was declined"):
        file_appeal(banning, user, prompt=PROMPT, reason=REASON)
    with pytest.raises(Refused, match="gone on"):
        decide_appeal(appeal, artist, is_allowed=True, answer="")


def test_an_admin_decides_only_once_the_artists_time_is_over(
    user: User, artist: User, admin: User, appeal: PromptAppeal
) -> None:
    with pytest.raises(Refused, match="Its artist has until"):
        decide_appeal(appeal, admin, is_allowed=True, answer="")
    PromptAppeal.objects.update(filed_at=timezone.now() - timedelta(days=7, minutes=1))
    appeal.refresh_from_db()

    decide_appeal(appeal, admin, is_allowed=True, answer="A toy.")

    assert (appeal.state, appeal.decided_by) == ("allowed", admin)


def test_nobody_else_sees_or_decides_it(
    user: User, stranger: User, second_artist: User, appeal: PromptAppeal, client_for: ClientFor
) -> None:
    for person in (stranger, second_artist):
        client = client_for(person)
        assert client.get(appeal.get_absolute_url()).status_code == 404
        assert client.post(appeal.get_absolute_url(), {"is_allowed": "yes"}).status_code == 404
        assert PROMPT not in client.get(reverse("generation:appeals")).content.decode()
        with pytest.raises(Refused):
            decide_appeal(appeal, person, is_allowed=True, answer="")
    own = client_for(user).post(appeal.get_absolute_url(), {"is_allowed": "yes"})
    assert own.status_code == 409
    appeal.refresh_from_db()
    assert appeal.state == "open"


@pytest.mark.parametrize(
    ("said", "words", "status"),
    [
        ({"prompt": " "}, "Say what to draw", 422),
        ({"reason": " "}, "Say why", 422),
        ({"prompt": "submarine " * 200}, "At most 1001", 422),
        ({"reason": "x" * 2001}, "At most 2000", 422),
        ({"prompt": "a sub\0marine"}, "no text", 422),
        ({"prompt": "a fox in a boat"}, "does not refuse this prompt", 422),
    ],
)
def test_bad_input_is_refused_in_words(
    user: User, banning: PlugIn, said: dict[str, str], words: str, status: int
) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        file_appeal(banning, user, **{"prompt": PROMPT, "reason": REASON} | said)
    assert refusal.value.status == status
    assert not PromptAppeal.objects.exists()


def test_the_same_is_asked_once_and_not_too_much_at_once(
    user: User, banning: PlugIn, appeal: PromptAppeal
) -> None:
    with pytest.raises(Refused, match="asked this already"):
        file_appeal(banning, user, prompt=PROMPT.upper(), reason=REASON)
    for number in range(1, limits.MAX_APPEALS):
        file_appeal(banning, user, prompt=f"submarine {number}", reason=REASON)
    with pytest.raises(Refused, match="the most at a time") as refusal:
        file_appeal(banning, user, prompt="one more submarine", reason=REASON)
    assert refusal.value.status == 429


def test_artists_do_not_appeal_to_themselves(artist: User, banning: PlugIn) -> None:
    with pytest.raises(Refused, match="yours"):
        file_appeal(banning, artist, prompt=PROMPT, reason=REASON)


def test_a_plugin_that_a_person_cannot_see_is_not_there_to_be_asked(
    user: User, artist: User, base: BaseModel, second_plugin: PlugIn
) -> None:
    hidden = make_plugin(artist, base, name="Hidden", publish=False)
    change_bans(hidden, artist, BansOrder(phrases=("submarine",)))
    for plugin in (hidden, second_plugin):
        with pytest.raises(Http404):
            refusing_plugin(user, plugin.pk)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"prompt": " "}, "generation_appeal_says_what_and_why"),
        ({"reason": ""}, "generation_appeal_says_what_and_why"),
        ({"prompt_sha256": "x"}, "generation_appeal_hash_shape"),
        ({"state": "allowed"}, "generation_appeal_decided_by_somebody"),
        ({"answer": "No."}, "generation_appeal_decided_by_somebody"),
    ],
)
def test_the_database_keeps_an_appeal_whole(appeal: PromptAppeal, changes: dict[str, Any], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        PromptAppeal.objects.filter(pk=appeal.pk).update(**changes)


def test_the_database_keeps_decisions_whole(
    user: User, artist: User, base: BaseModel, appeal: PromptAppeal
) -> None:
    top_up(user)
    made = run(user, make_order(base, prompt="a fox"))
    decided = {"decided_by": artist, "decided_at": timezone.now()}
    for changes, name in (
        (decided | {"state": "lost"}, "generation_appeal_state_known"),
        (decided | {"state": "declined"}, "generation_appeal_declined_with_an_answer"),
        (decided | {"state": "allowed", "decided_by": user}, "generation_appeal_not_decided_by_who_asks"),
        ({"used_by": made}, "generation_appeal_used_if_allowed"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            PromptAppeal.objects.filter(pk=appeal.pk).update(**changes)
    copy = PromptAppeal.objects.get(pk=appeal.pk)
    copy.pk = None
    with pytest.raises(IntegrityError, match="generation_appeal_open_once_a_prompt"), transaction.atomic():
        copy.save(force_insert=True)
