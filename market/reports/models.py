"""What reports keep: verifications of the ledger, and statements too long to be proved within a web request."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class VerificationRun(models.Model):
    """One verification of the whole ledger: who asked for it, and what it found.

    Until it has ended, its job works on it and no other is begun. An ended one is never changed (a trigger refuses it).
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="verification")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Nobody: it is the one of every night.",
    )
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.TextField(blank=True, help_text="Why it came to no result.")
    counts = models.JSONField(default=dict, blank=True, help_text="How many rows of each table were checked.")
    checks = models.JSONField(default=list, blank=True, help_text="What was checked, in words.")
    findings = models.JSONField(
        default=list,
        blank=True,
        help_text="Of each check that failed: its words, how many rows, the first of them.",
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ended_at"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="reports_verificationrun_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, error="", checks=[])
                | (Q(ended_at__isnull=False, error="") & ~Q(checks=[]))
                | (Q(ended_at__isnull=False, checks=[]) & ~Q(error="")),
                name="reports_verificationrun_ends_with_a_result_or_an_error",
            ),
            models.CheckConstraint(
                condition=Q(findings=[]) | ~Q(checks=[]), name="reports_verificationrun_finds_what_it_checked"
            ),
        ]

    def __str__(self) -> str:
        return f"verification of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def right(self) -> bool:
        """Whether it has a result, and found nothing wrong."""
        return bool(self.checks) and not self.findings


class StatementFile(models.Model):
    """A month of an account with its proofs, as a file. Each month has the latest file, and perhaps one that is being made."""

    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="statement_file")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    month = models.CharField(max_length=7, help_text="Such as 2026-11.")
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    made_at = models.DateTimeField(null=True, blank=True, editable=False)
    file = models.FileField(upload_to="statements", max_length=200, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "month"],
                condition=Q(made_at=None),
                name="reports_statementfile_one_is_made_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["account", "month"],
                condition=Q(made_at__isnull=False),
                name="reports_statementfile_the_latest_is_kept",
            ),
            models.CheckConstraint(
                condition=Q(made_at=None, file="") | (Q(made_at__isnull=False) & ~Q(file="")),
                name="reports_statementfile_has_its_file_when_made",
            ),
            models.CheckConstraint(
                condition=Q(month__regex=r"^20[0-9]{2}-(0[1-9]|1[0-2])$"),
                name="reports_statementfile_month_is_one",
            ),
        ]

    def __str__(self) -> str:
        return f"statement of {self.month}"
