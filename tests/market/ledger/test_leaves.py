"""What a leaf is the hash of, byte by byte: whoever verifies a statement in years makes the same bytes again."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest

from market.ledger import operations as ledger
from market.ledger.leaves import canonical, commitment, entries_of, entry_said, header_said, moment, salt_of
from market.ledger.models import Entry, Transfer
from tests.market.ledger.conftest import Till

SALT = b"0123456789abcdef"
ENTRY = Entry(
    transfer_id=7, position=2, account_id=3, amount=-5, line="plugin_fee", subject="plugin-version:1", memo="Füchse"
)  # fmt: skip
TRANSFER = Transfer(
    pk=7, kind="capture", currency="EUR", reference="generation:1", reverses_id=4, key="k", request_hash="h", memo="why",
    amount=5, actor_id=9, created_at=datetime(2026, 11, 26, 1, 2, 3, 45, tzinfo=timezone(timedelta(hours=1))),
)  # fmt: skip
ENTRY_BYTES = (
    '{"account":3,"amount":-5,"line":"plugin_fee","memo":"Füchse","position":2,"subject":"plugin-version:1","transfer":7}'
).encode()
PRIVATE_BYTES = b'{"actor":9,"amount":5,"key":"k","memo":"why","request_hash":"h"}'


def committed(position: int, said: bytes) -> str:
    salt = hmac.digest(SALT, str(position).encode(), "sha256")[:16]
    return hashlib.sha256(salt + said).hexdigest()


def test_an_entry_is_committed_to_with_all_that_it_says() -> None:
    assert canonical(entry_said(ENTRY)) == ENTRY_BYTES
    assert commitment(salt_of(SALT, 2), entry_said(ENTRY)) == committed(2, ENTRY_BYTES)


def test_a_header_says_what_anybody_may_see_and_commits_to_the_rest() -> None:
    first, second = committed(0, PRIVATE_BYTES), committed(2, ENTRY_BYTES)
    assert canonical(header_said(TRANSFER, [ENTRY], SALT)).decode() == (
        f'{{"commitments":["{first}","{second}"],"created_at":"2026-11-26T00:02:03.000045Z","currency":"EUR",'
        '"kind":"capture","reference":"generation:1","reverses":4,"transfer":7}'
    )


def test_a_moment_is_written_in_utc_to_the_microsecond() -> None:
    assert moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
    east = timezone(timedelta(hours=9))
    assert moment(datetime(2026, 1, 1, 3, 4, 5, 600, tzinfo=east)) == "2025-12-31T18:04:05.000600Z"


def test_a_moment_is_the_same_wherever_the_machine_stands(a_day_ahead: None) -> None:
    assert moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"


@pytest.mark.django_db
def test_entries_are_read_by_transfer_in_the_order_of_their_positions(till: Till) -> None:
    made = [ledger.capture(hold=till.hold(), key=f"c{number}") for number in range(2)]
    till.top_up(1)
    found = entries_of(iter([made[0].pk, made[1].pk]))
    assert {pk: [entry.position for entry in entries] for pk, entries in found.items()} == {
        made[0].pk: [1, 2, 3, 4],
        made[1].pk: [1, 2, 3, 4],
    }
