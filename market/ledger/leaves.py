"""What a leaf of the tree of sealed transfers contains. A program in any language can make its bytes again from a statement.

A transfer's leaf is its header: what everybody paid by it may see, and one commitment per entry. A commitment is a hash over a
salt and the entry. An artist gets the header and their own entries with their salts, and can make the leaf again. The other
commitments reveal neither who paid nor what others got: without the salt nobody can try out amounts. What concerns only the
market (the key, the memo, the sum, who did it) is one more commitment, at position 0.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from market.ledger.models import Entry, Transfer
from market.ledger.models.seals import SALT_LENGTH

Said = dict[str, Any]


def canonical(said: Mapping[str, Any]) -> bytes:
    """Write as JSON in the one form that is hashed: sorted keys, no spaces, UTF-8."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_said(entry: Entry) -> Said:
    return {
        "transfer": entry.transfer_id,
        "position": entry.position,
        "account": entry.account_id,
        "amount": entry.amount,
        "line": entry.line,
        "subject": entry.subject,
        "memo": entry.memo,
    }


def entries_of(transfers: Iterable[int]) -> dict[int, list[Entry]]:
    """Read all entries of some transfers, by transfer and in order of position."""
    found: dict[int, list[Entry]] = defaultdict(list)
    for entry in Entry.objects.filter(transfer__in=list(transfers)).order_by("transfer", "position"):
        found[entry.transfer_id].append(entry)
    return found


def _private_said(transfer: Transfer) -> Said:
    return {
        "key": transfer.key,
        "request_hash": transfer.request_hash,
        "memo": transfer.memo,
        "amount": transfer.amount,
        "actor": transfer.actor_id,
    }


def salt_of(salt: bytes, position: int) -> bytes:
    """Give the salt of one entry. It reveals nothing about the transfer's other salts."""
    return hmac.digest(salt, str(position).encode(), "sha256")[:SALT_LENGTH]


def commitment(salt: bytes, said: Mapping[str, Any]) -> str:
    return hashlib.sha256(salt + canonical(said)).hexdigest()


def header_said(transfer: Transfer, entries: Sequence[Entry], salt: bytes) -> Said:
    """Give the content whose hash is the leaf. `entries` are all entries of the transfer, by position."""
    return {
        "transfer": transfer.pk,
        "kind": transfer.kind,
        "currency": transfer.currency,
        "reference": transfer.reference,
        "reverses": transfer.reverses_id,
        "created_at": moment(transfer.created_at),
        "commitments": [
            commitment(salt_of(salt, 0), _private_said(transfer)),
            *(commitment(salt_of(salt, entry.position), entry_said(entry)) for entry in entries),
        ],
    }
