"""A takedown: a plug-in or a picture is withheld from everybody at once. Its states, and every step it took.

    in force ──counter-notice──▶ countered ──the waiting period──▶ restored
    countered ──the claimant goes to court──▶ in court ──▶ in force, upheld, or restored, by an admin

Restored can be reached from every state, by an admin. A thing that is taken down keeps its own state meanwhile, so that
restoring gives exactly that back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.takedowns.states import COUNTERABLE, INFRINGING, WORDS, Ground, StepKind, TakedownState

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.claims.models import CounterNotice

TEXT_LENGTH = 4000


class TakedownQuerySet(models.QuerySet["Takedown"]):
    def open(self) -> TakedownQuerySet:
        return self.exclude(state=TakedownState.RESTORED)

    def with_everything(self) -> TakedownQuerySet:
        return self.select_related(
            "plugin__concept",
            "plugin__owner",
            "picture__request",
            "person",
            "complainant",
            "claim",
            "dispute",
            "counter_notice",
            "taken_down_by",
            "restored_by",
        )

    def visible_to(self, person: User) -> TakedownQuerySet:
        """Takedowns of the person's own things, and those they asked for. Admins see all."""
        return self if person.is_admin else self.filter(Q(person=person) | Q(complainant=person))

    def strikes(self, person: User) -> TakedownQuerySet:
        """Strikes that count against a person now: upheld, not restored, and not too old."""
        return self.open().filter(person=person, upheld_at__gt=_strikes_count_since())


def _strikes_count_since() -> datetime:
    return timezone.now() - timedelta(days=settings.TAKEDOWNS.strike_days)


class Takedown(models.Model):
    """One takedown of one plug-in or one picture. A thing may have several. It comes back when the last of them ends."""

    plugin = models.ForeignKey(
        "catalog.PlugIn", null=True, blank=True, on_delete=models.PROTECT, related_name="takedowns"
    )
    picture = models.ForeignKey(
        "generation.Picture", null=True, blank=True, on_delete=models.PROTECT, related_name="takedowns"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="takedowns",
        help_text="Whose it was when it was taken down.",
    )
    ground = models.CharField(max_length=10, choices=Ground.choices)
    reason = models.TextField(max_length=TEXT_LENGTH, help_text="For both sides to read.")
    complainant = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="takedowns_asked_for",
    )
    claim = models.ForeignKey(
        "claims.Claim", null=True, blank=True, on_delete=models.PROTECT, related_name="takedowns"
    )
    dispute = models.ForeignKey(
        "disputes.Dispute",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="takedowns",
        help_text="What holds the plug-in's earnings in escrow.",
    )
    opened_dispute = models.BooleanField(
        default=False, editable=False, help_text="Whether the dispute was opened for it, and ends with it."
    )
    hides_pictures = models.BooleanField(default=False, help_text="All that the plug-in drew is hidden, too.")
    state = models.CharField(max_length=10, choices=TakedownState.choices, default=TakedownState.IN_FORCE)
    taken_down_at = models.DateTimeField(default=timezone.now, editable=False)
    taken_down_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Or who accepted the claim.",
    )
    upheld_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="From then on it counts as a strike, until it is restored.",
    )
    counter_notice = models.OneToOneField(
        "claims.CounterNotice", null=True, blank=True, on_delete=models.PROTECT, related_name="takedown"
    )
    counter_reason = models.TextField(max_length=TEXT_LENGTH, blank=True)
    restore_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When it is undone, unless the claimant goes to court.",
    )
    court_action = models.TextField(
        max_length=TEXT_LENGTH, blank=True, help_text="Which court, and under what number."
    )
    restored_at = models.DateTimeField(null=True, blank=True, editable=False)
    restored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: the waiting period after the counter-notice was over.",
    )
    restored_because = models.TextField(max_length=TEXT_LENGTH, blank=True)

    objects: ClassVar[TakedownQuerySet] = TakedownQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    steps: RelatedManager[TakedownStep]

    class Meta:
        ordering = ["-taken_down_at", "-pk"]
        indexes = [models.Index(fields=["state", "restore_at"], name="takedowns_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(plugin__isnull=False, picture=None) | Q(plugin=None, picture__isnull=False),
                name="takedowns_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in TakedownState])
                & Q(ground__in=[ground.value for ground in Ground]),
                name="takedowns_state_and_ground_known",
            ),
            models.CheckConstraint(
                condition=Q(ground=Ground.CLAIM, claim__isnull=False, plugin__isnull=False)
                | ~Q(ground=Ground.CLAIM) & Q(claim=None),
                name="takedowns_claim_is_named",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="takedowns_says_why"),
            models.CheckConstraint(
                condition=Q(picture=None) | Q(dispute=None, hides_pictures=False, upheld_at=None),
                name="takedowns_picture_earns_nothing_and_is_no_strike",
            ),
            models.CheckConstraint(
                condition=Q(upheld_at=None) | Q(ground__in=INFRINGING),
                name="takedowns_strike_is_an_infringement",
            ),
            models.CheckConstraint(
                condition=Q(dispute__isnull=False) | Q(opened_dispute=False),
                name="takedowns_opened_its_dispute",
            ),
            models.CheckConstraint(
                condition=Q(
                    state=TakedownState.COUNTERED, restore_at__isnull=False, counter_notice__isnull=False
                )
                | ~Q(state=TakedownState.COUNTERED) & Q(restore_at=None),
                name="takedowns_waits_after_a_counter_notice",
            ),
            models.CheckConstraint(
                condition=Q(counter_notice=None, counter_reason="")
                | Q(counter_notice__isnull=False, ground__in=COUNTERABLE) & ~Q(counter_reason=""),
                name="takedowns_countered_with_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state=TakedownState.IN_COURT) | ~Q(court_action=""),
                name="takedowns_court_is_named",
            ),
            models.CheckConstraint(
                condition=Q(state=TakedownState.RESTORED, restored_at__isnull=False) & ~Q(restored_because="")
                | ~Q(state=TakedownState.RESTORED)
                & Q(restored_at=None, restored_by=None, restored_because=""),
                name="takedowns_restored_with_a_reason",
            ),
            models.UniqueConstraint(
                fields=["plugin", "claim"],
                condition=Q(plugin__isnull=False) & ~Q(state=TakedownState.RESTORED),
                nulls_distinct=False,
                name="takedowns_one_open_a_plugin_and_claim",
            ),
            models.UniqueConstraint(
                fields=["picture"],
                condition=Q(picture__isnull=False) & ~Q(state=TakedownState.RESTORED),
                name="takedowns_one_open_a_picture",
            ),
        ]

    def __str__(self) -> str:
        return f"takedown of {self.target}"

    def get_absolute_url(self) -> str:
        return reverse("takedowns:takedown", args=[self.pk])

    @property
    def reference(self) -> str:
        """Name this takedown where pictures are hidden for it."""
        return f"takedown:{self.pk}"

    @property
    def target(self) -> str:
        return f"“{self.plugin.name}”" if self.plugin else f"the picture {str(self.picture_id)[:8]}"

    @property
    def words(self) -> str:
        """Say the reason in words for everybody."""
        return WORDS[self.ground]

    @property
    def is_open(self) -> bool:
        return self.state != TakedownState.RESTORED

    @property
    def may_be_countered(self) -> bool:
        """Whether the owner may send a counter-notice: once, and not if the ground is a court's order or the market's own rules."""
        return (
            self.state == TakedownState.IN_FORCE
            and self.counter_notice_id is None
            and self.ground in COUNTERABLE
        )

    @property
    def may_be_upheld(self) -> bool:
        """Whether an admin may uphold it: it was not answered yet, or a court has decided."""
        waits = self.state == TakedownState.IN_FORCE and self.upheld_at is None
        return (
            self.ground in INFRINGING
            and self.plugin_id is not None
            and (waits or self.state == TakedownState.IN_COURT)
        )

    @property
    def is_strike(self) -> bool:
        return self.is_open and self.upheld_at is not None

    @property
    def counts(self) -> bool:
        """Whether it is a strike that still counts against the person."""
        return self.is_strike and self.upheld_at is not None and self.upheld_at > _strikes_count_since()

    def begin(self, by: User) -> None:
        """Note the first step: that it was made."""
        self._step(StepKind.TAKEN_DOWN, by, self.reason)

    def hide_pictures_too(self, by: User) -> bool:
        wanted = Takedown.objects.open().filter(plugin__isnull=False, hides_pictures=False)
        return self._move(wanted, StepKind.PICTURES_HIDDEN, by, hides_pictures=True)

    def counter(self, by: User, paper: CounterNotice, reason: str, *, restore_at: datetime) -> bool:
        return self._move(
            Takedown.objects.filter(
                state=TakedownState.IN_FORCE, counter_notice=None, ground__in=COUNTERABLE
            ),
            StepKind.COUNTERED,
            by,
            reason,
            state=TakedownState.COUNTERED,
            counter_notice=paper,
            counter_reason=reason,
            restore_at=restore_at,
        )

    def go_to_court(self, by: User, action: str) -> bool:
        """Stop the waiting period: the claimant has filed an action."""
        return self._move(
            Takedown.objects.filter(state=TakedownState.COUNTERED),
            StepKind.IN_COURT,
            by,
            action,
            state=TakedownState.IN_COURT,
            court_action=action,
            restore_at=None,
        )

    def uphold(self, by: User | None, reason: str) -> bool:
        """Uphold it. If it is not a strike yet, it becomes one."""
        now = timezone.now()
        return self._move(
            Takedown.objects.filter(plugin__isnull=False, ground__in=INFRINGING).filter(
                Q(state=TakedownState.IN_COURT) | Q(state=TakedownState.IN_FORCE, upheld_at=None)
            ),
            StepKind.UPHELD,
            by,
            reason,
            state=TakedownState.IN_FORCE,
            upheld_at=self.upheld_at or now,
        )

    def count_strike(self, by: User | None) -> None:
        self._step(StepKind.STRIKE, by)

    def restore(self, by: User | None, reason: str, *, due: datetime | None = None) -> bool:
        """End it. With `due`, only if its waiting period is over at that moment and nobody went to court."""
        allowed = Takedown.objects.open()
        if due is not None:
            allowed = allowed.filter(state=TakedownState.COUNTERED, restore_at__lte=due)
        was_strike = self.is_strike
        moved = self._move(
            allowed,
            StepKind.RESTORED,
            by,
            reason,
            state=TakedownState.RESTORED,
            restored_at=timezone.now(),
            restored_by=by,
            restored_because=reason,
            restore_at=None,
        )
        if moved and was_strike:
            self._step(StepKind.STRIKE_WITHDRAWN, by)
        return moved

    def _move(
        self, allowed: TakedownQuerySet, kind: StepKind, by: User | None, note: str = "", **changes: Any
    ) -> bool:
        """Change the row if it is still in one of the allowed states, and note the step. False: nothing was changed."""
        with transaction.atomic():
            if allowed.filter(pk=self.pk).update(**changes) != 1:
                return False
            self._step(kind, by, note)
        self.refresh_from_db()
        return True

    def _step(self, kind: StepKind, by: User | None, note: str = "") -> None:
        TakedownStep.objects.create(takedown=self, kind=kind, by=by, note=note)


class TakedownStep(models.Model):
    """One step of a takedown: what, who (nobody: the market itself), when and why. Append-only, also in the database."""

    takedown = models.ForeignKey(Takedown, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=16, choices=StepKind.choices)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in StepKind]), name="takedowns_step_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
