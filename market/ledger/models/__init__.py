"""The ledger's tables: transfers, the tree that seals them, sums by day, and closed periods."""

from market.ledger.models.figures import Figure, FigureSort, Rollup, Span
from market.ledger.models.periods import ClosedPeriod
from market.ledger.models.rates import NOT_FOR_THE_PAST, DatedRate
from market.ledger.models.seals import Leaf, Subtree, TreeHead
from market.ledger.models.transfers import (
    KEY_LENGTH,
    LARGEST,
    MICROS,
    OWNED_KINDS,
    PAYER_KINDS,
    PLATFORM_KINDS,
    Account,
    AccountKind,
    Entry,
    Hold,
    HoldOutcome,
    HoldQuerySet,
    HoldResolution,
    PayerBalance,
    PendingHold,
    TransactionId,
    Transfer,
    TransferKind,
)

__all__ = [
    "KEY_LENGTH",
    "LARGEST",
    "MICROS",
    "NOT_FOR_THE_PAST",
    "OWNED_KINDS",
    "PAYER_KINDS",
    "PLATFORM_KINDS",
    "Account",
    "AccountKind",
    "ClosedPeriod",
    "DatedRate",
    "Entry",
    "Figure",
    "FigureSort",
    "Hold",
    "HoldOutcome",
    "HoldQuerySet",
    "HoldResolution",
    "Leaf",
    "PayerBalance",
    "PendingHold",
    "Rollup",
    "Span",
    "Subtree",
    "TransactionId",
    "Transfer",
    "TransferKind",
    "TreeHead",
]
