# ruff: noqa: S608  # the tampering is made of constants
"""What the check of the sealed tree says, word by word: an admin finds by it what was changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from market.ledger import operations as ledger
from market.ledger import seal_verification
from market.ledger.models import Subtree, Transfer, TreeHead
from market.ledger.seal_verification import CHECKPOINTS, LEAVES, ROOTS, SUBTREES, WAITING, wrong_seals
from market.ledger.sealing import seal, seal_some
from tests.market.ledger.conftest import Till, date_back, triggers_off

pytestmark = pytest.mark.django_db


def tamper(sql: str) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def sealed(till: Till) -> list[int]:
    """Five transfers, each sealed under a head of its own; their numbers in the order of the tree."""
    seal()
    for _ in range(4):
        till.top_up(1)
        seal()
    return list(Transfer.objects.order_by("leaf__index").values_list("pk", flat=True))


def test_a_tree_that_was_left_alone_is_right_at_every_size(sealed: list[int]) -> None:
    assert wrong_seals() == {}


def test_leaves_are_read_in_chunks(sealed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_verification, "_CHUNK", 2)
    assert wrong_seals() == {}
    tamper(f"UPDATE ledger_transfer SET memo = 'x' WHERE id = {sealed[4]}")
    assert wrong_seals() == {LEAVES: [f"transfer {sealed[4]}, leaf 4, was changed after it was sealed"]}


def test_each_changed_transfer_is_named(sealed: list[int]) -> None:
    tamper(f"UPDATE ledger_transfer SET memo = 'x' WHERE id IN ({sealed[1]}, {sealed[3]})")
    assert wrong_seals() == {
        LEAVES: [
            f"transfer {sealed[1]}, leaf 1, was changed after it was sealed",
            f"transfer {sealed[3]}, leaf 3, was changed after it was sealed",
        ]
    }


def test_a_gap_in_the_leaves_is_named_and_what_comes_after_it_not_guessed(sealed: list[int]) -> None:
    tamper("DELETE FROM ledger_leaf WHERE index = 2")
    assert wrong_seals()[LEAVES] == ["leaf 3 follows on 1"]


def test_a_changed_leaf_is_told_by_every_root_from_there_on(sealed: list[int]) -> None:
    tamper("UPDATE ledger_leaf SET hash = sha256('x') WHERE index = 3")
    assert wrong_seals() == {
        LEAVES: [f"transfer {sealed[3]}, leaf 3, was changed after it was sealed"],
        ROOTS: [
            "the root of 4 transfers is another than was signed",
            "the root of 5 transfers is another than was signed",
        ],
    }


def test_a_root_over_leaves_that_are_gone_is_named(sealed: list[int]) -> None:
    tamper("DELETE FROM ledger_leaf WHERE index > 2")
    found = wrong_seals()
    assert sorted(found.pop(ROOTS)) == [
        "a root of 4 transfers was signed, 3 have leaves",
        "a root of 5 transfers was signed, 3 have leaves",
    ]
    assert found == {}


def test_a_kept_subtree_is_that_of_its_256_leaves(till: Till) -> None:
    for _ in range(256):
        till.top_up(1)
    seal()
    assert wrong_seals() == {}
    tamper("UPDATE ledger_subtree SET hash = sha256('x')")
    assert wrong_seals() == {SUBTREES: ["subtree 0 of level 1 is another, or not there"]}
    tamper("UPDATE ledger_subtree SET index = 1")
    assert wrong_seals() == {
        SUBTREES: ["subtree 0 of level 1 is another, or not there", "subtree 1 of level 1 has no leaves"]
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("replace(checkpoint, E'\\n' || size, E'\\n1' || size)", "it is of another size or root"),
        ("replace(checkpoint, E'\\n' || size || E'\\n', E'\\n' || size || E'\\nx')", "it is of another size or root"),
        ("'nothing'", "it is of another size or root"),
        ("split_part(checkpoint, E'\\n', 1) || E'\\n' || size", "it is of another size or root"),
        ("split_part(checkpoint, E'\\n\\n', 1)", "it is of another size or root"),
        ("split_part(checkpoint, E'\\n\\n', 1) || E'\\n'", "the signature is wrong"),
        ("checkpoint || 'x'", "the signature is wrong"),
        ("overlay(checkpoint placing 'x' from length(checkpoint) - 9)", "the signature is wrong"),
    ],
)  # fmt: skip
def test_a_checkpoint_says_what_was_signed(sealed: list[int], change: str, problem: str) -> None:
    tamper(f"UPDATE ledger_treehead SET checkpoint = {change} WHERE size = 3")
    assert wrong_seals() == {CHECKPOINTS: [f"of 3 transfers: {problem}"]}


def test_what_a_former_key_signed_is_not_judged(sealed: list[int]) -> None:
    tamper("UPDATE ledger_treehead SET checkpoint = 'former-' || checkpoint")
    assert TreeHead.objects.count() == 5
    assert wrong_seals() == {}


@pytest.mark.parametrize(("minutes", "late"), [(59, False), (61, True)])
def test_a_transfer_may_wait_for_an_hour(till: Till, minutes: int, late: bool) -> None:
    seal_some()
    waiting = [ledger.capture(hold=till.hold(), key=key).pk for key in ("a", "b")]
    for table, column in (("ledger_transfer", "id"), ("ledger_entry", "transfer_id")):
        tamper(
            f"UPDATE {table} SET created_at = created_at - interval '{minutes} minutes' WHERE {column} >= {waiting[0]}"
        )
    assert wrong_seals() == ({WAITING: [f"transfer {pk} waits" for pk in waiting]} if late else {})


def test_what_was_posted_long_ago_and_is_sealed_does_not_wait(till: Till) -> None:
    old = date_back(Transfer.objects.get(), timezone.now() - timedelta(hours=2))
    assert wrong_seals() == {WAITING: [f"transfer {old.pk} waits"]}
    seal()
    assert wrong_seals() == {}


def test_a_tree_with_several_levels_of_subtrees_is_right(small_subtrees: None, till: Till) -> None:
    for _ in range(10):
        till.top_up(1)
    seal()
    assert set(Subtree.objects.values_list("level", flat=True)) == {1, 2, 3}
    assert wrong_seals() == {}
