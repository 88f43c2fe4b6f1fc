"""What payouts need: money that was earned, and where it is to go."""

from __future__ import annotations

import uuid
from typing import Any

from market.accounts.models import User
from market.payments.models import Payout, PayoutDetails
from market.payments.payouts import (
    keep_details,
    request_payout,
    verify_details,
)

EURO = 1_000_000
IBAN, OTHER_IBAN = "DE89370400440532013000", "FR1420041010050500013M02606"


def ask(person: User, amount: int, request_id: uuid.UUID | None = None) -> Payout:
    return request_payout(person=person, amount=amount, request_id=request_id or uuid.uuid4())


def with_details(person: User, admin: User, **changes: Any) -> PayoutDetails:
    details = keep_details(
        person, PayoutDetails(holder=str(person), iban=changes.pop("iban", IBAN), **changes)
    )
    assert verify_details(details, admin)
    details.refresh_from_db()
    return details
