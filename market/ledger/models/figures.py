"""Sums over entries, by day and by month. Reports and balances read them instead of millions of entries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.db import models
from django.db.models import Q

from market.ledger.models.transfers import Account, AccountKind


class FigureSort(models.TextChoices):
    """What one row sums. Each sort counts a transfer once, so that counts can be added up within a sort."""

    KIND = "kind", "One line of all accounts of a kind"
    LINE = "line", "One line and subject of one account"
    ACCOUNT = "account", "All lines of one account"
    SUBJECT = "subject", "All accounts of one subject"


class Span(models.TextChoices):
    """The time that one row covers. Months are stored as well as their days: never add both."""

    DAY = "day", "A day"
    MONTH = "month", "A month"


class Sums(models.Model):
    """One day's or one month's sum. The accounts of all payers count as one; the entries have what each of them paid.

    amount: the sum of the entries. Reversals reduce it by what they took back.
    transfers: how many transfers have such entries.
    captures: how many of these transfers are captures.
    """

    span = models.CharField(max_length=5, choices=Span.choices, default=Span.DAY, db_default=Span.DAY)
    day = models.DateField(help_text="In UTC; of a month, its first.")
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


class Rollup(Sums):
    """The sums over sealed transfers. The trigger on new leaves keeps them, so each transfer is added once."""

    class Meta:
        ordering = ["day", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["span", "day", "sort", "currency", "account_kind", "account", "line", "subject"],
                name="ledger_rollup_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "sort", "span", "day"], include=["amount"], name="ledger_rollup_account"
            ),
            models.Index(
                fields=["sort", "span", "account_kind", "day"], include=["amount"], name="ledger_rollup_kind"
            ),
            models.Index(
                fields=["subject", "account"],
                condition=models.Q(sort="line") & ~models.Q(subject=""),
                name="ledger_rollup_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sort} of {self.span} {self.day}"


class Days(models.Manager["Figure"]):
    """The rows of days, which add up to everything."""

    def get_queryset(self) -> models.QuerySet[Figure]:
        return super().get_queryset().filter(span=Span.DAY)


class Spans(models.Manager["Figure"]):
    """The fewest rows that add up to a stretch of time."""

    def ever(self) -> models.QuerySet[Figure]:
        return self.filter(span=Span.MONTH)

    def before(self, day: date) -> models.QuerySet[Figure]:
        """Give whole months, and the days of the month that this day is in."""
        month = day.replace(day=1)
        return self.filter(Q(span=Span.MONTH, day__lt=month) | Q(span=Span.DAY, day__gte=month, day__lt=day))

    def between(self, first: date, last: date) -> models.QuerySet[Figure]:
        """Give the whole months within these days, both included, and the days of the months at either end.

        An end month also counts as whole if nothing was posted in it before the first day, or after the last.
        """
        begin = first.replace(day=1)
        if first != begin and self._any(day__gte=begin, day__lt=first):
            begin = _next_month(first)
        end = (last + timedelta(days=1)).replace(day=1)
        if end <= last and last >= datetime.now(UTC).date() and not self._any(day__gt=last):
            end = _next_month(last)
        if begin >= end:
            return self.filter(span=Span.DAY, day__gte=first, day__lte=last)
        months = Q(span=Span.MONTH, day__gte=begin, day__lt=end)
        days = Q(day__gte=first, day__lt=begin) | Q(day__gte=end, day__lte=last)
        return self.filter(months | Q(days, span=Span.DAY))

    def _any(self, **days: date) -> bool:
        """Whether anything was posted on such days. Every entry has an account of some kind."""
        return self.filter(
            span=Span.DAY, sort=FigureSort.KIND, account_kind__in=AccountKind.values, **days
        ).exists()


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


class Figure(Sums):
    """The sums over every committed transfer: the sealed ones' rows, and separate rows for those not sealed yet (a view)."""

    # Rows have no key, and nothing asks for one.
    day = models.DateField(primary_key=True)

    objects = Days()
    spans = Spans()

    class Meta:
        managed = False
        db_table = "ledger_figure"

    def __str__(self) -> str:
        return f"{self.sort} of {self.span} {self.day}"
