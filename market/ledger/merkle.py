"""The Merkle tree of RFC 9162, section 2.1, over leaves that are only ever appended: its root, and proofs about it.

Pure; hashes are SHA-256, 32 bytes. Hashes of complete subtrees never change. So those of 256 leaves, of 256² and so on are kept
beside the leaves' own (`Kept`). With them a root, or a proof about one leaf, needs only a few hundred hashes, however large the
tree is. A range [low, high) of leaves is a node of the tree: the whole tree, or one side of such a range. A range is split at
the largest power of two below its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count

BITS = 8
WIDE = 1 << BITS  # leaves of a kept subtree of level 1; and kept subtrees in one of the next level

# Gives the hashes of the complete subtrees [first, last) of a level: of single leaves at level 0, of WIDE**level leaves above.
# Gives none if last is not above first.
Kept = Callable[[int, int, int], Sequence[bytes]]


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Give the hash over the hashes of equal subtrees. Their number is a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


class Tree:
    """A tree of so many leaves, read from its kept hashes. What was read is cached."""

    def __init__(self, size: int, kept: Kept) -> None:
        self.size = size
        self._kept = kept
        self._known: dict[tuple[int, int], Sequence[bytes]] = {}

    def root(self) -> bytes:
        """Give the tree's hash. For an empty tree it is the hash of no bytes."""
        return self.hash(0, self.size) if self.size else hashlib.sha256(b"").digest()

    def hash(self, low: int, high: int) -> bytes:
        """Give the hash of a range."""
        length = high - low
        if length & (length - 1):
            middle = low + halved(length)
            return node_hash(self.hash(low, middle), self.hash(middle, high))
        level, within = divmod(length.bit_length() - 1, BITS)
        first = low // WIDE**level
        return fold(self._read(level, first, first + (1 << within)))

    def _read(self, level: int, first: int, last: int) -> Sequence[bytes]:
        """Read whole blocks of WIDE at a time: neighbours will be needed next."""
        block = first // WIDE
        if (level, block) not in self._known:
            most = self.size // WIDE**level
            self._known[level, block] = self._kept(level, block * WIDE, min((block + 1) * WIDE, most))
        return self._known[level, block][first - block * WIDE : last - block * WIDE]

    def inclusion(self, index: int) -> list[bytes]:
        """Prove that a leaf is in the tree: the hashes beside its path to the root, from the leaf up (section 2.1.3)."""
        _require(0 <= index < self.size, f"expected a leaf below {self.size}, found {index}")
        path, low, high = [], 0, self.size
        while high - low > 1:
            middle = low + halved(high - low)
            if index < middle:
                path.append(self.hash(middle, high))
                high = middle
            else:
                path.append(self.hash(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, before: int) -> list[bytes]:
        """Prove that the tree of the first `before` leaves is the beginning of this one (section 2.1.4)."""
        _require(0 < before <= self.size, f"expected a size from 1 to {self.size}, found {before}")
        path, low, high, whole = [], 0, self.size, True
        while before < high:
            middle = low + halved(high - low)
            if before <= middle:
                path.append(self.hash(middle, high))
                high = middle
            else:
                path.append(self.hash(low, middle))
                low, whole = middle, False
        if not whole:
            path.append(self.hash(low, high))
        return path[::-1]

    def proof_of_many(self, indices: Sequence[int]) -> list[bytes]:
        """Prove many leaves at once: the hashes of the largest ranges without any of them, from left to right.

        A verifier who has the leaves divides the tree as `hash` does, and takes the next of these hashes for each range without
        a leaf.
        """
        wanted = sorted(set(indices))
        _require(bool(wanted) and wanted[0] >= 0 and wanted[-1] < self.size, "expected leaves of the tree")
        return list(self._outside(0, self.size, wanted))

    def _outside(self, low: int, high: int, wanted: Sequence[int]) -> Iterator[bytes]:
        if not wanted:
            yield self.hash(low, high)
        elif high - low > 1:
            middle = low + halved(high - low)
            left = [index for index in wanted if index < middle]
            yield from self._outside(low, middle, left)
            yield from self._outside(middle, high, wanted[len(left) :])


def grow(before: int, new: Sequence[bytes], kept: Kept) -> tuple[Tree, list[tuple[int, int, bytes]]]:
    """Append leaves' hashes to a tree of `before`. Give the tree, and the newly complete subtrees (level, index, hash) to keep."""
    made = {(0, before + number): each for number, each in enumerate(new)}

    def with_new(level: int, first: int, last: int) -> Sequence[bytes]:
        old = kept(level, first, min(last, before // WIDE**level))
        return [*old, *(made[level, index] for index in range(first + len(old), last))]

    after = before + len(new)
    for level in count(1):
        first, last = before // WIDE**level, after // WIDE**level
        if first == last:
            break
        for index in range(first, last):
            made[level, index] = fold(with_new(level - 1, index * WIDE, (index + 1) * WIDE))
    subtrees = [(level, index, each) for (level, index), each in made.items() if level]
    return Tree(after, with_new), subtrees


def halved(length: int) -> int:
    """Give the largest power of two below a length of two or more: where RFC 9162 divides a range."""
    return 1 << ((length - 1).bit_length() - 1)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
