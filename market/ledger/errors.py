"""The ledger's refusals, as exceptions. After any of them the ledger is as it was before the call."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from django.db import Error


class LedgerError(Exception):
    """The ledger refused the request and is unchanged."""


class BadRequest(LedgerError, ValueError):
    """The request makes no sense: an empty key, a naive expiry, no shares, the same account twice."""


class BadAmount(BadRequest):
    """The amount is zero, negative, not a whole number of micro-units, or does not fit 64 bits."""


class CurrencyMismatch(BadRequest):
    """Accounts of different currencies in one transfer or hold."""


class NotAPayer(BadRequest):
    """A hold on an account that is neither a wallet nor promotional credit."""


class UnknownAccount(LedgerError, LookupError):
    """There is no such account."""


class UnknownHold(LedgerError, LookupError):
    """There is no such hold."""


class UnknownTransfer(LedgerError, LookupError):
    """There is no such transfer."""


class InsufficientFunds(LedgerError):
    """The account has less than was asked for. Amounts are in micro-units."""

    def __init__(self, available: int, needed: int) -> None:
        super().__init__(f"{available} micro-units are available, {needed} are needed")
        self.available = available
        self.needed = needed


class IdempotencyConflict(LedgerError):
    """The key was used before, for a different request."""


class HoldAlreadyResolved(LedgerError):
    """The hold was captured or voided before."""


class HoldAlreadyPosted(HoldAlreadyResolved):
    """The hold was captured before."""


class HoldAlreadyVoided(HoldAlreadyResolved):
    """The hold was voided, or it expired, before."""


class AlreadyReversed(LedgerError):
    """The transfer was reversed before, under another key."""


class NotReversible(LedgerError):
    """The transfer is itself a reversal."""


class PeriodClosed(LedgerError):
    """The posting would fall into a closed period: the database's clock has gone back."""


class NotClosable(LedgerError):
    """The period is closed already, or it is not over."""


class LedgerBusy(LedgerError):
    """Other transactions held the needed locks for too long. Try again."""


class InvariantBroken(LedgerError):
    """A write that would have left the ledger inconsistent: a mistake in the program, stopped by the database."""


class AppendOnly(InvariantBroken):
    """An attempt to change or delete what was written."""


_BY_STATE: dict[str, type[LedgerError]] = {
    "LG002": IdempotencyConflict,
    "LG003": HoldAlreadyPosted,
    "LG004": HoldAlreadyVoided,
    "LG005": UnknownHold,
    "LG006": UnknownTransfer,
    "LG007": AlreadyReversed,
    "LG008": NotReversible,
    "LG009": CurrencyMismatch,
    "LG010": BadAmount,
    "LG011": InvariantBroken,
    "LG012": AppendOnly,
    "LG013": UnknownAccount,
    "LG014": NotAPayer,
    "LG015": BadRequest,
    "LG016": PeriodClosed,
    "LG017": NotClosable,
    "LG018": NotClosable,
    "55P03": LedgerBusy,  # lock_not_available
    "22003": BadAmount,  # numeric_value_out_of_range: a balance would leave 64 bits
}

_BY_CONSTRAINT: dict[str, type[LedgerError]] = {
    "ledger_transfer_kind_is_a_word": BadRequest,
    "ledger_hold_expires_after_it_is_made": BadRequest,
}


def translated(error: Error) -> LedgerError | None:
    """Translate a database error into the ledger's. None if it is another kind of error."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    message = cause.diag.message_primary or str(cause)
    if cause.sqlstate == "LG001":
        detail: dict[str, Any] = json.loads(cause.diag.message_detail or "{}")
        return InsufficientFunds(available=int(detail["available"]), needed=int(detail["needed"]))
    constraint = cause.diag.constraint_name or ""
    if cause.sqlstate in _BY_STATE:
        return _BY_STATE[cause.sqlstate](message)
    if constraint in _BY_CONSTRAINT:
        return _BY_CONSTRAINT[constraint](message)
    if constraint.startswith("ledger_holdresolution_key"):
        return IdempotencyConflict("The key was used for another request")
    if constraint.startswith("ledger_"):
        return InvariantBroken(message)
    return None
