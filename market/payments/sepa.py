"""The file with which a bank pays many people at once: SEPA credit transfers, ISO 20022 pain.001.001.03."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from sepaxml import SepaTransfer
from text_unidecode import unidecode

from market.payments.models.payouts import CENT

if TYPE_CHECKING:
    from market.payments.models import Payout, PayoutBatch

SCHEMA = "pain.001.001.03"


class NotWritable(Exception):
    """The bank's file cannot hold a payout."""


def sender() -> dict[str, str] | None:
    """Give the market's own account, or None if none is set. Then there is no file for the bank, only a list."""
    if not settings.PAYOUTS.sender_iban:
        return None
    said = {"name": settings.PAYOUTS.sender_name, "IBAN": settings.PAYOUTS.sender_iban}
    return said | ({"BIC": settings.PAYOUTS.sender_bic} if settings.PAYOUTS.sender_bic else {})


def pain_file(batch: PayoutBatch, payouts: Sequence[Payout]) -> str:
    """Write the payouts to banks as one file, checked against the standard's schema.

    It is empty if there are none, or the market has no account of its own. The message has its own number, so keep the file.
    Never send one made again: a bank would take it for another order. Each payment has its payout's number, to match the bank's
    answers.
    """
    from_account = sender()
    if from_account is None or not payouts:
        return ""
    written = SepaTransfer({**from_account, "currency": batch.currency, "batch": True}, schema=SCHEMA)
    for payout in payouts:
        if not unidecode(payout.holder).strip():
            raise NotWritable(f"The name {payout.holder!r} has no letters that a bank takes.")
        payment = {
            "name": payout.holder,
            "IBAN": payout.iban,
            "amount": payout.amount // CENT,
            "execution_date": timezone.localdate(),
            "description": f"Royalties {payout.created_at:%Y-%m-%d} {settings.PUBLIC_URL.split('://', 1)[-1]}",
            "endtoend_id": payout.pk.hex,
        }
        written.add_payment(payment | ({"BIC": payout.bic} if payout.bic else {}))
    try:
        return str(written.export(validate=True).decode())
    except Exception as error:  # the schema's validator has many
        raise NotWritable(f"The file would not keep to the standard ({str(error)[:200]}).") from error
