"""Deadlines of claims: two reminders, and what happens when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from market.accounts.models import User
from market.claims.deadlines import sweep_claims
from market.claims.models import Claim, ClaimState, StepKind
from tests.market.claims.conftest import measured

pytestmark = [pytest.mark.django_db, pytest.mark.dates]


@pytest.fixture
def sweep_after(django_capture_on_commit_callbacks: Any) -> Callable[[Claim, float], list[tuple[str, str]]]:
    """Return a function that sweeps so many days after the time began, and gives each mail's receiver and subject."""

    def sweep(claim: Claim, days: float) -> list[tuple[str, str]]:
        assert claim.waiting_since is not None
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            sweep_claims(claim.waiting_since + timedelta(days=days))
        return [(each.to[0], str(each.subject)) for each in mail.outbox]

    return sweep


def test_the_owner_has_fourteen_days_and_is_reminded_twice(
    ready: Claim, model_owner: User, sweep_after: Any
) -> None:
    assert ready.due_at is not None
    assert ready.waiting_since is not None
    assert ready.due_at - ready.waiting_since == timedelta(days=14)
    reminded = [(model_owner.email, "Reminder: the claim about Tiny")]
    assert sweep_after(ready, 6.9) == []
    assert sweep_after(ready, 7.1) == reminded
    assert sweep_after(ready, 7.2) == []
    assert sweep_after(ready, 12.1) == reminded
    assert sweep_after(ready, 13.9) == []
    assert ready.steps.filter(kind=StepKind.REMINDED).count() == 2


def test_a_sweep_that_comes_late_reminds_once(ready: Claim, sweep_after: Any) -> None:
    assert len(sweep_after(ready, 13)) == 1
    assert sweep_after(ready, 13.5) == []


def test_an_unanswered_claim_goes_to_the_admins_once(
    ready: Claim, artist: User, model_owner: User, admin: User, sweep_after: Any
) -> None:
    told = sweep_after(ready, 14)
    assert {to for to, _ in told} == {artist.email, model_owner.email, admin.email}
    claim = Claim.objects.get()
    assert (claim.state, claim.due_at) == (ClaimState.EVIDENCE_READY, None)
    assert claim.escalated_at is not None
    assert list(Claim.objects.for_admins()) == [claim]
    assert sweep_after(ready, 20) == []


def test_the_artist_is_reminded_of_the_appeal_and_then_the_rejection_stands(
    rejected: Claim, artist: User, sweep_after: Any
) -> None:
    assert sweep_after(rejected, 7.1) == [(artist.email, "Reminder: the claim about Tiny")]
    assert sweep_after(rejected, 15) == []
    claim = Claim.objects.get()
    assert (claim.state, claim.escalated_at) == (ClaimState.REJECTED, None)


def test_the_setting_says_how_long(settings: Any, submitted: Claim) -> None:
    settings.CLAIMS = replace(settings.CLAIMS, answer_days=30)
    measured(submitted)
    assert submitted.due_at is not None
    assert submitted.waiting_since is not None
    assert (submitted.due_at - submitted.waiting_since).days == 30


def test_a_draft_and_an_appeal_have_no_deadline(draft: Claim) -> None:
    assert sweep_claims() == 0
    assert draft.due_at is None
