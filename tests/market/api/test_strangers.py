"""Nobody reaches what is another's: every address and method of the API, without a token and with a stranger's."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from market.accounts.models import Role, Scope, User
from market.api import urls
from market.audit.recording import record
from market.basemodels.models import BaseModel
from market.carrying.starting import start_carrying
from market.catalog.models import Concept
from market.claims.models import Claim
from market.extractions.models import Extraction
from market.generation.appeals import file_appeal
from market.generation.banning import BansOrder, change_bans
from market.generation.finishing import finish_generation
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from market.takedowns.taking_down import take_down_picture
from tests.market.api.conftest import ProgramOf, problem
from tests.market.basemodels.conftest import complete_upload
from tests.market.carrying.stage import finish, make_next_base
from tests.market.catalog.conftest import make_concept
from tests.market.claims.conftest import concept, draft, make_draft, ready, submitted
from tests.market.combinations.stage import ask
from tests.market.extractions.stage import make_dropped
from tests.market.generation.test_finishing import draw
from tests.market.stage import make_order, make_part, make_plugin, run, top_up
from tests.market.takedowns.conftest import NOTICE

__all__ = ["concept", "draft", "make_draft", "ready", "submitted"]

OPEN = {
    ("me", "get"), ("quotes", "post"), ("requests", "get"), ("requests", "post"), ("pictures", "get"), ("jobs", "get"),
    ("plugins", "get"), ("plugin_facets", "get"), ("plugin", "get"), ("banned_uses", "get"), ("appeals", "get"), ("appeals", "post"), ("versions", "get"), ("bases", "get"), ("bases", "post"), ("base", "get"),
    ("base_uploads", "get"), ("base_uploads", "post"), ("releases", "get"), ("degradation", "get"),
    ("combinations", "get"), ("combinations", "post"),
    ("combination_quotes", "post"), ("retests", "get"), ("carry_overs", "get"), ("takedowns", "get"), ("strikes", "get"),
    ("concepts", "get"), ("concepts", "post"), ("claims", "get"), ("claims", "post"),
}  # fmt: skip
"""What everybody may ask; they get what is public, or their own."""

FORMS = {"claim_controls", "works", "plugin_files"}
"""What takes files, and so a form."""

METHODS = ("get", "post", "put", "patch", "delete")
Place = tuple[str, str, str]


def places() -> list[Place]:
    """Give the name, the path and the method of all that can be asked."""
    return [
        (str(each.name), str(each.pattern), method)
        for each in urls.urlpatterns
        if hasattr(each.callback, "cls") and each.name != "nowhere"
        for method in METHODS
        if hasattr(each.callback.cls, method)
    ]


@pytest.fixture
def of_others(
    user: User,
    second_artist: User,
    model_owner: User,
    admin: User,
    base: BaseModel,
    concept: Concept,
    ready: Claim,
    plugin: Any,
) -> dict[str, dict[str, Any]]:
    """What others have, by the first part of an address."""
    top_up(user)
    made = run(user, make_order(base, count=1))
    (job,) = Job.objects.claim(kinds=["generation"], worker="w")
    (picture,) = finish_generation(
        pk=job.pk, token=job.fencing_token, stored=draw(made, job.fencing_token, 1)
    )
    retest = make_dropped(second_artist, base, name="Willow")
    start_carrying(base, make_next_base(model_owner), model_owner)
    carried = [each for each in (finish(), finish()) if each.version.plugin == retest.version.plugin]
    extraction = Extraction.objects.get(base=base)
    parts = [make_part(second_artist, base, name) for name in ("Ink", "Pip")]
    takedown = take_down_picture(picture, admin, NOTICE)
    upload = complete_upload(model_owner)
    change_bans(plugin, plugin.owner, BansOrder(phrases=("submarine",)))
    appeal = file_appeal(plugin, user, prompt="a fox in a submarine", reason="A toy for the bath.")
    assert GenerationRequest.objects.get().pk == made.pk
    return {
        "requests": {"pk": made.pk},
        "jobs": {"pk": made.pk},
        "pictures": {"pk": picture.pk},
        "plugins": {"slug": plugin.slug, "number": 1},
        "bases": {"slug": base.slug},
        "base-uploads": {"pk": upload.pk, "position": 0, "number": 0},
        "combinations": {"pk": ask(user, *parts).pk},
        "releases": {"pk": retest.build.release_id},
        "retests": {"pk": retest.pk},
        "carry-overs": {"pk": carried[0].pk},
        "takedowns": {"pk": takedown.pk},
        "extractions": {"pk": extraction.pk, "other": extraction.pk},
        "concepts": {"pk": concept.pk, "work": concept.works.all()[0].pk},
        "appeals": {"pk": appeal.pk},
        "claims": {"pk": ready.pk, "picture": ready.pictures.filter(sort="control")[0].pk},
    }


def filled_in(path: str, of_others: dict[str, dict[str, Any]]) -> str:
    numbers = of_others.get(path.split("/")[2], {})
    return re.sub(r"<\w+:(\w+)>", lambda found: str(numbers[found[1]]), path)


def send(client: Client, place: Place, of_others: dict[str, dict[str, Any]], words: str = "") -> Any:
    name, path, method = place
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if words:
        headers["Authorization"] = f"Bearer {words}"
    content: dict[str, Any] = {"data": "{}", "content_type": "application/json"}
    if method == "get":
        content = {}
    elif name in FORMS:
        content = {"data": {}}
    return getattr(client, method)(f"/{filled_in(path, of_others)}", headers=headers, **content)


def test_without_a_token_nothing_is_answered(of_others: dict[str, dict[str, Any]]) -> None:
    for place in places():
        problem(send(Client(), place, of_others), 401, "not-signed-in")


def test_a_stranger_finds_nothing_of_what_others_have(
    of_others: dict[str, dict[str, Any]], stranger: User, program_of: ProgramOf
) -> None:
    program = program_of(stranger)

    for place in places():
        name, _, method = place
        answer = send(program.client, place, of_others, program.words)
        if (name, method) not in OPEN:
            problem(answer, 404, "not-found")
        assert answer.status_code < 500
    for path in (
        "requests", "pictures", "jobs", "concepts", "base-uploads", "claims", "claims?of=against", "combinations", "retests", "carry-overs",
        "appeals", "appeals?of=to_me", "takedowns", "takedowns?of=asked_for",
    ):  # fmt: skip
        assert program.get(path).json()["results"] == []


def test_a_token_that_only_reads_changes_nothing(
    of_others: dict[str, dict[str, Any]], model_owner: User, program_of: ProgramOf
) -> None:
    program = program_of(model_owner, Scope.READ)

    for place in places():
        name, _, method = place
        if method != "get" and name not in {"quotes", "combination_quotes", "cancel_job"}:
            problem(send(program.client, place, of_others, program.words), 403, "not-allowed")


def test_who_lost_a_role_does_nothing_by_the_api_that_its_pages_are_for(
    artist: User, model_owner: User, base: BaseModel, program_of: ProgramOf
) -> None:
    concept, owned = make_concept(artist, "Riverink"), make_plugin(artist, base)
    upload = complete_upload(model_owner)
    with transaction.atomic():
        for person in (artist, model_owner):
            roles = [Role.USER.value]
            record("person.roles_changed", by=None, target=person, changes={"roles": (person.roles, roles)})
            User.objects.filter(pk=person.pk).update(roles=roles)

    for answer in (
        program_of(artist).post("claims", {"concept": concept.pk, "base": "tiny"}),
        program_of(artist).post("concepts", {"name": "Willow", "kind": "style"}),
        program_of(artist).patch(f"concepts/{concept.pk}", {"description": "Ink."}),
        program_of(artist).post(f"concepts/{concept.pk}/additions", {"base": "tiny"}),
        program_of(artist).post(f"plugins/{owned.slug}/withdraw"),
    ):
        assert "role of artist" in problem(answer, 403, "not-allowed")["detail"]
    for answer in (
        program_of(model_owner).patch("bases/tiny", {"fee_micros": 90_000}),
        program_of(model_owner).post("base-uploads", {"files": []}),
        program_of(model_owner).delete(f"base-uploads/{upload.pk}"),
    ):
        assert "role of model owner" in problem(answer, 403, "not-allowed")["detail"]
