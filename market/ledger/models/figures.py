"""Sums over entries, day by day: what reports and balances read instead of millions of entries."""

from __future__ import annotations

from django.db import models

from market.ledger.models.transfers import Account


class FigureSort(models.TextChoices):
    """What one row sums: transfers are counted once in each sort, so that counts can be added up within one."""

    LINE = "line", "One line and subject of one account"
    ACCOUNT = "account", "All lines of one account"
    SUBJECT = "subject", "All accounts of one subject"


class DaySums(models.Model):
    """One day's sum. The accounts of all payers count as one: what each of them paid is in the entries.

    amount: the sum of the entries; in a day with reversals, less what they took back.
    transfers, captures: how many transfers have such entries, and how many of these are captures.
    """

    day = models.DateField(help_text="In UTC.")
    sort = models.CharField(max_length=7, choices=FigureSort.choices)
    currency = models.CharField(max_length=3)
    account_kind = models.CharField(max_length=20)
    account = models.ForeignKey(
        Account,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    line = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    memo = models.CharField(
        max_length=200, help_text="What the subject was called when it was last paid for."
    )
    amount = models.DecimalField(max_digits=30, decimal_places=0)
    transfers = models.BigIntegerField()
    captures = models.BigIntegerField()

    class Meta:
        abstract = True


class Rollup(DaySums):
    """The sums over sealed transfers, kept by the trigger that a new leaf sets off: each transfer is added once."""

    class Meta:
        ordering = ["day", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "sort", "currency", "account_kind", "account", "line", "subject"],
                name="ledger_rollup_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["account", "sort", "day"], include=["amount"], name="ledger_rollup_account"),
            models.Index(
                fields=["sort", "account_kind", "day"], include=["amount"], name="ledger_rollup_kind"
            ),
            models.Index(
                fields=["subject", "account"],
                condition=models.Q(sort="line") & ~models.Q(subject=""),
                name="ledger_rollup_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sort} on {self.day}"


class Figure(DaySums):
    """Every committed transfer's sums: those of the sealed ones, and rows of their own for those that still wait (a view)."""

    # Rows have no name; nothing asks for one.
    day = models.DateField(primary_key=True)

    class Meta:
        managed = False
        db_table = "ledger_figure"

    def __str__(self) -> str:
        return f"{self.sort} on {self.day}"
