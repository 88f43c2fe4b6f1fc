"""Accounts of artists and model owners, their payouts, and the batches that an admin sends to the bank."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from localflavor.generic.models import BICField, IBANField
from text_unidecode import unidecode

from market.configuration.parsing import BIC
from market.ledger.models import Transfer

CENT = 10_000
"""Micro-units in a cent: banks move whole cents."""


STRIPE_ACCOUNT = r"acct_[A-Za-z0-9]{8,60}"

ONE_PLACE = (~Q(iban="") & Q(stripe_account="")) | (
    Q(iban="", bic="") & Q(stripe_account__regex=rf"^{STRIPE_ACCOUNT}$")
)
"""Money goes to a bank account or to an account at Stripe, never to both."""


class Place(models.Model):
    """Where money goes: a bank account, or an account at Stripe that is connected to the market's."""

    iban = IBANField("IBAN", blank=True, help_text="Of an account in euros that takes SEPA transfers.")
    bic = BICField(
        "BIC",
        blank=True,
        validators=[RegexValidator(rf"\A{BIC}\Z", "Not a BIC that the SEPA standard knows.")],
        help_text="Needed for some banks outside the European Economic Area.",
    )
    stripe_account = models.CharField(
        "Stripe account",
        max_length=70,
        blank=True,
        validators=[
            RegexValidator(
                rf"\A{STRIPE_ACCOUNT}\Z",
                "Expected the account's number at Stripe, such as acct_1Abc2Def3Ghi4Jkl.",
            )
        ],
        help_text="Instead of an IBAN: the number (acct_…) of your account at Stripe that is connected to this market.",
    )

    class Meta:
        abstract = True

    @property
    def goes_through_stripe(self) -> bool:
        return bool(self.stripe_account)

    @property
    def place(self) -> str:
        return self.stripe_account or self.iban

    @property
    def masked(self) -> str:
        """Show only the first and last characters of the account."""
        shown = f"{self.place[:2]}…" if self.iban else "Stripe …"
        return f"{shown}{self.place[-4:]}"


def printable_name(name: str) -> None:
    """Refuse a name that no bank could print."""
    if not name.isprintable() or not unidecode(name).strip():
        raise ValidationError("Banks take letters, digits and a few signs. Write it as your bank does.")


class Schedule(models.TextChoices):
    BY_HAND = "by_hand", "When I ask for it"
    MONTHLY = "monthly", "At the beginning of each month"


class PayoutDetails(Place):
    """The account to which a person is paid.

    They are paid once an admin has checked who they are. A changed account is checked again.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payout_details"
    )
    holder = models.CharField(
        "name on the account",
        max_length=70,
        validators=[printable_name],
        help_text="As the bank knows it. We check who it is.",
    )
    schedule = models.CharField(max_length=10, choices=Schedule.choices, default=Schedule.BY_HAND)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
    )
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "payout details"
        constraints = [
            models.CheckConstraint(
                condition=Q(schedule__in=Schedule.values), name="payments_payoutdetails_schedule_is_known"
            ),
            models.CheckConstraint(
                condition=Q(verified_at__isnull=True, verified_by__isnull=True)
                | Q(verified_at__isnull=False, verified_by__isnull=False),
                name="payments_payoutdetails_verified_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(verified_by__isnull=True) | ~Q(verified_by=F("person")),
                name="payments_payoutdetails_not_verified_by_oneself",
            ),
            models.CheckConstraint(condition=ONE_PLACE, name="payments_payoutdetails_one_place"),
        ]

    def __str__(self) -> str:
        return f"{self.holder}, {self.masked}"

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None


class BatchState(models.TextChoices):
    DRAFT = "draft", "Waiting for approval"
    APPROVED = "approved", "Approved, to be sent"
    SENT = "sent", "Sent"
    SETTLED = "settled", "Settled"


class PayoutBatch(models.Model):
    """Payouts that are sent together: to the bank in one file, and through Stripe one by one.

    The file is made when the batch is approved, and never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.DRAFT)
    total = models.BigIntegerField(help_text="In micro-units.")
    currency = models.CharField(max_length=3, default="EUR")
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    pain = models.TextField(blank=True, help_text="The SEPA file (pain.001).")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "payout batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=BatchState.values), name="payments_payoutbatch_state_is_known"
            ),
            models.CheckConstraint(condition=Q(total__gt=0), name="payments_payoutbatch_total_above_zero"),
            models.CheckConstraint(
                condition=Q(approvals_needed__gte=1), name="payments_payoutbatch_is_approved_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"batch {str(self.pk)[:8]}"

    def get_absolute_url(self) -> str:
        return reverse("payments:payout_batch", args=[self.pk])


class BatchApproval(models.Model):
    """One admin's approval of a batch. Each admin gives it once."""

    batch = models.ForeignKey(PayoutBatch, on_delete=models.CASCADE, related_name="approvals")
    admin = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["approved_at"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "admin"], name="payments_batchapproval_once"),
        ]

    def __str__(self) -> str:
        return f"{self.admin} approved {self.batch}"


class PayoutState(models.TextChoices):
    REQUESTED = "requested", "Asked for"
    BATCHED = "batched", "Being prepared"
    SENT = "sent", "Sent"
    PAID = "paid", "Paid"
    RETURNED = "returned", "Returned"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (PayoutState.REQUESTED.value, PayoutState.BATCHED.value, PayoutState.SENT.value)
GIVEN_BACK = (PayoutState.RETURNED.value, PayoutState.CANCELLED.value)


class Payout(Place):
    """Money on its way from a person's earnings to their account.

    It leaves the earnings when it is asked for (`transfer`). The row keeps the account as it was at that moment: a later change
    holds for the next payout.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payouts")
    amount = models.BigIntegerField(help_text="What is sent, in micro-units; whole cents.")
    withheld = models.BigIntegerField(default=0, help_text="Tax kept back beside it.")
    currency = models.CharField(max_length=3, default="EUR")
    state = models.CharField(max_length=10, choices=PayoutState.choices, default=PayoutState.REQUESTED)
    holder = models.CharField(max_length=70)
    stripe_tried_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When Stripe was last asked to transfer it."
    )
    stripe_transfer = models.CharField(
        max_length=70, blank=True, editable=False, help_text="The transfer's number at Stripe (tr_…)."
    )
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="payout")
    withholding = models.OneToOneField(
        Transfer, null=True, blank=True, on_delete=models.PROTECT, related_name="payout_withheld_from"
    )
    batch = models.ForeignKey(
        PayoutBatch, null=True, blank=True, on_delete=models.PROTECT, related_name="payouts"
    )
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was returned or cancelled.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="payments_payout_person"),
            models.Index(
                fields=["created_at"],
                condition=Q(state=PayoutState.SENT) & ~Q(stripe_account=""),
                name="payments_payout_for_stripe",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PayoutState.values), name="payments_payout_state_is_known"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_payout_amount_above_zero"),
            models.CheckConstraint(
                condition=Q(amount__gte=CENT) & Q(amount=F("amount") / CENT * CENT),
                name="payments_payout_whole_cents",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("requested", "cancelled"), batch__isnull=True)
                | Q(state__in=("batched", "sent", "paid", "returned"), batch__isnull=False),
                name="payments_payout_batch_fits_state",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, ended_at__isnull=True)
                | (~Q(state__in=OPEN) & Q(ended_at__isnull=False)),
                name="payments_payout_ended_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(withheld=0, withholding=None) | Q(withheld__gt=0, withholding__isnull=False),
                name="payments_payout_withheld_has_its_transfer",
            ),
            models.CheckConstraint(condition=ONE_PLACE, name="payments_payout_one_place"),
            models.CheckConstraint(
                condition=Q(stripe_account="", stripe_transfer="", stripe_tried_at__isnull=True)
                | (~Q(stripe_account="") & (~Q(state=PayoutState.PAID) | ~Q(stripe_transfer=""))),
                name="payments_payout_paid_by_its_stripe_transfer",
            ),
            models.UniqueConstraint(
                fields=["stripe_transfer"],
                condition=~Q(stripe_transfer=""),
                name="payments_payout_one_per_stripe_transfer",
            ),
        ]

    def __str__(self) -> str:
        return f"payout {str(self.pk)[:8]}"

    @property
    def gross(self) -> int:
        """What leaves the earnings: the amount sent, and the tax."""
        return self.amount + self.withheld

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_returnable(self) -> bool:
        """Whether it can come back from where it was sent. While Stripe has not answered a transfer, it cannot."""
        return self.state == PayoutState.PAID or (
            self.state == PayoutState.SENT and not self.goes_through_stripe
        )
