"""The tree of RFC 9162: roots as published, whatever it grew by, and proofs that the verifier's own code accepts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from market.ledger import merkle
from market.ledger.merkle import Tree, grow, leaf_hash
from market.ledger.verify_statement import (
    Head,
    NotVerified,
    check_consistency,
    check_inclusion,
    root_of_many,
)

# Inputs and roots of the Certificate Transparency project's reference tests (merkle_tree_test.cc), sizes 1 to 8.
INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


class Store:
    """Leaves and subtrees in memory, as the database keeps them."""

    def __init__(self) -> None:
        self.hashes: dict[int, dict[int, bytes]] = {0: {}}

    def kept(self, level: int, first: int, last: int) -> Sequence[bytes]:
        level_hashes = self.hashes.get(level, {})
        return [level_hashes[index] for index in range(first, last) if index in level_hashes]

    @property
    def size(self) -> int:
        return len(self.hashes[0])

    def append(self, leaves: Sequence[bytes]) -> Tree:
        before = self.size
        tree, subtrees = grow(before, leaves, self.kept)
        self.hashes[0].update(enumerate(leaves, before))
        for level, index, each in subtrees:
            assert index not in self.hashes.setdefault(level, {})
            self.hashes[level][index] = each
        return tree


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def by_definition(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash as section 2.1.1 writes it."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(hashes[:half]) + by_definition(hashes[half:])).digest()


@pytest.fixture(params=[1, 8], ids=["subtrees of 2", "subtrees of 256"])
def narrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small subtrees as well, so that a tree of a few dozen leaves has several levels of them."""
    monkeypatch.setattr(merkle, "BITS", request.param)
    monkeypatch.setattr(merkle, "WIDE", 1 << request.param)


def test_roots_are_the_published_ones(narrow: None) -> None:
    store = Store()
    for data, root in zip(INPUTS, ROOTS, strict=True):
        assert store.append([leaf_hash(bytes.fromhex(data))]).root().hex() == root
    assert Tree(0, store.kept).root() == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("steps", [[1] * 40, [3, 1, 14, 7, 15], [40], [255, 1, 300, 30]])
def test_a_tree_is_the_same_however_it_grew(narrow: None, steps: list[int]) -> None:
    store, hashes = Store(), leaves(sum(steps))
    for step in steps:
        tree = store.append(hashes[store.size : store.size + step])
        assert tree.root() == by_definition(hashes[: store.size])
    for size in range(1, len(hashes) + 1, 7):
        assert Tree(size, store.kept).root() == by_definition(hashes[:size])


def test_every_leaf_of_every_tree_is_proved_and_no_other(narrow: None) -> None:
    hashes, store = leaves(33), Store()
    store.append(hashes)
    for size in (1, 2, 3, 7, 8, 9, 31, 32, 33):
        tree = Tree(size, store.kept)
        head = Head(size, tree.root())
        for index in range(size):
            path = tree.inclusion(index)
            check_inclusion(hashes[index], index, head, path)
            for wrong_leaf, wrong_index in ((leaf_hash(b"x"), index), (hashes[index], index + 1)):
                with pytest.raises(NotVerified):
                    check_inclusion(wrong_leaf, wrong_index, head, path)
            for wrong in ([*path, hashes[0]], path[:-1] if path else [hashes[0]]):
                with pytest.raises(NotVerified):
                    check_inclusion(hashes[index], index, head, wrong)


def test_every_tree_is_proved_to_be_the_beginning_of_every_later_one(narrow: None) -> None:
    store = Store()
    store.append(leaves(33))
    heads = [Head(size, Tree(size, store.kept).root()) for size in range(34)]
    for after in heads[1:]:
        for before in heads[1 : after.size + 1]:
            path = Tree(after.size, store.kept).consistency(before.size)
            check_consistency(before, after, path)
            with pytest.raises(NotVerified):
                check_consistency(Head(before.size, leaf_hash(b"another")), after, path)
            with pytest.raises(NotVerified):
                check_consistency(before, after, [*path, after.root])


@pytest.mark.parametrize("chosen", [[0], [32], [0, 32], [5, 6, 7, 8, 20], list(range(33)), [31]])
def test_many_leaves_are_proved_at_once_with_as_few_hashes_as_can_be(narrow: None, chosen: list[int]) -> None:
    hashes, store = leaves(33), Store()
    tree = store.append(hashes)
    proof = tree.proof_of_many(chosen)
    inside = {index: hashes[index] for index in chosen}
    assert root_of_many(33, inside, proof) == tree.root()
    assert len(proof) <= len(tree.inclusion(chosen[0])) * len(chosen)
    assert root_of_many(33, inside | {chosen[0]: leaf_hash(b"x")}, proof) != tree.root()
    for wrong in ([*proof, hashes[0]], proof[:-1]):
        if wrong != proof:
            with pytest.raises(NotVerified):
                root_of_many(33, inside, wrong)


@pytest.mark.parametrize(
    ("ask", "argument", "problem"),
    [
        ("inclusion", 33, "^expected a leaf below 33, found 33$"),
        ("inclusion", -1, "^expected a leaf below 33, found -1$"),
        ("consistency", 0, "^expected a size from 1 to 33, found 0$"),
        ("consistency", 34, "^expected a size from 1 to 33, found 34$"),
        ("proof_of_many", [], "^expected leaves of the tree$"),
        ("proof_of_many", [0, 33], "^expected leaves of the tree$"),
        ("proof_of_many", [-1, 5], "^expected leaves of the tree$"),
    ],
)
def test_what_is_not_in_the_tree_is_refused(ask: str, argument: object, problem: str) -> None:
    tree = Store().append(leaves(33))
    with pytest.raises(ValueError, match=problem):
        getattr(tree, ask)(argument)


def test_what_was_read_is_not_read_again(narrow: None) -> None:
    store, read = Store(), []
    store.append(leaves(33))

    def kept(level: int, first: int, last: int) -> Sequence[bytes]:
        read.append((level, first, last))
        return store.kept(level, first, last)

    tree = Tree(33, kept)
    for index in range(33):
        tree.inclusion(index)
    assert len(read) == len(set(read)) > 0
    assert all(first < last <= 33 // merkle.WIDE**level for level, first, last in read)
