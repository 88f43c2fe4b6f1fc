"""Flags: trade that looks as if people paid themselves, and the earnings that are held until an admin has decided."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.trading.signs import WORDS, Sign

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.accounts.models import User

LONGEST_NOTE = 2000


class FlagState(models.TextChoices):
    """The state of a flag. While it is open, earnings are held."""

    OPEN = "open", "To be decided"
    UPHELD = "upheld", "Upheld: the money was given back"
    DISMISSED = "dismissed", "Dismissed: the earnings were released"
    LAPSED = "lapsed", "Not decided in time: the earnings were released"


class TradeFlag(models.Model):
    """What one person was paid by trade that was flagged. At most one flag of a person is open, and it may grow while it is."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="trade_flags",
        help_text="Who was paid.",
    )
    state = models.CharField(max_length=9, choices=FlagState.choices, default=FlagState.OPEN)
    score = models.PositiveSmallIntegerField(help_text="The most points of one payer.")
    amount = models.BigIntegerField(help_text="Micro-euros that the flagged trade paid.")
    flagged_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(help_text="When the earnings are released if nobody has decided.")
    answer = models.TextField(max_length=LONGEST_NOTE, blank=True, help_text="What the person says.")
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.TextField(max_length=LONGEST_NOTE, blank=True, help_text="Why it was decided so.")

    reasons: RelatedManager[TradeReason]
    earnings: RelatedManager[FlaggedEarning]

    class Meta:
        ordering = ["-flagged_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=FlagState.values), name="trading_flag_state_is_known"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="trading_flag_amount_above_zero"),
            models.CheckConstraint(condition=Q(score__gt=0), name="trading_flag_score_above_zero"),
            models.CheckConstraint(condition=Q(due_at__gt=F("flagged_at")), name="trading_flag_due_later"),
            models.UniqueConstraint(
                fields=["person"], condition=Q(state="open"), name="trading_flag_one_open_a_person"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None, decided_by=None, decision="")
                | Q(state="lapsed", decided_at__isnull=False, decided_by=None, decision="")
                | (
                    Q(state__in=["upheld", "dismissed"], decided_at__isnull=False, decided_by__isnull=False)
                    & ~Q(decision="")
                ),
                name="trading_flag_decided_with_a_note_or_lapsed",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("person")),
                name="trading_flag_not_decided_by_oneself",
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_at=None) | (~Q(answer="") & Q(answered_at__isnull=False)),
                name="trading_flag_answered_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"trade flag {self.pk} of {self.person}"

    def get_absolute_url(self) -> str:
        """Give the admins' page. The person has another, `held_url`."""
        return reverse("trading:flag", args=[self.pk])

    @property
    def held_url(self) -> str:
        return reverse("trading:held", args=[self.pk])

    @property
    def reference(self) -> str:
        """Name it in the ledger."""
        return f"trade-flag:{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == FlagState.OPEN

    def end(self, state: FlagState, *, by: User | None, decision: str, at: datetime) -> bool:
        """Upheld, dismissed or lapsed, once. Give whether it was open until now."""
        ended = TradeFlag.objects.filter(pk=self.pk, state=FlagState.OPEN).update(
            state=state, decided_at=at, decided_by=by, decision=decision
        )
        if ended:
            self.refresh_from_db()
        return bool(ended)


class TradeReason(models.Model):
    """One sign about one payer, with its points and what that payer's flagged trade paid."""

    flag = models.ForeignKey(TradeFlag, on_delete=models.PROTECT, related_name="reasons")
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sign = models.CharField(max_length=16, choices=Sign.choices)
    points = models.PositiveSmallIntegerField()
    amount = models.BigIntegerField(help_text="Micro-euros that this payer's trade paid.")

    class Meta:
        ordering = ["flag", "payer", "-points", "sign"]
        constraints = [
            models.UniqueConstraint(fields=["flag", "payer", "sign"], name="trading_reason_once_a_payer"),
            models.CheckConstraint(condition=Q(sign__in=Sign.values), name="trading_reason_sign_is_known"),
            models.CheckConstraint(
                condition=Q(points__gt=0, amount__gt=0), name="trading_reason_counts_something"
            ),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        return WORDS[Sign(self.sign)].format(payer=self.payer, person=self.flag.person)


class FlaggedEarning(models.Model):
    """One line of the ledger that flagged trade paid. It is flagged once: what was released is not held again."""

    flag = models.ForeignKey(TradeFlag, on_delete=models.PROTECT, related_name="earnings")
    entry = models.OneToOneField("ledger.Entry", on_delete=models.PROTECT, related_name="trade_flagged")
    payer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField(help_text="Micro-euros.")
    tried_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When what was left of it went to escrow."
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="trading_earning_amount_above_zero"),
        ]
        indexes = [
            models.Index(fields=["flag"], condition=Q(tried_at=None), name="trading_earning_to_hold"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.flag}"


class TradeLook(models.Model):
    """One night's look at the trade. The night is unique, so two sweepers look once."""

    night = models.DateField(unique=True)
    looked_at = models.DateTimeField(default=timezone.now, editable=False)
    pairs = models.PositiveIntegerField(help_text="Payers with those they paid.")
    flags = models.PositiveIntegerField(help_text="Flags that were made or grew.")

    class Meta:
        ordering = ["-night"]
        verbose_name = "look at the trade"
        verbose_name_plural = "looks at the trade"

    def __str__(self) -> str:
        return f"{self.night}"
