"""Promotional credit: the market's own money, given to people to try the market, and spent before their own.

The market pays for it when it is given, so receivers are paid in full. PROMOTION_PAYS_ROYALTIES says whether it may be spent on
plug-ins, or only on plain base models. Nobody's plug-in is ever used unpaid.
"""

from __future__ import annotations

import uuid

from django.db import transaction

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.ledger import operations as ledger
from market.ledger.models import MICROS, Account, AccountKind, Transfer, TransferKind
from market.ledger.money import formatted
from market.refusals import invalid

MOST = 100 * MICROS
"""The most that is given at a time: more is a typing slip, not a gift."""


def credit_account(person: User, currency: str = "EUR") -> Account | None:
    """Give a person's account for promotional credit, if they ever had any."""
    return Account.objects.filter(kind=AccountKind.PROMOTION, owner=person, currency=currency).first()


def grant_credit(*, person: User, amount: int, admin: User, reason: str, request_id: uuid.UUID) -> Transfer:
    """Give a person credit out of the market's revenue. The same request again gives nothing more."""
    require_admin(admin)
    if person.pk == admin.pk:
        raise invalid("Another admin has to give you credit.")
    if not reason.strip():
        raise invalid("Say what it is given for.")
    if not 0 < amount <= MOST:
        raise invalid(f"At most {formatted(MOST)} is given at a time.")
    key = f"promotion:{request_id}"
    if Transfer.objects.filter(key=key).exists():
        raise invalid("This form was sent before, and the credit was given. Open the page again.")
    with transaction.atomic():
        made = ledger.post(
            key=key,
            debit=ledger.account(AccountKind.PLATFORM_REVENUE),
            credit=ledger.account(AccountKind.PROMOTION, person),
            amount=amount,
            kind=TransferKind.PROMOTION,
            reference=key,
            memo=reason.strip()[:200],
            actor=admin,
        )
        record(
            "credit.granted",
            by=admin,
            target=person,
            reason=reason.strip(),
            details={"amount": formatted(amount)},
        )
    return made
