# ruff: noqa: PT012, S608  # the tampering is raw SQL, made of constants, in one transaction
"""Sealing: every committed transfer gets its leaf once, whatever the order of commits, and a change shows afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import pytest
from django.db import Error, connection, transaction

from market.ledger import operations as ledger
from market.ledger import sealing
from market.ledger.leaves import commitment, entry_said, header_said, salt_of
from market.ledger.models import Leaf, Subtree, Transfer, TreeHead
from market.ledger.seal_verification import CHECKPOINTS
from market.ledger.sealing import kept, seal, seal_some, sealed_tree
from market.ledger.signing import signer
from market.ledger.verification import verify
from market.ledger.verify_statement import Head, Key, check_consistency, read_checkpoint
from tests.market.ledger.conftest import Till, triggers_off

pytestmark = pytest.mark.django_db


def head_of(checkpoint: str) -> Head:
    return read_checkpoint(checkpoint, Key.read(signer().verifier_key))


def sealed() -> set[int]:
    return set(Leaf.objects.values_list("transfer_id", flat=True))


def test_every_transfer_is_sealed_once_under_a_signed_root(till: Till) -> None:
    ledger.capture(hold=till.hold(), key="c")
    assert seal() == Transfer.objects.count() == 2
    assert seal() == 0
    first = head_of(TreeHead.objects.latest().checkpoint)
    till.top_up(5)
    seal_some()
    head = TreeHead.objects.latest()
    after = head_of(head.checkpoint)
    assert (after.size, after.root) == (3, bytes(head.root))
    check_consistency(first, after, sealed_tree(3).consistency(2))
    assert sealed() == set(Transfer.objects.values_list("pk", flat=True))
    assert verify().ok


def test_nothing_is_signed_while_there_is_nothing(db: None) -> None:
    assert seal_some() == 0
    assert not TreeHead.objects.exists()
    assert verify().ok


def test_many_are_sealed_in_batches(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    for _ in range(19):
        till.top_up(1)
    assert seal_some() == 15
    assert seal_some() == 5
    assert [head.size for head in TreeHead.objects.order_by("size")] == [3, 6, 9, 12, 15, 18, 20]
    assert verify().ok


def test_more_than_256_leaves_make_a_subtree_that_is_kept(till: Till) -> None:
    for _ in range(299):
        till.top_up(1)
    seal(200)
    assert not Subtree.objects.exists()
    seal(100)
    assert list(Subtree.objects.values_list("level", "index")) == [(1, 0)]
    assert verify().ok


def test_a_tree_grows_from_the_hashes_that_are_kept(till: Till, small_subtrees: None) -> None:
    till.top_up(1)
    seal()
    for _ in range(9):
        till.top_up(1)
        seal(1)
    assert Subtree.objects.filter(level=1).count() == 5
    assert Subtree.objects.filter(level=3).count() == 1
    # Every root is made again from the leaves alone.
    assert verify().ok
    roots = [head_of(head.checkpoint) for head in TreeHead.objects.order_by("size")]
    for earlier, later in pairwise(roots):
        check_consistency(earlier, later, sealed_tree(later.size).consistency(earlier.size))


def test_where_nothing_is_kept_nothing_is_read(
    db: None, django_assert_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    with django_assert_num_queries(0):
        assert kept(0, 5, 5) == []


def test_no_more_hashes_are_read_than_are_asked_for(till: Till, small_subtrees: None) -> None:
    for _ in range(9):
        till.top_up(1)
    seal()
    for level, rows in ((0, Leaf.objects.all()), (1, Subtree.objects.filter(level=1))):
        hashes = [bytes(each.hash) for each in rows.order_by("index")]
        assert len(hashes) > 3
        assert kept(level, 1, 3) == hashes[1:3]


@pytest.mark.django_db(transaction=True)
def test_a_transfer_that_is_committed_after_a_later_one_was_sealed_is_not_skipped(till: Till) -> None:
    posted, commit, done = threading.Event(), threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            till.top_up(7)
            posted.set()
            assert commit.wait(60)
        connection.close()
        done.set()

    thread = threading.Thread(target=slowly)
    thread.start()
    assert posted.wait(60)
    # Between the market's own accounts: the wallet's row is the other's until it commits.
    later = ledger.post(key="later", debit=till.clearing, credit=till.revenue, amount=3, kind="top_up")
    assert seal_some() > 0
    assert later.pk in sealed()
    commit.set()
    assert done.wait(60)
    thread.join()
    early = Transfer.objects.get(amount=7)
    assert early.pk < later.pk
    assert early.transaction < later.transaction
    assert early.pk not in sealed()
    seal_some()
    assert sealed() == set(Transfer.objects.values_list("pk", flat=True))
    assert verify().ok


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_seal_everything_once(till: Till) -> None:
    for _ in range(30):
        till.top_up(1)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            seal_some()
        except BaseException as error:  # noqa: BLE001  # told to the test
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Leaf.objects.count() == Transfer.objects.count()
    assert verify().ok


def test_after_a_move_to_another_cluster_what_has_lower_transaction_numbers_is_sealed(till: Till) -> None:
    """As after a restored dump: the new cluster counts transactions from the beginning."""
    seal_some()
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_treehead SET cluster = cluster - 1, horizon = 9000000000")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    for _ in range(5):
        till.top_up(5)
    for _ in range(2):
        assert seal(2) == 2  # not all at once: the next searches go on where this one was
        assert TreeHead.objects.latest().cluster < 0
    seal_some()
    assert TreeHead.objects.latest().cluster > 0
    assert sealed() == set(Transfer.objects.values_list("pk", flat=True))
    assert seal() == 0
    assert verify().ok


def test_in_a_copy_that_is_behind_nothing_is_left_out(till: Till) -> None:
    """As after a base backup: the same cluster, whose transactions begin again below those that the head knows."""
    seal_some()
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_treehead SET horizon = 9000000000")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    till.top_up(5)
    assert seal() == 1
    assert sealed() == set(Transfer.objects.values_list("pk", flat=True))


def test_part_of_what_waits_is_the_earliest_and_the_rest_is_found_afterwards(till: Till) -> None:
    late, early = (ledger.capture(hold=till.hold(), key=key) for key in ("late", "early"))
    with triggers_off(), connection.cursor() as cursor:
        for transfer, number in ((late, 50), (early, 10)):
            cursor.execute("UPDATE ledger_transfer SET transaction = %s WHERE id = %s", [number, transfer.pk])
    assert seal(1) == 1
    assert sealed() == {early.pk}
    assert seal(1) == 1
    assert sealed() == {early.pk, late.pk}
    assert seal_some() == 1
    assert verify().ok


def test_once_all_is_sealed_the_next_part_is_in_order(till: Till) -> None:
    seal_some()
    assert TreeHead.objects.latest().cluster > 0
    for _ in range(3):
        till.top_up(1)
    assert seal(2) == 2
    assert TreeHead.objects.latest().cluster > 0


def test_what_was_searched_is_not_searched_again(till: Till) -> None:
    seal_some()
    till.top_up(1)
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_treehead SET horizon = pg_current_xact_id_if_assigned()::text::bigint + 1"
        )
    assert seal() == 0
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_treehead SET horizon = horizon - 1")
    assert seal() == 1


def test_a_horizon_beyond_all_transactions_is_refused(till: Till) -> None:
    seal_some()
    till.top_up(5)
    pk = Transfer.objects.latest("pk").pk
    with (
        pytest.raises(Error, match="beyond every transaction"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT ledger_seal(1, ARRAY[%s]::bigint[], ARRAY['h']::bytea[], ARRAY['s']::bytea[], '{}', '{}', '{}', "
            "'r', 'c', 9000000000, 1)",
            [pk],
        )


def test_a_transfer_that_waits_too_long_is_found(till: Till) -> None:
    assert verify().ok
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_transfer SET created_at = created_at - interval '2 hours'")
        cursor.execute("UPDATE ledger_entry SET created_at = created_at - interval '2 hours'")
    assert [finding.check for finding in verify().findings] == ["every transfer is sealed within an hour"]


@pytest.mark.parametrize("table", ["ledger_leaf", "ledger_subtree", "ledger_treehead"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_tree_is_only_added_to(till: Till, table: str, statement: str) -> None:
    seal_some()
    column = "index" if table == "ledger_leaf" else "id"
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # those of what was there before
        cursor.execute(statement.format(table, column, column))


def test_leaves_that_do_not_follow_on_the_tree_are_refused(till: Till) -> None:
    seal_some()
    pk = Transfer.objects.latest("pk").pk
    for before, transfers, hashes in ((0, [pk], [b"h"]), (1, [], []), (1, [pk], [])):
        with (
            pytest.raises(Error, match="do not follow on"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT ledger_seal(%s, %s::bigint[], %s::bytea[], %s::bytea[], '{}', '{}', '{}', 'r', 'c', 0, 0)",
                [before, transfers, hashes, hashes],
            )
    assert verify().ok


CAPTURE = "(SELECT id FROM ledger_transfer WHERE key = 'c')"
TAMPERING: dict[str, tuple[str, str]] = {
    "an amount, with the balance": (
        f"""UPDATE ledger_entry SET amount = amount + CASE position WHEN 2 THEN 1 ELSE -1 END
             WHERE transfer_id = {CAPTURE} AND position IN (2, 3)""",
        "every sealed transfer is what was sealed",
    ),
    "whose plug-in it was": (
        f"UPDATE ledger_entry SET memo = 'Another' WHERE transfer_id = {CAPTURE} AND position = 2",
        "every sealed transfer is what was sealed",
    ),
    "what it was for": (
        f"UPDATE ledger_transfer SET reference = 'generation:x' WHERE id = {CAPTURE}",
        "every sealed transfer is what was sealed",
    ),
    "the reason": (
        f"UPDATE ledger_transfer SET memo = 'x' WHERE id = {CAPTURE}",
        "every sealed transfer is what was sealed",
    ),
    "when": (
        f"""UPDATE ledger_transfer SET created_at = created_at - interval '1 day' WHERE id = {CAPTURE};
            UPDATE ledger_entry SET created_at = created_at - interval '1 day' WHERE transfer_id = {CAPTURE}""",
        "every sealed transfer is what was sealed",
    ),
    "a leaf": (
        f"UPDATE ledger_leaf SET hash = sha256('x') WHERE transfer_id = {CAPTURE}",
        "every signed root is that of the tree at its size",
    ),
    "a leaf gone": (
        "DELETE FROM ledger_leaf WHERE index = 0",
        "every sealed transfer is what was sealed",
    ),
    "a root": (
        "UPDATE ledger_treehead SET root = sha256('x')",
        "every signed root is that of the tree at its size",
    ),
    "a signature": (
        "UPDATE ledger_treehead SET checkpoint = checkpoint || 'x'",
        CHECKPOINTS,
    ),
    "a checkpoint": (
        "UPDATE ledger_treehead SET checkpoint = replace(checkpoint, E'\n' || size, E'\n1' || size)",
        CHECKPOINTS,
    ),
    "a subtree from nowhere": (
        "INSERT INTO ledger_subtree (level, index, hash) VALUES (1, 0, sha256('x'))",
        "every kept hash of a subtree is that of its leaves",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_whatever_is_changed_around_the_triggers_is_found(till: Till, what: str) -> None:
    ledger.capture(hold=till.hold(), key="c")
    seal_some()
    assert verify().ok
    statement, check = TAMPERING[what]
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert check in {finding.check for finding in verify().findings}


def test_an_entry_is_hidden_by_its_salt_and_shown_by_it_alone(till: Till) -> None:
    transfer = ledger.capture(hold=till.hold(), key="c")
    seal_some()
    salt, entries = bytes(transfer.leaf.salt), list(transfer.entries.order_by("position"))
    header = header_said(transfer, entries, salt)
    shown = [commitment(salt_of(salt, entry.position), entry_said(entry)) for entry in entries]
    assert header["commitments"][1:] == shown
    assert len({salt_of(salt, position) for position in range(len(entries) + 1)}) == len(entries) + 1
    assert set(header) == {
        "transfer",
        "kind",
        "currency",
        "reference",
        "reverses",
        "created_at",
        "commitments",
    }
