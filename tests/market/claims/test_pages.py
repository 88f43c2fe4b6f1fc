"""The pages of claims: what each side sees and does there, and that nobody else sees anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.claims.models import Claim, ClaimState, PictureSort
from market.claims.statements import ACCURATE, COUNTER_NOTICE, GOOD_FAITH, NOTICE
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.claims.conftest import PAPER, PROMPTS, REASON, files

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db

SIGNED: dict[str, Any] = PAPER | {
    "works": "All of Riverink",
    "in_good_faith": "on",
    "accurate_under_perjury": "on",
}
COUNTERED: dict[str, Any] = PAPER | {
    "reason": REASON,
    "mistaken_under_perjury": "on",
    "consents_to_jurisdiction": "on",
}


def pages(claim: Claim) -> list[str]:
    at = claim.get_absolute_url()
    picture = claim.pictures.all()[0].pk
    found = [at, f"{at}pictures/{picture}/"]
    if claim.evidence is not None:
        found += [
            f"{at}evidence.json",
            f"{at}evidence.note",
            f"{at}drawings/{claim.evidence.pairs.all()[0].pk}/",
        ]
    return found


ACTIONS = (
    "edit",
    "works",
    "controls",
    "submit",
    "measure",
    "withdraw",
    "accept",
    "reject",
    "counter-notice",
    "appeal",
    "rule",
    "messages",
)


def test_a_stranger_finds_nothing_and_a_visitor_is_asked_to_sign_in(
    ready: Claim, stranger: User, second_artist: User, client_for: ClientFor, client: Client
) -> None:
    for address in pages(ready):
        assert client.get(address).status_code == 302
        for person in (stranger, second_artist):
            assert client_for(person).get(address).status_code == 404, address
    for action in ACTIONS:
        address = f"{ready.get_absolute_url()}{action}/"
        assert client_for(stranger).post(address, {"text": "Hello."}).status_code == 404, address
        assert client.post(address).status_code == 302
    ready.refresh_from_db()
    assert ready.state == ClaimState.EVIDENCE_READY


def test_its_parties_and_admins_see_it_with_its_evidence(
    ready: Claim, artist: User, model_owner: User, admin: User, client_for: ClientFor
) -> None:
    for person in (artist, model_owner, admin):
        client = client_for(person)
        assert [client.get(address).status_code for address in pages(ready)] == [200] * 5
        page = client.get(ready.get_absolute_url()).content.decode()
        for part in (
            "0.812 (0.500 to 1.000)",
            "1 of 2 (10% to 90%)",
            "What it does not prove.",
            "About proves.",
        ):
            assert part in page, part
        assert page.count("The drawing nearest to it") == 10


def test_a_draft_is_seen_by_its_artist_only(
    draft: Claim, artist: User, model_owner: User, admin: User, client_for: ClientFor
) -> None:
    for person in (model_owner, admin):
        for address in pages(draft):
            assert client_for(person).get(address).status_code == 404
        assert b"Riverink" not in client_for(person).get("/claims/").content
    page = client_for(artist).get(draft.get_absolute_url()).content.decode()
    assert "Go on to the notice" in page
    assert "With fewer than 8 one cannot tell what is usual." in page


def test_an_artist_takes_a_claim_from_the_base_to_the_notice(
    concept: Concept, base: BaseModel, artist: User, model_owner: User, client_for: ClientFor
) -> None:
    client = client_for(artist)
    assert b"Does it contain your work?" in client.get(base.get_absolute_url()).content
    client.post("/claims/new/", {"concept": concept.pk, "base": base.slug})
    claim = Claim.objects.get()
    at = claim.get_absolute_url()
    assert client.post(f"{at}submit/", SIGNED).status_code == 302
    claim.refresh_from_db()
    assert claim.is_draft, "it lacks everything"

    client.post(f"{at}works/", {"works": [work.pk for work in concept.works.all()]})
    client.post(f"{at}controls/", {"files": files(8)})
    client.post(f"{at}edit/", {"prompts": "\n".join([*PROMPTS, "", PROMPTS[0]]), "rights": "I drew them."})
    claim.refresh_from_db()
    assert claim.prompts == PROMPTS
    assert (claim.counts()[PictureSort.WORK], claim.counts()[PictureSort.CONTROL]) == (3, 8)

    notice_page = client.get(f"{at}submit/").content.decode()
    assert all(said in notice_page for said in (GOOD_FAITH, ACCURATE))
    assert client.post(f"{at}submit/", SIGNED).status_code == 302
    claim.refresh_from_db()
    assert claim.state == ClaimState.SUBMITTED
    assert claim.notice is not None
    assert (claim.notice.statements, claim.notice.signature) == (NOTICE, "Ada Artist")
    assert b"Follow it" in client.get(at).content
    assert client.get(claim.job.get_absolute_url()).status_code == 200  # type: ignore[union-attr]  # it was asked for


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"concept": "", "base": "tiny"}, "This field is required"),
        ({"concept": "own", "base": ""}, "Choose a base model or a plug-in"),
        ({"concept": "own", "base": "tiny", "plugin": "copied"}, "Choose a base model or a plug-in"),
        ({"concept": "own", "base": "none"}, "Select a valid choice"),
        ({"concept": "999999", "base": "tiny"}, "Select a valid choice"),
    ],
)
def test_a_claim_begins_with_one_concept_and_one_thing(
    concept: Concept, plugin: PlugIn, artist: User, client_for: ClientFor, sent: dict[str, str], said: str
) -> None:
    data = sent | {"concept": sent["concept"].replace("own", str(concept.pk))}
    answer = client_for(artist).post("/claims/new/", data)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert not Claim.objects.exists()


def test_a_second_claim_is_refused_with_the_reason(
    draft: Claim, concept: Concept, artist: User, client_for: ClientFor
) -> None:
    answer = client_for(artist).post("/claims/new/", {"concept": concept.pk, "base": "tiny"})
    assert answer.status_code == 409
    assert "There is a claim for Riverink about Tiny already." in answer.content.decode()


def test_a_prompt_of_ten_thousand_letters_is_refused_and_nothing_is_lost(
    draft: Claim, artist: User, client_for: ClientFor
) -> None:
    for prompts, said in (
        ("x" * 10_000, "at most 3624 characters"),
        ("y" * 400, "A prompt has at most 300 letters"),
    ):
        answer = client_for(artist).post(
            f"{draft.get_absolute_url()}edit/", {"prompts": prompts, "rights": "New words."}
        )
        page = answer.content.decode()
        assert (answer.status_code, said in page, prompts in page, "New words." in page) == (
            422,
            True,
            True,
            True,
        )
    draft.refresh_from_db()
    assert draft.prompts == PROMPTS


def test_somebody_elses_work_is_no_choice(
    draft: Claim, artist: User, second_artist: User, client_for: ClientFor
) -> None:
    foreign = with_works(make_concept(second_artist, "Other"), 1).works.get()
    answer = client_for(artist).post(f"{draft.get_absolute_url()}works/", {"works": [foreign.pk]})
    assert (answer.status_code, b"works of this concept only" in answer.content) == (422, True)
    assert draft.counts()[PictureSort.WORK] == 2


@pytest.mark.parametrize("left_out", sorted(SIGNED))
def test_a_notice_without_one_of_its_elements_is_shown_again_as_it_was_written(
    draft: Claim, artist: User, client_for: ClientFor, left_out: str
) -> None:
    sent = {name: value for name, value in SIGNED.items() if name != left_out}
    answer = client_for(artist).post(f"{draft.get_absolute_url()}submit/", sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert all(str(value).split("\n")[0] in page for value in sent.values())
    draft.refresh_from_db()
    assert draft.is_draft


def test_the_owner_answers_and_the_artist_appeals_on_the_page(
    ready: Claim, artist: User, model_owner: User, admin: User, client_for: ClientFor
) -> None:
    at, owner = ready.get_absolute_url(), client_for(model_owner)
    assert b"Accept the claim" in owner.get(at).content
    assert b"Accept the claim" not in client_for(artist).get(at).content
    assert owner.post(f"{at}reject/", {"reason": ""}).status_code == 422
    assert owner.post(f"{at}reject/", {"reason": REASON}).status_code == 302
    assert REASON in client_for(artist).get(at).content.decode()

    assert client_for(artist).post(f"{at}appeal/", {"why": "The card names my book."}).status_code == 302
    again = client_for(artist).post(f"{at}appeal/", {"why": "And once more."})
    assert again.status_code == 409
    assert all(said in again.content for said in (b"This cannot be appealed", b"And once more."))
    assert b"The card names my book." in owner.get(at).content

    decide = {"outcome": "accepted", "decision": "The card settles it."}
    assert client_for(model_owner).post(f"{at}rule/", decide).status_code == 404
    assert client_for(admin).post(f"{at}rule/", decide).status_code == 302
    ready.refresh_from_db()
    assert ready.accepted
    assert b"The card settles it." in owner.get(at).content


def test_a_counter_notice_is_asked_for_whole(ready: Claim, model_owner: User, client_for: ClientFor) -> None:
    address = f"{ready.get_absolute_url()}counter-notice/"
    client = client_for(model_owner)
    assert client.get(address).status_code == 200
    for left_out in COUNTERED:
        sent = {name: value for name, value in COUNTERED.items() if name != left_out}
        assert client.post(address, sent).status_code == 422, left_out
    assert client.post(address, COUNTERED).status_code == 302
    ready.refresh_from_db()
    assert (ready.state, ready.decision) == (ClaimState.REJECTED, REASON)
    assert ready.counter_notice is not None
    assert ready.counter_notice.statements == COUNTER_NOTICE
    assert b"Counter-notice, signed by" in client.get(ready.get_absolute_url()).content


def test_an_answer_that_comes_too_late_says_so_and_keeps_the_words(
    ready: Claim, artist: User, model_owner: User, client_for: ClientFor
) -> None:
    at = ready.get_absolute_url()
    client_for(artist).post(f"{at}withdraw/")
    answer = client_for(model_owner).post(f"{at}counter-notice/", COUNTERED)
    page = answer.content.decode()
    assert (answer.status_code, "the claim is withdrawn" in page, REASON in page) == (409, True, True)


def test_messages_are_plain_text_of_limited_length(ready: Claim, artist: User, client_for: ClientFor) -> None:
    at, client = ready.get_absolute_url(), client_for(artist)
    client.post(f"{at}messages/", {"text": "<b>Hello</b>"})
    assert b"&lt;b&gt;Hello&lt;/b&gt;" in client.get(at).content
    too_long = client.post(f"{at}messages/", {"text": "x" * 4001})
    assert (too_long.status_code, "x" * 4001 in too_long.content.decode()) == (422, True)
    assert ready.messages.count() == 1


def test_controls_that_are_not_taken_are_named(draft: Claim, artist: User, client_for: ClientFor) -> None:
    answer = client_for(artist).post(f"{draft.get_absolute_url()}controls/", {"files": files(2)})
    assert answer.status_code == 422
    assert answer.content.count(b"is in the claim already") == 2


class TestLists:
    def test_each_side_has_its_own(
        self, ready: Claim, artist: User, model_owner: User, admin: User, client_for: ClientFor
    ) -> None:
        for person, own, other in ((artist, "mine", "against"), (model_owner, "against", "mine")):
            client = client_for(person)
            assert b"Riverink" in client.get(f"/claims/?of={own}").content
            assert b"Riverink" in client.get("/claims/").content
            assert b"Riverink" not in client.get(f"/claims/?of={other}").content
            assert client.get("/claims/?of=all").status_code == 404
        assert b"Riverink" in client_for(admin).get("/claims/").content

    def test_they_are_filtered_by_state_and_words(
        self, ready: Claim, admin: User, client_for: ClientFor
    ) -> None:
        client = client_for(admin)
        for query, there in (
            ("state=evidence_ready", True),
            ("state=accepted", False),
            ("state=waiting", False),
            ("state=nonsense", True),
            ("q=tiny", True),
            ("q=ada", True),
            ("q=nobody", False),
        ):
            assert (b"Riverink" in client.get(f"/claims/?of=all&{query}").content) == there, query

    def test_what_waits_for_an_admin_is_counted(
        self, appealed: Claim, admin: User, artist: User, client_for: ClientFor
    ) -> None:
        assert b"1 claim</a> waits" in client_for(admin).get("/claims/").content
        assert b"Riverink" in client_for(admin).get("/claims/?state=waiting").content
        assert b"waits" not in client_for(artist).get("/claims/").content
