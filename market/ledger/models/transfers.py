"""Accounts, transfers of two or more entries, holds and their resolutions.

Nothing here is ever changed or deleted, and nothing is written through these classes. The functions of
`market.ledger.operations` call PL/pgSQL functions (`market/ledger/sql/`). Triggers keep the balances and refuse everything
else. Amounts are whole micro-units of the account's currency. An entry above zero is a credit: the market owes the account's
owner more. An entry below zero is a debit.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

MICROS = 1_000_000
LARGEST = 2**63 - 1
KEY_LENGTH = 200


class AccountKind(models.TextChoices):
    """What an account is for."""

    WALLET = "wallet", "Wallet"
    EARNINGS = "earnings", "Earnings"
    PLATFORM_REVENUE = "platform_revenue", "Platform revenue"
    GATEWAY_CLEARING = "gateway_clearing", "Gateway clearing (money in)"
    ESCROW = "escrow", "Escrow"
    PROMOTION = "promotion", "Promotional credit"
    PAYOUT_CLEARING = "payout_clearing", "Payout clearing (money out)"
    TAX_WITHHELD = "tax_withheld", "Tax withheld"


PAYER_KINDS = (AccountKind.WALLET.value, AccountKind.PROMOTION.value)
"""Accounts that pay for requests. Only their balance is kept (`PayerBalance`), and it is never below zero."""

OWNED_KINDS = (*PAYER_KINDS, AccountKind.EARNINGS.value)
"""Accounts that belong to a person."""

PLATFORM_KINDS = (
    AccountKind.PLATFORM_REVENUE.value,
    AccountKind.GATEWAY_CLEARING.value,
    AccountKind.PAYOUT_CLEARING.value,
    AccountKind.TAX_WITHHELD.value,
)
"""Accounts of the market itself. Escrow may be either: one for a disputed artist, or one for all."""


class TransactionId(Func):
    """The number of the running transaction. With it the sealer can wait for lower ones that are still open."""

    template = "(pg_current_xact_id()::text)::bigint"
    output_field = models.BigIntegerField()


class Account(models.Model):
    """One pot of money: of a person or of the market, of one kind, in one currency."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="ledger_accounts",
    )
    kind = models.CharField(max_length=20, choices=AccountKind.choices)
    currency = models.CharField(max_length=3, default="EUR", db_default="EUR")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "kind", "currency"],
                nulls_distinct=False,
                name="ledger_account_one_per_owner_kind_currency",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="ledger_account_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="ledger_account_currency_is_three_letters"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=OWNED_KINDS, owner__isnull=False)
                | Q(kind__in=PLATFORM_KINDS, owner__isnull=True)
                | Q(kind=AccountKind.ESCROW),
                name="ledger_account_owner_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.owner or 'the market'} ({self.currency})"


class PayerBalance(models.Model):
    """The balance of a payer's account, kept by triggers. An authorisation is one conditional update of this row.

    It is a separate table because PostgreSQL evaluates all checks of a table for every update. This table has one.
    """

    account = models.OneToOneField(
        Account, primary_key=True, on_delete=models.PROTECT, related_name="kept", editable=False
    )
    posted = models.BigIntegerField(
        db_default=0, editable=False, help_text="The sum of the entries, in micro-units."
    )
    held = models.BigIntegerField(
        db_default=0, editable=False, help_text="The sum of the pending holds, in micro-units."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(held__gte=0, posted__gte=F("held")), name="ledger_payerbalance_never_overspent"
            ),
        ]

    def __str__(self) -> str:
        return f"account {self.account_id}: {self.posted}, {self.held} of it held"


class TransferKind(models.TextChoices):
    """Why money moved. A new kind only has to be added here: the column takes any lower-case word."""

    TOP_UP = "top_up", "Top-up"
    CAPTURE = "capture", "Request"
    REVERSAL = "reversal", "Reversal"
    REFUND = "refund", "Refund"
    PROMOTION = "promotion", "Promotional credit"
    PAYOUT = "payout", "Payout"
    ESCROW = "escrow", "Escrow"
    CHARGEBACK = "chargeback", "Chargeback borne"
    WITHHOLDING = "withholding", "Tax withheld"
    RETRAINING = "retraining", "Plug-in trained again"


class Transfer(models.Model):
    """One movement of money: two or more entries that sum to zero. Made once per key; never changed."""

    key = models.CharField(max_length=KEY_LENGTH, help_text="The caller's idempotency key.")
    request_hash = models.CharField(max_length=64, help_text="SHA-256 of what was asked for under the key.")
    kind = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField(help_text="The sum of the credits, in micro-units.")
    entry_count = models.SmallIntegerField()
    reference = models.CharField(
        max_length=200, blank=True, default="", help_text="What it was for, such as generation:<uuid>."
    )
    memo = models.TextField(blank=True, default="")
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,  # captures have none, and nothing is found by it
    )
    transaction = models.BigIntegerField(db_default=TransactionId(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["created_at", "kind"], name="ledger_transfer_created"),
            models.Index(fields=["reference"], condition=~Q(reference=""), name="ledger_transfer_reference"),
            models.Index(fields=["transaction", "id"], name="ledger_transfer_transaction"),
        ]
        constraints = [
            # Not `unique=True`, which would add a second index, for prefixes of keys.
            models.UniqueConstraint(fields=["key"], name="ledger_transfer_key_once"),
            models.CheckConstraint(condition=~Q(key=""), name="ledger_transfer_key_not_empty"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_transfer_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(entry_count__gte=2), name="ledger_transfer_two_entries_or_more"
            ),
            models.CheckConstraint(
                condition=Q(kind__regex=r"^[a-z][a-z_]*$"), name="ledger_transfer_kind_is_a_word"
            ),
            models.CheckConstraint(
                condition=Q(kind="reversal", reverses__isnull=False)
                | (~Q(kind="reversal") & Q(reverses__isnull=True)),
                name="ledger_transfer_reversal_names_what_it_reverses",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def get_kind_display(self) -> str:
        """The kind in words."""
        return str(dict(TransferKind.choices).get(self.kind, self.kind.replace("_", " ").capitalize()))


class Entry(models.Model):
    """One line of a transfer: an amount to (above zero) or from (below zero) one account, and what it is for."""

    # No foreign keys in the database. The one to the account would lock its row for every entry, so that the market's own and a
    # popular artist's would become hot rows. The one to the transfer would run a query for each entry. Neither row is ever
    # deleted (a trigger refuses it). So a check when entries are written (also a trigger, once for all of them) is as good.
    transfer = models.ForeignKey(
        Transfer, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    position = models.SmallIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    amount = models.BigIntegerField()
    line = models.CharField(max_length=40, help_text="Such as charge, plugin_fee, base_fee, commission.")
    subject = models.CharField(max_length=200, blank=True, default="", help_text="Such as plugin-version:12.")
    memo = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["transfer", "position"]
        verbose_name_plural = "entries"
        indexes = [
            models.Index(
                fields=["account", "created_at"], include=["amount"], name="ledger_entry_account_created"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["transfer", "position"], name="ledger_entry_one_per_position"),
            models.CheckConstraint(condition=~Q(amount=0), name="ledger_entry_amount_not_zero"),
            models.CheckConstraint(condition=Q(position__gte=1), name="ledger_entry_position_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.amount}"


class HoldQuerySet(models.QuerySet["Hold"]):
    def pending(self) -> HoldQuerySet:
        """Holds that are neither captured nor voided."""
        return self.filter(resolution__isnull=True)


class Hold(models.Model):
    """An amount set aside in a payer's account, and who will share it when it is captured.

    The row itself never changes. A hold is pending until it has a resolution, and it can have only one.
    """

    key = models.CharField(max_length=KEY_LENGTH)
    request_hash = models.CharField(max_length=64)
    payer = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holds", db_index=False)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    shares = models.JSONField(help_text="The terms as they were when the hold was made, in posting order.")
    reference = models.CharField(max_length=200)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["payer", "-id"], name="ledger_hold_payer"),
            models.Index(fields=["reference"], name="ledger_hold_reference"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="ledger_hold_key_once"),
            models.CheckConstraint(condition=~Q(key=""), name="ledger_hold_key_not_empty"),
            models.CheckConstraint(condition=~Q(reference=""), name="ledger_hold_reference_not_empty"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_hold_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="ledger_hold_expires_after_it_is_made"
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.pk} for {self.reference}"

    @property
    def state(self) -> str:
        """`pending`, `posted` or `voided`."""
        resolution: HoldResolution | None = getattr(self, "resolution", None)
        return resolution.outcome if resolution else "pending"


class HoldOutcome(models.TextChoices):
    POSTED = "posted", "Posted"
    VOIDED = "voided", "Voided"


class HoldResolution(models.Model):
    """The end of a hold: posted with its transfer, or voided with the reason. One per hold, for ever."""

    # The trigger that ends the hold checks that both exist, and they are never deleted. Foreign keys would check again.
    hold = models.OneToOneField(
        Hold, on_delete=models.PROTECT, related_name="resolution", db_constraint=False
    )
    outcome = models.CharField(max_length=10, choices=HoldOutcome.choices)
    transfer = models.OneToOneField(
        Transfer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="hold_resolution",
        db_constraint=False,
    )
    key = models.CharField(max_length=KEY_LENGTH)
    reason = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="posted", transfer__isnull=False)
                | Q(outcome="voided", transfer__isnull=True),
                name="ledger_holdresolution_posted_has_a_transfer",
            ),
            models.UniqueConstraint(fields=["key"], name="ledger_holdresolution_key_once"),
            models.CheckConstraint(condition=~Q(key=""), name="ledger_holdresolution_key_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.outcome}"


class PendingHold(models.Model):
    """The holds without a resolution, kept by triggers. A capture, a void or an expiry claims the row.

    These are the only rows of the ledger that are deleted. So finding expired holds does not need a search of all holds.
    """

    hold = models.OneToOneField(Hold, primary_key=True, on_delete=models.PROTECT, related_name="pending")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"hold {self.hold_id} until {self.expires_at}"
