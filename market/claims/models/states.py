"""The states of a claim, and in which of them something may still happen to it.

    draft ──submit──▶ submitted ──evidence──▶ evidence ready
    submitted, evidence ready ──answer──▶ accepted or rejected, by the other side
    rejected ──appeal──▶ appealed ──decision──▶ accepted or rejected, by an admin

Withdrawn can be reached from every state that is not an answer. A claim that nobody answered in time is escalated: only an
admin can answer it then, and that answer is final.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from market.jobs.states import JobState


class ClaimState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    EVIDENCE_READY = "evidence_ready", "Evidence ready"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    APPEALED = "appealed", "Appealed"
    WITHDRAWN = "withdrawn", "Withdrawn"


_UNANSWERED = (ClaimState.SUBMITTED, ClaimState.EVIDENCE_READY)
ANSWERABLE = tuple(state.value for state in _UNANSWERED)
LIVE_CLAIMS = (ClaimState.DRAFT.value, *ANSWERABLE, ClaimState.APPEALED.value)
BEFORE_AN_ANSWER = (ClaimState.DRAFT.value, *ANSWERABLE)

ADMIN_ANSWERS = Q(state=ClaimState.APPEALED) | Q(state__in=ANSWERABLE, escalated_at__isnull=False)
"""The respondent answers a claim until it is escalated. After that, and on an appeal, an admin does."""
FOR_ADMINS = (
    ADMIN_ANSWERS
    | Q(state=ClaimState.SUBMITTED, controls_by_market=True, job=None)
    | Q(state=ClaimState.SUBMITTED, job__state=JobState.FAILED)
)
"""Appealed, not answered in time, without controls, or impossible to measure."""
