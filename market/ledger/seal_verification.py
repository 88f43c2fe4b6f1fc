"""Check the tree of sealed transfers, starting from the transfers: every leaf, every kept subtree, every signed root."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils import timezone

from market.ledger.leaves import canonical, entries_of, header_said
from market.ledger.merkle import WIDE, leaf_hash, node_hash
from market.ledger.models import Entry, Leaf, Subtree, Transfer, TreeHead
from market.ledger.signing import signer

LEAVES = "every sealed transfer is what was sealed"
SUBTREES = "every kept hash of a subtree is that of its leaves"
ROOTS = "every signed root is that of the tree at its size"
CHECKPOINTS = "every checkpoint says what was signed, and with this market's key where it names that"
WAITING = "every transfer is sealed within an hour"
SEAL_CHECKS = (LEAVES, SUBTREES, ROOTS, CHECKPOINTS, WAITING)

_CHUNK = 2000


def wrong_seals() -> dict[str, list[str]]:
    """Say what is wrong, in words, by check. Empty if all is well."""
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
        # The tree is made from the kept leaves, so that one changed transfer is only one finding.
        for place, each in frontier.append(bytes(leaf.hash)):
            if subtrees.pop(place, None) != each:
                wrong[SUBTREES].append("subtree {1} of level {0} is another, or not there".format(*place))
        if (signed := roots.pop(frontier.size, None)) is not None and bytes(signed) != frontier.root():
            wrong[ROOTS].append(f"the root of {frontier.size} transfers is another than was signed")
    wrong[SUBTREES] += [f"subtree {index} of level {level} has no leaves" for level, index in subtrees]
    wrong[ROOTS] += [f"a root of {size} transfers was signed, {frontier.size} have leaves" for size in roots]
    for head in TreeHead.objects.all():
        if problem := _wrong_checkpoint(head):
            wrong[CHECKPOINTS].append(f"of {head.size} transfers: {problem}")
    late = Transfer.objects.filter(created_at__lt=timezone.now() - timedelta(hours=1), leaf=None)
    wrong[WAITING] += [
        f"transfer {pk} waits" for pk in late.order_by("pk").values_list("pk", flat=True)[:1000]
    ]
    return {check: said for check, said in wrong.items() if said}


def _wrong_checkpoint(head: TreeHead) -> str:
    size, root = head.checkpoint.split("\n")[1:3] if head.checkpoint.count("\n") > 2 else ("", "")
    if (size, root) != (str(head.size), b64encode(bytes(head.root)).decode()):
        return "it is of another size or root"
    # Ed25519 always gives the same signature for a message. Signatures by former keys cannot be checked here.
    ours = signer().checkpoint(head.size, bytes(head.root))
    of_this_key = head.checkpoint.startswith(f"{signer().name}\n")
    return "the signature is wrong" if of_this_key and head.checkpoint != ours else ""


def _leaves() -> Iterator[tuple[Leaf, Sequence[Entry]]]:
    """Give the leaves in order, each with its transfer's entries by position."""
    last = -1
    while chunk := list(Leaf.objects.filter(index__gt=last).select_related("transfer")[:_CHUNK]):
        entries = entries_of(leaf.transfer_id for leaf in chunk)
        for leaf in chunk:
            yield leaf, entries[leaf.transfer_id]
        last = chunk[-1].index


class _Frontier:
    """The right edge of a growing tree: the hashes of its largest complete subtrees, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, leaf: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Append a leaf's hash. Give those of the kept subtrees (level, index) that it completes."""
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
