"""Check the tree of sealed transfers from the transfers up: every leaf, every subtree kept, every root ever signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from market.ledger.leaves import canonical, header_said
from market.ledger.merkle import WIDE, leaf_hash, node_hash
from market.ledger.models import Entry, Leaf, Subtree, TreeHead
from market.ledger.signing import signer

LEAVES = "every sealed transfer is what was sealed"
SUBTREES = "every kept hash of a subtree is that of its leaves"
ROOTS = "every signed root is that of the tree at its size"
SIGNATURES = "the last root is signed with this market's key"
SEAL_CHECKS = (LEAVES, SUBTREES, ROOTS, SIGNATURES)

_CHUNK = 2000


def wrong_seals() -> dict[str, list[str]]:
    """Say by check what is wrong, each in words; nothing where all is well."""
    wrong: dict[str, list[str]] = defaultdict(list)
    roots = dict(TreeHead.objects.values_list("size", "root"))
    subtrees = {
        (level, index): bytes(each)
        for level, index, each in Subtree.objects.values_list("level", "index", "hash")
    }
    frontier = _Frontier()
    for leaf, entries in _leaves():
        if leaf.index != frontier.size:
            wrong[LEAVES].append(f"leaf {leaf.index} follows on {frontier.size - 1}")
            break
        found = leaf_hash(canonical(header_said(leaf.transfer, entries, bytes(leaf.salt))))
        if found != bytes(leaf.hash):
            wrong[LEAVES].append(
                f"transfer {leaf.transfer_id}, leaf {leaf.index}, was changed after it was sealed"
            )
        # The tree is made of the leaves as they are kept, so that one changed transfer is one finding.
        for place, each in frontier.append(bytes(leaf.hash)):
            if subtrees.pop(place, None) != each:
                wrong[SUBTREES].append("subtree {1} of level {0} is another, or not there".format(*place))
        if (signed := roots.pop(frontier.size, None)) is not None and bytes(signed) != frontier.root():
            wrong[ROOTS].append(f"the root of {frontier.size} transfers is another than was signed")
    wrong[SUBTREES] += [f"subtree {index} of level {level} has no leaves" for level, index in subtrees]
    wrong[ROOTS] += [f"a root of {size} transfers was signed, {frontier.size} have leaves" for size in roots]
    last = TreeHead.objects.first()
    if last and last.checkpoint != signer().checkpoint(last.size, bytes(last.root)):
        wrong[SIGNATURES].append(f"the checkpoint of {last.size} transfers is not what this key signs")
    return {check: said for check, said in wrong.items() if said}


def _leaves() -> Iterator[tuple[Leaf, Sequence[Entry]]]:
    """Give the leaves in order, each with its transfer's entries by position."""
    last = -1
    while chunk := list(Leaf.objects.filter(index__gt=last).select_related("transfer")[:_CHUNK]):
        entries: dict[int, list[Entry]] = defaultdict(list)
        transfers = [leaf.transfer_id for leaf in chunk]
        for entry in Entry.objects.filter(transfer__in=transfers).order_by("transfer", "position"):
            entries[entry.transfer_id].append(entry)
        for leaf in chunk:
            yield leaf, entries[leaf.transfer_id]
        last = chunk[-1].index


class _Frontier:
    """The right edge of a growing tree: the hashes of its largest complete subtrees, the highest first."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, leaf: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Append a leaf's hash; give the subtrees (level, index) that it completes, of those that are kept."""
        self.size += 1
        number, found, length, level = self.size, leaf, 1, 1
        while not number & 1:
            found, number, length = node_hash(self._edge.pop(), found), number >> 1, length << 1
            if length == WIDE**level:
                yield (level, self.size // length - 1), found
                level += 1
        self._edge.append(found)

    def root(self) -> bytes:
        found = self._edge[-1]
        for each in reversed(self._edge[:-1]):
            found = node_hash(each, found)
        return found
