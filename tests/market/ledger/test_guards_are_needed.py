"""Every guard, taken away: what it kept out then comes in, so none of them stands there in vain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import Error, IntegrityError, connection, transaction

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.sealing import seal_some
from market.ledger.verification import GUARDS, verify
from tests.market.ledger.conftest import Till, triggers_off

pytestmark = pytest.mark.django_db

TRANSFER = (
    "INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo)"
    " VALUES ('raw', '', 'top_up', '{}', 5, 2, '', '')"
)
ENTRIES = (
    "INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)"
    " SELECT t.id, p.n, a.id, p.amount, 'x', '', '', t.created_at"
    " FROM ledger_transfer t, (VALUES (1, 'gateway_clearing', -5), (2, 'wallet', 5)) p(n, kind, amount)"
    " JOIN ledger_account a ON a.kind = p.kind WHERE t.key = 'raw'"
)
HOLD = (
    "INSERT INTO ledger_hold (key, request_hash, payer_id, currency, amount, shares, reference, expires_at)"
    " SELECT 'raw', '', w.id, 'EUR', 5000, jsonb_build_array(jsonb_build_object('account', e.id, 'amount', 5000, 'line', 'x')),"
    " 'generation:1', now() + interval '1 hour' FROM ledger_account w, ledger_account e"
    " WHERE w.kind = 'wallet' AND e.kind = 'platform_revenue'"
)
RESOLUTION = (
    "INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason)"
    " SELECT p.hold_id, 'posted', t.id, 'raw', '' FROM ledger_pendinghold p, ledger_transfer t WHERE t.kind = 'top_up' LIMIT 1"
)

REFUSING = {
    "ledger_account_append_only": "UPDATE ledger_account SET currency = 'USD' WHERE kind = 'wallet'",
    "ledger_payerbalance_by_trigger": "UPDATE ledger_payerbalance SET posted = posted + 1",
    "ledger_payerbalance_no_truncate": "TRUNCATE ledger_payerbalance",
    "ledger_transfer_append_only": "UPDATE ledger_transfer SET amount = amount + 1",
    "ledger_transfer_balances": TRANSFER.format("EUR"),
    "ledger_entry_append_only": "UPDATE ledger_entry SET amount = 2 * amount",
    "ledger_entry_written": f"{TRANSFER.format('USD')}; {ENTRIES}",
    "ledger_hold_append_only": "UPDATE ledger_hold SET shares = '[]'",
    "ledger_hold_made": HOLD,
    "ledger_holdresolution_append_only": "DELETE FROM ledger_holdresolution WHERE outcome = 'voided'",
    "ledger_holdresolution_resolves": RESOLUTION,
    "ledger_pendinghold_by_trigger": "DELETE FROM ledger_pendinghold",
    "ledger_pendinghold_no_truncate": "TRUNCATE ledger_pendinghold",
    "ledger_leaf_append_only": "UPDATE ledger_leaf SET salt = hash",
    "ledger_subtree_append_only": "UPDATE ledger_subtree SET hash = sha256(hash)",
    "ledger_treehead_append_only": "UPDATE ledger_treehead SET root = sha256(root)",
    "ledger_rollup_by_trigger": "UPDATE ledger_rollup SET amount = amount + 1",
    "ledger_rollup_no_truncate": "TRUNCATE ledger_rollup",
    "ledger_closedperiod_append_only": "UPDATE ledger_closedperiod SET transfers = transfers + 1",
}
"""What each trigger refuses."""


def _open_a_wallet(stranger: User) -> None:
    ledger.account("wallet", stranger)


def _seal(stranger: User) -> None:
    assert seal_some()


KEEPING: dict[str, Callable[[User], None]] = {
    "ledger_account_opened": _open_a_wallet,
    "ledger_leaf_rolled_up": _seal,
}
"""What each of the others, which refuse nothing, adds something to."""

BREAKING = {
    "ledger_account_one_per_owner_kind_currency": "INSERT INTO ledger_account (owner_id, kind, currency) SELECT owner_id, kind, currency FROM ledger_account",
    "ledger_account_currency_is_three_letters": "UPDATE ledger_account SET currency = 'eur'",
    "ledger_account_owner_fits_kind": "UPDATE ledger_account SET owner_id = NULL WHERE kind = 'wallet'",
    "ledger_payerbalance_never_overspent": "UPDATE ledger_payerbalance SET held = posted + 1",
    "ledger_transfer_key_once": "UPDATE ledger_transfer SET key = 'k'",
    "ledger_transfer_key_not_empty": "UPDATE ledger_transfer SET key = '' WHERE key = 'c'",
    "ledger_transfer_amount_above_zero": "UPDATE ledger_transfer SET amount = 0",
    "ledger_transfer_two_entries_or_more": "UPDATE ledger_transfer SET entry_count = 1",
    "ledger_transfer_kind_is_a_word": "UPDATE ledger_transfer SET kind = 'Top up' WHERE kind = 'top_up'",
    "ledger_transfer_reversal_names_what_it_reverses": "UPDATE ledger_transfer SET reverses_id = NULL",
    "ledger_transfer_reverses_id_key": "INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo, reverses_id) SELECT 'raw', '', kind, currency, amount, entry_count, '', '', reverses_id FROM ledger_transfer WHERE kind = 'reversal'",
    "ledger_entry_one_per_position": "UPDATE ledger_entry SET position = 1",
    "ledger_entry_amount_not_zero": "UPDATE ledger_entry SET amount = 0",
    "ledger_entry_position_from_one": "UPDATE ledger_entry SET position = 0 WHERE position = 1",
    "ledger_hold_key_once": "UPDATE ledger_hold SET key = 'k'",
    "ledger_hold_key_not_empty": "UPDATE ledger_hold SET key = '' WHERE id = (SELECT min(id) FROM ledger_hold)",
    "ledger_hold_reference_not_empty": "UPDATE ledger_hold SET reference = ''",
    "ledger_hold_amount_above_zero": "UPDATE ledger_hold SET amount = 0",
    "ledger_hold_expires_after_it_is_made": "UPDATE ledger_hold SET expires_at = created_at",
    "ledger_holdresolution_posted_has_a_transfer": "UPDATE ledger_holdresolution SET transfer_id = NULL",
    "ledger_holdresolution_key_once": "UPDATE ledger_holdresolution SET key = 'k'",
    "ledger_holdresolution_key_not_empty": "UPDATE ledger_holdresolution SET key = '' WHERE outcome = 'voided'",
    "ledger_holdresolution_hold_id_key": "UPDATE ledger_holdresolution SET hold_id = 1",
    "ledger_holdresolution_transfer_id_key": "UPDATE ledger_holdresolution SET transfer_id = 1 WHERE outcome = 'posted'",
    "ledger_leaf_index_from_zero": "UPDATE ledger_leaf SET index = -1 WHERE index = 0",
    "ledger_leaf_transfer_id_key": "UPDATE ledger_leaf SET transfer_id = 1",
    "ledger_subtree_once": "UPDATE ledger_subtree SET level = 1, index = 0",
    "ledger_subtree_above_leaves": "UPDATE ledger_subtree SET level = 0 WHERE level = 2",
    "ledger_treehead_not_empty": "UPDATE ledger_treehead SET size = 0",
    "ledger_treehead_size_key": "INSERT INTO ledger_treehead (size, root, checkpoint, horizon, cluster) SELECT size, root, checkpoint, horizon, cluster FROM ledger_treehead",
    "ledger_rollup_once": "UPDATE ledger_rollup SET span = 'day', sort = 'kind', account_kind = 'x', account_id = NULL, line = '', subject = ''",
    "ledger_closedperiod_is_past": "UPDATE ledger_closedperiod SET until = until + interval '9 days'",
    "ledger_closedperiod_of_whole_days": "UPDATE ledger_closedperiod SET until = until - interval '1 hour'",
    "ledger_closedperiod_until_key": "INSERT INTO ledger_closedperiod (until, transfers, balances) SELECT until, transfers, balances FROM ledger_closedperiod",
}
"""What each constraint refuses, past the triggers."""

IMPLIED = {
    "ledger_account_kind_known": (
        "ledger_account_owner_fits_kind",
        "UPDATE ledger_account SET kind = 'pocket'",
    ),
}
"""Constraints that another one implies: they are there for the name that an error gives."""


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def drop_trigger(name: str) -> None:
    (table,) = (table for table, names in GUARDS.items() if name in names)
    run(f"DROP TRIGGER {name} ON {table}")


def found(but: str) -> set[str]:
    """What the verification finds, but that this guard is missing."""
    findings = {finding.check: finding for finding in verify().findings}
    (missing,) = findings.pop("the triggers that guard the tables are on").examples
    assert f"trigger {but} on" in missing
    return set(findings)


@pytest.fixture
def full(small_subtrees: None, busy: Till) -> Till:
    """A ledger with a row in every table, and a transfer that is not sealed."""
    busy.top_up(1)
    return busy


def test_every_trigger_has_its_case_and_is_looked_for(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'ledger\\_%'"
        )
        triggers = {name for (name,) in cursor.fetchall()}

    assert triggers == REFUSING.keys() | KEEPING.keys()
    assert triggers == {name for names in GUARDS.values() for name in names}


@pytest.mark.parametrize("name", REFUSING)
def test_what_a_trigger_refuses_comes_in_without_it_and_is_found(full: Till, name: str) -> None:
    with pytest.raises(Error):
        run(REFUSING[name])
    assert verify().ok

    drop_trigger(name)
    run(REFUSING[name])

    assert found(but=name)


@pytest.mark.parametrize("name", KEEPING)
def test_what_a_trigger_keeps_is_not_kept_without_it_and_is_found(
    full: Till, stranger: User, name: str
) -> None:
    with transaction.atomic():
        KEEPING[name](stranger)
        assert verify().ok
        transaction.set_rollback(True)

    drop_trigger(name)
    KEEPING[name](stranger)

    assert found(but=name)


def constraints() -> dict[str, str]:
    """The ledger's checks and unique constraints, with their tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text FROM pg_constraint"
            " WHERE contype IN ('c', 'u', 'x') AND conrelid::regclass::text LIKE 'ledger\\_%'"
        )
        return dict(cursor.fetchall())


def test_every_constraint_has_its_case(db: None) -> None:
    assert constraints().keys() == BREAKING.keys() | IMPLIED.keys()


@pytest.mark.parametrize("name", BREAKING)
def test_what_a_constraint_refuses_comes_in_without_it(full: Till, name: str) -> None:
    with triggers_off():
        with pytest.raises(IntegrityError, match=f'"{name}"'):
            run(BREAKING[name])

        run(f"ALTER TABLE {constraints()[name]} DROP CONSTRAINT {name}")
        run(BREAKING[name])


@pytest.mark.parametrize("name", IMPLIED)
def test_what_an_implied_constraint_refuses_is_refused_by_another_name_without_it(
    full: Till, name: str
) -> None:
    by, sql = IMPLIED[name]
    with triggers_off():
        with pytest.raises(IntegrityError, match=f'"{name}"'):
            run(sql)

        run(f"ALTER TABLE {constraints()[name]} DROP CONSTRAINT {name}")
        with pytest.raises(IntegrityError, match=f'"{by}"'):
            run(sql)
