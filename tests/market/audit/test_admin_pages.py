"""Every page and use case that only admins may use writes a line. A new one without a place in this file fails it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

import market
from market.accounts.models import Role, User
from market.audit.models import AuditLine
from market.catalog.models import Suspension, UploadRefusal
from market.catalog.uploads import add_work
from market.claims import drafting
from market.claims.models import Claim
from market.disputes.models import Dispute
from market.disputes.opening import file_dispute, open_dispute
from market.generation.models import GenerationRequest, Picture
from market.jobs import kinds
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.payments import payout_desk
from market.payments.batches import approve_batch, make_batch, send_batch
from market.payments.gateways.protocol import Payment, PaymentStatus
from market.payments.gateways.registry import gateway_named
from market.payments.models import Payout, PayoutBatch, PayoutDetails, TopUp
from market.payments.payouts import keep_details, request_payout, verify_details
from market.payments.top_ups import settle, start_top_up
from market.refusals import Refused
from market.reports.periods import quick
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_plugin
from tests.market.audit.conftest import Written
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.catalog.pictures import encoded
from tests.market.claims.conftest import measured, notice, with_controls
from tests.market.conftest import make_person
from tests.market.ledger.conftest import date_back
from tests.market.stage import make_base, make_order, make_plugin, run, top_up
from tests.pictures.test_looks import ALTERED, drawing

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
EURO = 1_000_000
IBAN = "DE89370400440532013000"


@dataclass(frozen=True)
class Scene:
    """An artist with bank details and money, who can ask for a payout; an admin who acts."""

    admin: User
    artist: User
    details: PayoutDetails

    def payout(self) -> Payout:
        verify_details(self.details, self.admin)
        return request_payout(person=self.artist, amount=20 * EURO, request_id=uuid.uuid4())

    def batch(self, *steps: Callable[[PayoutBatch, User], Any]) -> PayoutBatch:
        self.payout()
        batch = make_batch(self.admin)
        for step in steps:
            step(batch, self.admin)
        return PayoutBatch.objects.get(pk=batch.pk)


@pytest.fixture
def scene(artist: User, admin: User, settings: Any) -> Scene:
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban=IBAN)
    ledger.post(
        key="earned", debit=ledger.account(AccountKind.GATEWAY_CLEARING),
        credit=ledger.account(AccountKind.EARNINGS, artist), amount=50 * EURO, kind="plugin_fee",
    )  # fmt: skip
    return Scene(admin, artist, keep_details(artist, PayoutDetails(holder="Ada Artist", iban=IBAN)))


@dataclass(frozen=True)
class Act:
    """One thing an admin does on a page: how it comes about, what is sent, and the line that says it."""

    page: str
    line: str
    prepare: Callable[[Scene], dict[str, Any]]
    step: str = ""
    method: str = "post"


def dispute(scene: Scene) -> Dispute:
    owner = make_person("Mona Modeller", Role.MODEL_OWNER)
    plugin = make_plugin(scene.artist, make_base(owner))
    return file_dispute(plugin=plugin, claimant=owner, reason="This is my drawing of 2019, in my book.")


def refused_upload(scene: Scene) -> UploadRefusal:
    """A copy, in other colours, that another artist sent of the artist's work."""
    add_work(make_concept(scene.artist, "Riverink"), scene.artist, encoded(drawing(7)))
    other = make_person("Berta Brush", Role.ARTIST)
    with pytest.raises(Refused):
        add_work(make_concept(other, "Theirs"), other, encoded(ALTERED["as a negative"](drawing(7))))
    return UploadRefusal.objects.get()


def unanswered(scene: Scene) -> Claim:
    """A claim whose owner let the time for an answer pass."""
    base = make_base(make_person("Mona Modeller", Role.MODEL_OWNER))
    concept = with_works(make_concept(scene.artist, "Riverink"), 1)
    draft = drafting.Draft(prompts=["a fox"], rights="I drew it.")
    claim = drafting.draft_claim(concept=concept, about=base, by=scene.artist, draft=draft)
    drafting.choose_works(claim, scene.artist, list(concept.works.all()))
    with_controls(claim)
    drafting.submit_claim(claim, scene.artist, notice())
    measured(claim, works=1)
    claim.escalate(timezone.now() + timedelta(days=30))
    return claim


def captured(scene: Scene) -> Transfer:
    """A query with a plug-in that was paid for."""
    base = make_base(make_person("Mona Modeller", Role.MODEL_OWNER))
    user = make_person("Uma User")
    top_up(user)
    request = run(user, make_order(base, (make_plugin(scene.artist, base), 1.0)))
    assert request.hold is not None
    return ledger.capture(hold=request.hold, key=f"{request.reference}:capture")


def owed(scene: Scene, spent: int) -> TopUp:
    """A top-up of ten euros that the gateway took back when some of it was spent."""
    top_up = start_top_up(
        person=make_person("Uma User"),
        amount=10 * EURO,
        gateway=gateway_named("test"),
        request_id=uuid.uuid4(),
    )
    for status in (PaymentStatus.PAID, PaymentStatus.REFUNDED):
        settle("test", Payment(top_up.gateway_reference, status, top_up.amount, "EUR"))
        wallet = ledger.account(AccountKind.WALLET, top_up.person)
        if spent and status == PaymentStatus.PAID:
            ledger.post(
                key="spent",
                debit=wallet,
                credit=ledger.account(AccountKind.PLATFORM_REVENUE),
                amount=spent,
                kind="x",
            )
    if spent:
        ledger.post(
            key="back",
            debit=ledger.account(AccountKind.PLATFORM_REVENUE),
            credit=wallet,
            amount=spent,
            kind="x",
        )
    return TopUp.objects.get(pk=top_up.pk)


def finished_picture(scene: Scene) -> Picture:
    made = captured(scene)
    request = GenerationRequest.objects.get(pk=made.reference.removeprefix("generation:"))
    return Picture.objects.create(
        request=request, index=0, file="pictures/x.png", sha256="0" * 64, seed=1, width=8, height=8
    )


def takedown(scene: Scene) -> Takedown:
    """A notice about the artist's plug-in."""
    plugin = make_plugin(scene.artist, make_base(make_person("Mona Modeller", Role.MODEL_OWNER)))
    return take_down_plugin(plugin, scene.admin, Cause(Ground.NOTICE, "A letter of 3 May."))


def last_month(scene: Scene) -> str:
    """Let the market have begun last month, which then is the one to close."""
    month = quick("last_month")
    date_back(Transfer.objects.get(key="earned"), month.start)
    return f"{month.first:%Y-%m}"


ACTS = [
    Act("disputes:open", "dispute.opened", lambda scene: {"args": [dispute(scene).pk]}),
    Act("disputes:dismiss", "dispute.dismissed", lambda scene: {
        "args": [dispute(scene).pk], "data": {"decision": "Nothing shows it"}}),
    Act("disputes:decide", "dispute.decided", lambda scene: {
        "args": [open_dispute(dispute(scene), scene.admin).pk],
        "data": {"outcome": "released", "decision": "Drawn by the artist"}}),
    Act("disputes:upload_decide", "upload.decided", lambda scene: {
        "args": [refused_upload(scene).pk], "data": {"is_taken": "yes", "decision": "Drawn anew"}}),
    Act("claims:rule", "claim.decided", lambda scene: {
        "args": [unanswered(scene).pk], "data": {"outcome": "rejected", "decision": "The controls say otherwise"}}),
    Act("takedowns:of_plugin", "takedown.made", lambda scene: {
        "args": [make_plugin(scene.artist, make_base(make_person("Mona Modeller", Role.MODEL_OWNER))).slug],
        "data": {"ground": "notice", "reason": "A letter of 3 May."}}),
    Act("takedowns:of_picture", "takedown.made", lambda scene: {
        "args": [finished_picture(scene).pk], "data": {"ground": "notice", "reason": "A letter of 3 May."}}),
    Act("takedowns:restore", "takedown.restored", lambda scene: {
        "args": [takedown(scene).pk], "data": {"money": "released", "reason": "The letter was withdrawn."}}),
    Act("takedowns:uphold", "takedown.upheld", lambda scene: {
        "args": [takedown(scene).pk], "data": {"reason": "Its artist agrees."}}),
    Act("takedowns:lift", "suspension.lifted", lambda scene: {
        "args": [Suspension.objects.create(person=scene.artist, because="3 strikes").pk],
        "data": {"reason": "They promised."}}),
    Act("payments:top_up_decide", "top_up.returned", lambda scene: {
        "args": [owed(scene, EURO).pk], "data": {"step": "return"}}),
    Act("payments:top_up_decide", "top_up.borne", lambda scene: {
        "args": [(top_up := owed(scene, EURO)).pk],
        "data": {"step": "bear", "taken_back": str(top_up.taken_back), "reason": "a mistake of ours"}}),
    Act("payments:top_up_decide", "top_up.given_back", lambda scene: {
        "args": [(top_up := owed(scene, EURO)).pk],
        "data": {"step": "give_back", "taken_back": str(top_up.taken_back), "reason": "a stolen card"}}),
    Act("payments:top_up_decide", "top_up.won", lambda scene: {
        "args": [(top_up := owed(scene, EURO)).pk],
        "data": {"step": "won", "taken_back": str(top_up.taken_back), "reason": "the bank found for us"}}),
    Act("reports:refund", "query.refunded", lambda scene: {
        "args": [captured(scene).pk], "data": {"paid_by": "market", "reason": "drawn wrong"}}),
    Act("payments:promotions", "credit.granted", lambda scene: {
        "data": {"person": scene.artist.email, "amount": "1", "reason": "welcome", "request_id": str(uuid.uuid4())}}),
    Act("reports:close_month", "ledger.month_closed", lambda scene: {"data": {"month": last_month(scene)}}),
    Act("reports:verify", "ledger.verification_asked", lambda scene: {}),
    Act(
        "payments:payout_verify",
        "payout.details_verified",
        lambda scene: {
            "args": [scene.details.pk], "data": {"changed_at": scene.details.changed_at.isoformat()},
        },
    ),
    Act("payments:payout_make_batch", "payout.batch_made", lambda scene: {"about": scene.payout()}),
    Act("payments:payout_return", "payout.refused", lambda scene: {
        "args": [scene.payout().pk], "data": {"reason": "no such account"}}),
    Act("payments:payout_return", "payout.returned", lambda scene: {
        "args": [scene.batch(approve_batch, send_batch).payouts.get().pk], "data": {"reason": "account closed"}}),
    Act("payments:payout_batch", "payout.batch_approved", lambda scene: {"args": [scene.batch().pk]}, "approve"),
    Act("payments:payout_batch", "payout.batch_dissolved", lambda scene: {"args": [scene.batch().pk]}, "dissolve"),
    Act("payments:payout_batch", "payout.batch_sent", lambda scene: {"args": [scene.batch(approve_batch).pk]}, "send"),
    Act("payments:payout_batch", "payout.batch_settled", lambda scene: {
        "args": [scene.batch(approve_batch, send_batch).pk]}, "settle"),
    Act("payments:payout_pain", "payout.file_downloaded", lambda scene: {
        "args": [scene.batch(approve_batch).pk]}, method="get"),
    Act("payments:payout_csv", "payout.file_downloaded", lambda scene: {
        "args": [scene.batch(approve_batch).pk]}, method="get"),
]  # fmt: skip

USE_CASES = {
    "market.claims.answering.rule_on_claim": "claim.decided",
    "market.disputes.opening.open_dispute": "dispute.opened",
    "market.disputes.deciding.dismiss_dispute": "dispute.dismissed",
    "market.disputes.deciding.decide_dispute": "dispute.decided",
    "market.disputes.uploads.decide_upload": "upload.decided",
    "market.generation.refunds.refund_query": "query.refunded",
    "market.takedowns.taking_down.take_down_plugin": "takedown.made",
    "market.takedowns.taking_down.take_down_picture": "takedown.made",
    "market.takedowns.taking_down.restore": "takedown.restored",
    "market.takedowns.taking_down.uphold": "takedown.upheld",
    "market.takedowns.strikes.lift_suspension": "suspension.lifted",
    "market.payments.promotions.grant_credit": "credit.granted",
    "market.payments.taken_back.bear": "top_up.borne",
    "market.payments.taken_back.decide": "top_up.borne",
    "market.payments.payouts.verify_details": "payout.details_verified",
    "market.payments.batches.make_batch": "payout.batch_made",
    "market.payments.batches.approve_batch": "payout.batch_approved",
    "market.payments.batches.dissolve_batch": "payout.batch_dissolved",
    "market.payments.batches.send_batch": "payout.batch_sent",
    "market.payments.batches.settle_batch": "payout.batch_settled",
    "market.payments.batches.return_payout": "payout.returned",
    "market.reports.verifying.request_verification": "ledger.verification_asked",
}
"""Functions that take the admin who acts, and the line each writes; the pages above lead to all of them."""

EXAMPLES: dict[str, object] = {"IntConverter": 1, "UUIDConverter": uuid.uuid4(), "SlugConverter": "x"}


def admin_pages(
    patterns: list[URLPattern | URLResolver] | None = None, namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Find every page that `role_required(Role.ADMIN)` guards, by its name."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inside = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from admin_pages(pattern.url_patterns, inside)
        elif getattr(pattern.callback, "required_role", None) == Role.ADMIN:
            yield f"{namespace}{pattern.name}", pattern


def address_of(name: str, pattern: URLPattern) -> str:
    return reverse(name, args=[EXAMPLES[type(each).__name__] for each in pattern.pattern.converters.values()])


def test_every_admin_page_that_takes_something_is_tried_here(admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    taking = {
        name
        for name, pattern in admin_pages()
        if client.post(address_of(name, pattern)).status_code != 405
    }  # fmt: skip

    assert len(taking) >= 4
    assert taking == {act.page for act in ACTS if act.method == "post"}
    assert set(payout_desk.STEPS) == {act.step for act in ACTS if act.step}


def test_nobody_but_admins_opens_an_admin_page(
    client_for: ClientFor, client: Client, user: User, artist: User, model_owner: User, stranger: User
) -> None:
    for name, pattern in admin_pages():
        address = address_of(name, pattern)
        assert client.get(address).status_code == 302
        for person in (user, artist, model_owner, stranger):
            assert client_for(person).get(address).status_code == 404, name
            assert client_for(person).post(address).status_code == 404, name


@pytest.mark.parametrize("act", ACTS, ids=[f"{act.page}-{act.line}" for act in ACTS])
def test_the_page_writes_one_line(act: Act, scene: Scene, client_for: ClientFor, written: Written) -> None:
    client = client_for(scene.admin)
    prepared = act.prepare(scene)
    address = reverse(act.page, args=prepared.get("args"))
    data = prepared.get("data", {}) | ({"step": act.step} if act.step else {})
    before = AuditLine.objects.count()

    if act.method == "get":
        client.get(address, REMOTE_ADDR="198.51.100.7")
    else:
        client.post(address, data, REMOTE_ADDR="198.51.100.7")

    assert AuditLine.objects.count() == before + 1
    line = AuditLine.objects.latest("pk")
    assert line.action == act.line
    assert (line.person, line.acting_as, line.address) == (scene.admin, "admin", "198.51.100.7")
    assert line.reason == (data.get("reason") or data.get("decision", ""))


def test_what_is_refused_writes_no_line(scene: Scene, client_for: ClientFor) -> None:
    client, batch = client_for(scene.admin), scene.batch()
    before = AuditLine.objects.count()

    client.post(reverse("payments:payout_batch", args=[batch.pk]), {"step": "send"})
    client.post(reverse("payments:payout_make_batch"))
    client.post(reverse("payments:payout_return", args=[batch.payouts.get().pk]), {"reason": "x"})
    client.post(reverse("payments:payout_verify", args=[scene.details.pk]), {"changed_at": "x"})

    assert AuditLine.objects.count() == before


def test_every_use_case_of_admins_is_listed_here() -> None:
    found = set()
    for module in pkgutil.walk_packages(market.__path__, "market."):
        if ".migrations." in module.name or ".management." in module.name or module.name.endswith("__main__"):
            continue
        if module.name in {"market.stack.bootstrap", "market.ledger.verify_statement"}:
            continue
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and "admin" in inspect.signature(function).parameters:
                found.add(f"{module.name}.{name}")

    assert {name for name in found if not name.rpartition(".")[2].startswith("_")} == set(USE_CASES)
    assert set(USE_CASES.values()) <= {act.line for act in ACTS}


def test_an_approval_says_how_many_there_are_and_changes_the_state_with_the_last(
    scene: Scene, settings: Any, written: Written
) -> None:
    settings.PAYOUTS = replace(settings.PAYOUTS, two_admins_above_micros=1_000_000_000)
    second = make_person("Bruno Boss", Role.ADMIN)
    batch = scene.batch()
    PayoutBatch.objects.filter(pk=batch.pk).update(approvals_needed=2)
    approve_batch(batch, scene.admin)
    approve_batch(batch, second)

    first, last = written("payout.batch_approved")
    assert (first.person, first.changes, first.further["approvals"]) == (scene.admin, {}, 1)
    assert (last.person, last.further["approvals"]) == (second, 2)
    assert last.changes == {"state": {"before": "draft", "after": "approved"}}


def test_an_admin_who_cancels_anothers_job_leaves_a_line_and_its_owner_none(
    admin: User, user: User, client_for: ClientFor, written: Written
) -> None:
    kinds.register(kinds.JobKind(name="audited", label="Chore"))
    theirs, other = (Job.objects.enqueue(kind="audited", owner=user, parameters={}) for _ in range(2))
    client_for(user).post(reverse("jobs:cancel", args=[other.pk]))
    assert written("job.cancelled") == []

    client_for(admin).post(reverse("jobs:cancel", args=[theirs.pk]))
    (line,) = written("job.cancelled")
    assert (line.person, line.target) == (admin, f"job:{theirs.pk}")
