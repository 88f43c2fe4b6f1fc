"""A claim: an artist says that a base model, or a plug-in, contains their concept. Each step is one conditional UPDATE."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.claims.models.history import TEXT_LENGTH, ClaimMessage, ClaimStep, StepKind
from market.claims.models.states import (
    ADMIN_ANSWERS,
    ANSWERABLE,
    BEFORE_AN_ANSWER,
    FOR_ADMINS,
    LIVE_CLAIMS,
    ClaimState,
)

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.claims.models.evidence import ClaimPicture, EvidenceReport
    from market.claims.models.notices import CounterNotice, Notice
    from market.jobs.models import Job

MAX_PROMPTS = 12
PROMPT_LENGTH = 300
RIGHTS_LENGTH = 4000

_NOBODY_HAS_TO_ACT: dict[str, Any] = {"waiting_since": None, "due_at": None, "reminders": 0}


class ClaimQuerySet(models.QuerySet["Claim"]):
    def with_everything(self) -> ClaimQuerySet:
        return self.select_related(
            "claimant", "concept", "base__owner", "plugin__owner", "plugin__concept", "plugin__base"
        )

    def made_by(self, person: User) -> ClaimQuerySet:
        return self.filter(claimant=person)

    def against(self, person: User) -> ClaimQuerySet:
        """Submitted claims about a person's base models and plug-ins: those they have to answer, or had to."""
        return self.filter(Q(base__owner=person) | Q(plugin__owner=person), submitted_at__isnull=False)

    def visible_to(self, person: User) -> ClaimQuerySet:
        """The person's own claims and those against them. Admins see all submitted ones."""
        if person.is_admin:
            return self.filter(Q(claimant=person) | Q(submitted_at__isnull=False))
        theirs = Q(base__owner=person) | Q(plugin__owner=person)
        return self.filter(Q(claimant=person) | theirs & Q(submitted_at__isnull=False))

    def for_admins(self) -> ClaimQuerySet:
        """Those that wait for an admin."""
        return self.filter(FOR_ADMINS)


class Claim(models.Model):
    """An artist's claim about one base model, or one plug-in. What it was measured on is in `pictures`."""

    claimant = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="claims")
    # A key on (concept, claimant) makes sure that the concept is the claimant's.
    concept = models.ForeignKey("catalog.Concept", on_delete=models.PROTECT, related_name="claims")
    base = models.ForeignKey(
        "basemodels.BaseModel", null=True, blank=True, on_delete=models.PROTECT, related_name="claims"
    )
    plugin = models.ForeignKey(
        "catalog.PlugIn", null=True, blank=True, on_delete=models.PROTECT, related_name="claims"
    )
    state = models.CharField(max_length=16, choices=ClaimState.choices, default=ClaimState.DRAFT)
    prompts = ArrayField(models.CharField(max_length=PROMPT_LENGTH), default=list, blank=True)
    rights = models.TextField(max_length=RIGHTS_LENGTH, blank=True)
    controls_by_market = models.BooleanField(
        default=False, help_text="The claimant has no controls, or too few: an admin adds some."
    )
    notice = models.OneToOneField(
        "claims.Notice", null=True, blank=True, on_delete=models.PROTECT, related_name="claim"
    )
    counter_notice = models.OneToOneField(
        "claims.CounterNotice", null=True, blank=True, on_delete=models.PROTECT, related_name="claim"
    )
    evidence = models.OneToOneField(
        "claims.EvidenceReport", null=True, blank=True, on_delete=models.PROTECT, related_name="claim"
    )
    job = models.ForeignKey(
        "jobs.Job",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The latest that makes, or made, the evidence.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    submitted_at = models.DateTimeField(null=True, blank=True, editable=False)
    waiting_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the time for an answer, or an appeal, began."
    )
    due_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When that time ends.")
    reminders = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Sent for that time.")
    escalated_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.TextField(max_length=TEXT_LENGTH, blank=True, help_text="Why it was answered so.")
    appealed_at = models.DateTimeField(null=True, blank=True, editable=False)
    appeal = models.TextField(max_length=TEXT_LENGTH, blank=True)

    objects: ClassVar[ClaimQuerySet] = ClaimQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    pictures: RelatedManager[ClaimPicture]
    steps: RelatedManager[ClaimStep]
    messages: RelatedManager[ClaimMessage]

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="claims_claim_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ClaimState]), name="claims_claim_state_known"
            ),
            models.CheckConstraint(
                condition=Q(base__isnull=False, plugin__isnull=True)
                | Q(base__isnull=True, plugin__isnull=False),
                name="claims_claim_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(prompts__len__lte=MAX_PROMPTS), name="claims_claim_prompts_in_number"
            ),
            models.CheckConstraint(
                condition=Q(state=ClaimState.DRAFT, submitted_at=None, notice=None)
                | Q(state=ClaimState.WITHDRAWN)
                | (
                    Q(submitted_at__isnull=False, notice__isnull=False, prompts__len__gte=1)
                    & ~Q(rights="")
                    & ~Q(state=ClaimState.DRAFT)
                ),
                name="claims_claim_submitted_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state=ClaimState.EVIDENCE_READY) | Q(evidence__isnull=False),
                name="claims_claim_evidence_is_there",
            ),
            models.CheckConstraint(
                condition=Q(state__in=BEFORE_AN_ANSWER, decided_at=None, decided_by=None, decision="")
                | Q(state=ClaimState.WITHDRAWN)
                | (
                    Q(decided_at__isnull=False, decided_by__isnull=False)
                    & ~Q(state__in=BEFORE_AN_ANSWER)
                    & (Q(state=ClaimState.ACCEPTED) | ~Q(decision=""))
                ),
                name="claims_claim_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(appealed_at=None, appeal="") & ~Q(state=ClaimState.APPEALED)
                | Q(appealed_at__isnull=False) & ~Q(appeal="") & ~Q(state__in=BEFORE_AN_ANSWER),
                name="claims_claim_appealed_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(due_at=None, waiting_since=None, reminders=0)
                | Q(
                    due_at__gt=F("waiting_since"),
                    reminders__lte=2,
                    state__in=[ClaimState.EVIDENCE_READY.value, ClaimState.REJECTED.value],
                ),
                name="claims_claim_due_while_somebody_has_to_act",
            ),
            models.CheckConstraint(
                condition=Q(counter_notice=None) | ~Q(state__in=BEFORE_AN_ANSWER),
                name="claims_claim_counter_notice_answers",
            ),
            models.UniqueConstraint(
                fields=["concept", "base"],
                condition=Q(state__in=LIVE_CLAIMS),
                name="claims_claim_one_live_a_concept_and_base",
            ),
            models.UniqueConstraint(
                fields=["concept", "plugin"],
                condition=Q(state__in=LIVE_CLAIMS),
                name="claims_claim_one_live_a_concept_and_plugin",
            ),
        ]

    def __str__(self) -> str:
        return f"claim {self.pk} about {self.target}"

    def get_absolute_url(self) -> str:
        return reverse("claims:claim", args=[self.pk])

    @property
    def target(self) -> str:
        """Name what the claim is about."""
        return str(self.base or self.plugin)

    @property
    def target_url(self) -> str:
        about = self.base or self.plugin
        return "" if about is None else about.get_absolute_url()

    @property
    def respondent(self) -> User:
        """Give the owner of the base model or plug-in it is about: they answer."""
        about = self.base or self.plugin
        if about is None:
            raise ValueError(f"claim {self.pk} is about nothing")
        return about.owner

    @property
    def accepted(self) -> bool:
        return self.state == ClaimState.ACCEPTED

    @property
    def is_draft(self) -> bool:
        return self.state == ClaimState.DRAFT

    @property
    def is_measuring(self) -> bool:
        return self.job is not None and not self.job.has_ended

    @property
    def may_be_appealed(self) -> bool:
        """Whether an appeal is possible: once, in time, and not after an admin's decision."""
        return (
            self.state == ClaimState.REJECTED
            and self.appealed_at is None
            and self.due_at is not None
            and timezone.now() < self.due_at
        )

    def counts(self) -> Counter[str]:
        """Count the pictures by their sort."""
        return Counter(self.pictures.values_list("sort", flat=True))

    def begin(self, by: User) -> None:
        """Note that the draft was begun."""
        self._step(StepKind.DRAFTED, by)

    def submit(self, by: User, notice: Notice) -> bool:
        return self._move(
            Claim.objects.filter(state=ClaimState.DRAFT),
            StepKind.SUBMITTED,
            by,
            state=ClaimState.SUBMITTED,
            submitted_at=timezone.now(),
            notice=notice,
        )

    def measure(self, by: User, job: Job, before: Job | None) -> bool:
        """Keep the job that makes the evidence, unless another was queued since `before` was read."""
        return self._move(
            Claim.objects.filter(state=ClaimState.SUBMITTED, job=before), StepKind.MEASURING, by, job=job
        )

    def note_failure(self, job: Job) -> bool:
        """Note that a job ended without evidence."""
        claim = Claim.objects.filter(pk=self.pk, state=ClaimState.SUBMITTED, job=job)
        if not claim.exists():
            return False
        self._step(StepKind.MEASURING_FAILED, None)
        return True

    def add_evidence(self, job: Job, report: EvidenceReport, *, answer_within: timedelta) -> bool:
        now = timezone.now()
        return self._move(
            Claim.objects.filter(state=ClaimState.SUBMITTED, job=job),
            StepKind.EVIDENCE_READY,
            None,
            state=ClaimState.EVIDENCE_READY,
            evidence=report,
            waiting_since=now,
            due_at=now + answer_within,
        )

    def accept(self, by: User, reason: str, *, as_admin: bool = False) -> bool:
        return self._move(
            self._answerable(as_admin),
            StepKind.ACCEPTED,
            by,
            note=reason,
            state=ClaimState.ACCEPTED,
            **self._decided(by, reason),
        )

    def reject(
        self,
        by: User,
        reason: str,
        *,
        as_admin: bool = False,
        appeal_within: timedelta | None = None,
        counter_notice: CounterNotice | None = None,
    ) -> bool:
        """Reject it. With `appeal_within` the claimant may appeal for that long. Without it the rejection is final."""
        changes = self._decided(by, reason)
        if appeal_within is not None:
            changes |= {
                "waiting_since": changes["decided_at"],
                "due_at": changes["decided_at"] + appeal_within,
            }
        if counter_notice is not None:
            changes["counter_notice"] = counter_notice
        return self._move(
            self._answerable(as_admin),
            StepKind.REJECTED,
            by,
            note=reason,
            state=ClaimState.REJECTED,
            **changes,
        )

    def appeal_once(self, by: User, why: str) -> bool:
        now = timezone.now()
        return self._move(
            Claim.objects.filter(state=ClaimState.REJECTED, appealed_at=None, due_at__gt=now),
            StepKind.APPEALED,
            by,
            note=why,
            state=ClaimState.APPEALED,
            appealed_at=now,
            appeal=why,
            **_NOBODY_HAS_TO_ACT,
        )

    def withdraw(self, by: User) -> bool:
        return self._move(
            Claim.objects.filter(state__in=LIVE_CLAIMS),
            StepKind.WITHDRAWN,
            by,
            state=ClaimState.WITHDRAWN,
            **_NOBODY_HAS_TO_ACT,
        )

    def escalate(self, now: datetime) -> bool:
        """Pass a claim that was not answered in time on to the admins."""
        return self._move(
            Claim.objects.filter(state=ClaimState.EVIDENCE_READY, due_at__lte=now),
            StepKind.ESCALATED,
            None,
            escalated_at=now,
            **_NOBODY_HAS_TO_ACT,
        )

    def remind(self, *, sent: int) -> bool:
        """Count a reminder, unless another sweep has sent it: `sent` is how many there were when the claim was read."""
        return self._move(
            Claim.objects.filter(state=self.state, due_at=self.due_at, reminders__lt=sent),
            StepKind.REMINDED,
            None,
            reminders=sent,
        )

    def _answerable(self, as_admin: bool) -> ClaimQuerySet:
        if as_admin:
            return Claim.objects.filter(ADMIN_ANSWERS)
        return Claim.objects.filter(state__in=ANSWERABLE, escalated_at=None)

    def _decided(self, by: User, reason: str) -> dict[str, Any]:
        return {
            **_NOBODY_HAS_TO_ACT,
            "decided_at": timezone.now(),
            "decided_by": by,
            "decision": reason,
        }

    def _move(
        self, allowed: ClaimQuerySet, kind: StepKind, by: User | None, *, note: str = "", **changes: Any
    ) -> bool:
        """Change the row if it is still in one of the allowed states, and note the step. False: nothing was changed."""
        with transaction.atomic():
            if allowed.filter(pk=self.pk).update(**changes) != 1:
                return False
            self._step(kind, by, note)
        self.refresh_from_db()
        return True

    def _step(self, kind: StepKind, by: User | None, note: str = "") -> None:
        ClaimStep.objects.create(claim=self, kind=kind, by=by, note=note)
