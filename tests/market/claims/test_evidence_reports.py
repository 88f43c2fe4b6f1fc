"""The evidence of a claim: its job, its report, and how anybody can tell that the market signed it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from django.conf import settings as configured
from django.core import mail
from django.core.files.storage import default_storage
from django.test import Client

from market.accounts.models import User
from market.claims import answering, measuring
from market.claims.models import Claim, ClaimState, EvidenceReport, PictureSort, StepKind
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger.signing import signer
from market.refusals import Refused
from tests.market.claims.conftest import claimed, measured, output

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
HOW_TO = Path(configured.BASE_DIR) / "docs" / "how-to" / "verify-an-evidence-report.md"


def test_a_report_names_all_that_was_measured(ready: Claim) -> None:
    assert ready.state == ClaimState.EVIDENCE_READY
    assert ready.evidence is not None
    said = json.loads(ready.evidence.content)
    assert (said["claim"], said["about"], said["concept"]) == (ready.pk, "Tiny", "Riverink")
    assert said["base_fingerprint"] == ready.base.fingerprint  # type: ignore[union-attr]  # it is about a base
    assert said["prompts"] == ready.prompts
    assert said["figures"]["membership"]["area"] == 0.8125
    assert "proves" in said["sentences"]
    assert {each["pixels_sha256"] for each in said["pictures"]} == set(
        ready.pictures.values_list("pixels_sha256", flat=True)
    )
    assert ready.evidence.pairs.count() == 10
    drawings = ready.evidence.pairs.values_list("drawing", flat=True)
    assert all(default_storage.exists(name) for name in drawings)


def test_it_can_be_verified_as_the_docs_say(
    ready: Claim, artist: User, client_for: ClientFor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = client_for(artist)
    (program,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), flags=re.DOTALL)
    report = client.get(f"/claims/{ready.pk}/evidence.json").content
    note = client.get(f"/claims/{ready.pk}/evidence.note").content
    (tmp_path / "evidence.json").write_bytes(report)
    (tmp_path / "evidence.note").write_bytes(note)

    def verify() -> str:
        names = {"REPORT": str(tmp_path / "evidence.json"), "NOTE": str(tmp_path / "evidence.note")}
        exec(program, names | {"KEY": signer().verifier_key})  # noqa: S102, what the docs tell people to run
        return capsys.readouterr().out

    assert verify() == f"evidence of claim {ready.pk}: verified\n"
    (tmp_path / "evidence.json").write_bytes(report.replace(b"0.8125", b"0.9125"))
    with pytest.raises(AssertionError):
        verify()
    (tmp_path / "evidence.json").write_bytes(report)
    (tmp_path / "evidence.note").write_bytes(note.replace(b"evidence of", b"proof of"))
    with pytest.raises(InvalidSignature):
        verify()


def test_what_is_signed_is_no_checkpoint_of_the_ledger(ready: Claim) -> None:
    assert ready.evidence is not None
    lines = ready.evidence.signed_note.split("\n")
    assert lines[:3] == [signer().name, f"evidence of claim {ready.pk}", ready.evidence.sha256]
    assert base64.b64decode(lines[4].split(" ")[2])[:4] == signer().key_id


def test_both_sides_are_told(
    submitted: Claim, artist: User, model_owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        measured(submitted)
    assert {each.to[0] for each in mail.outbox} == {artist.email, model_owner.email}
    assert all(f"/claims/{submitted.pk}/" in str(each.body) for each in mail.outbox)


def test_a_report_that_comes_twice_is_kept_once(submitted: Claim) -> None:
    job = claimed(submitted)
    measuring.complete_evidence(job=job, token=job.fencing_token, output=output())
    with pytest.raises(LeaseLost):
        measuring.complete_evidence(job=job, token=job.fencing_token, output=output())
    assert EvidenceReport.objects.count() == 1


def test_a_report_that_comes_after_the_answer_is_let_go(submitted: Claim, model_owner: User) -> None:
    job = claimed(submitted)
    answering.accept_claim(submitted, model_owner)
    assert measuring.complete_evidence(job=job, token=job.fencing_token, output=output()) is None
    assert not EvidenceReport.objects.exists()
    assert Claim.objects.get().accepted


def test_what_cannot_be_kept_leaves_no_files(submitted: Claim) -> None:
    job, before = claimed(submitted), len(default_storage.listdir("claims")[0])
    with pytest.raises(ValueError, match="shorter"):
        measuring.complete_evidence(job=job, token=job.fencing_token, output=output(works=1))
    assert len(default_storage.listdir("claims")[0]) == before
    submitted.refresh_from_db()
    assert submitted.state == ClaimState.SUBMITTED


def test_a_job_that_fails_is_noted_and_can_be_started_again(
    submitted: Claim, artist: User, django_capture_on_commit_callbacks: Any
) -> None:
    job = claimed(submitted)
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        Job.objects.fail(job.pk, token=job.fencing_token, error="The base is gone.")
    assert [each.to[0] for each in mail.outbox] == [artist.email]
    claim = Claim.objects.get()
    last = claim.steps.last()
    assert last is not None
    assert (last.kind, last.by) == (StepKind.MEASURING_FAILED, None)

    answering.ask_for_evidence(claim, artist)
    assert claim.job_id != job.pk
    measured(claim)
    assert claim.state == ClaimState.EVIDENCE_READY


def test_a_cancelled_job_of_a_withdrawn_claim_says_nothing_more(
    submitted: Claim, artist: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answering.withdraw_claim(submitted, artist)
    assert Job.objects.get().state == JobState.CANCELLED
    last = submitted.steps.last()
    assert last is not None
    assert last.kind == StepKind.WITHDRAWN


def test_one_measuring_runs_at_a_time(submitted: Claim, artist: User) -> None:
    with pytest.raises(Refused, match="is being made"):
        answering.ask_for_evidence(submitted, artist)


def test_the_job_says_what_it_is_and_leads_to_the_claim(submitted: Claim, artist: User) -> None:
    job = submitted.job
    assert job is not None
    assert (job.owner, job.description) == (artist, "Evidence for the claim about Tiny")
    assert job.result_url == job.origin_url == submitted.get_absolute_url()
    inputs = measuring.inputs(job)
    assert (len(inputs.works), len(inputs.controls), inputs.version) == (2, 8, None)
    assert {each.caption for each in inputs.works} == {"a thing"}
    assert submitted.pictures.filter(sort=PictureSort.WORK).count() == 2
