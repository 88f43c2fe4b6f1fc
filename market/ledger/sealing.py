"""Seal committed transfers: append each to the tree once, and sign the tree's new head.

Transfers get their numbers before they are committed, so a lower number may become visible after a higher one was sealed.
Therefore the order does not matter: every visible transfer without a leaf is sealed. The search begins at the lowest
transaction that was open when the last head was made. Anything that was not visible then has this number or a higher one. Every
cluster numbers its transactions separately. In a new cluster, such as after restoring a dump, or in a copy that is behind, all
transfers are searched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from market.ledger.leaves import canonical, entries_of, header_said
from market.ledger.merkle import Tree, grow, leaf_hash
from market.ledger.models import Leaf, Subtree, Transfer, TreeHead
from market.ledger.models.seals import SALT_LENGTH
from market.ledger.signing import signer

BATCH, _BATCHES = 2000, 5
_LOCK = 7_266_001  # the sealer's number among PostgreSQL's advisory locks


def seal_some() -> int:
    """Seal a few batches. Give how many transfers. The rest is left for the next time."""
    sealed = 0
    for _ in range(_BATCHES):
        sealed += (found := seal(BATCH))
        if found < BATCH:
            break
    return sealed


def seal(most: int = BATCH) -> int:
    """Seal up to `most` transfers under one new head. Give how many. Two sealers take turns."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Read before the transfers: one committed in between is found again next time, and has its leaf by then.
        cursor.execute(
            "SELECT pg_snapshot_xmin(now)::text::bigint, system_identifier, greatest("
            "  pg_snapshot_xmax(now)::text::bigint, pg_current_xact_id_if_assigned()::text::bigint + 1) "
            "FROM pg_current_snapshot() AS now, pg_control_system()"
        )
        open_from, cluster, next_one = cursor.fetchone()
        head = TreeHead.objects.first()
        waiting = Transfer.objects.filter(~Exists(Leaf.objects.filter(transfer=OuterRef("pk"))))
        known = head if head and head.horizon <= next_one and abs(head.cluster) == cluster else None
        if known:
            waiting = waiting.filter(transaction__gte=known.horizon)
        if in_order := known is not None and known.cluster == cluster:
            # Higher numbers than this cluster has reached belong to another cluster's transfers: those have their leaves.
            waiting = waiting.filter(transaction__lt=next_one)
        found = list(waiting.order_by("transaction", "pk")[:most])
        if not found:
            return 0
        whole = len(found) < most
        horizon = open_from if whole else min(open_from, found[-1].transaction)
        _append(head.size if head else 0, found, horizon, cluster if whole or in_order else -cluster)
    return len(found)


def _append(before: int, found: Sequence[Transfer], horizon: int, cluster: int) -> None:
    entries = entries_of(each.pk for each in found)
    salts = [os.urandom(SALT_LENGTH) for _ in found]
    hashes = [
        leaf_hash(canonical(header_said(each, entries[each.pk], salt)))
        for each, salt in zip(found, salts, strict=True)
    ]
    tree, subtrees = grow(before, hashes, kept)
    root = tree.root()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_seal(%s, %s::bigint[], %s::bytea[], %s::bytea[], %s::smallint[], %s::bigint[], %s::bytea[],"
            " %s, %s, %s, %s)",
            [
                before, [each.pk for each in found], hashes, salts,
                [level for level, _, _ in subtrees], [index for _, index, _ in subtrees], [each for *_, each in subtrees],
                root, signer().checkpoint(tree.size, root), horizon, cluster,
            ],
        )  # fmt: skip


def kept(level: int, first: int, last: int) -> list[bytes]:
    """Read the kept hashes of leaves, or of subtrees, in [first, last)."""
    if last <= first:
        return []
    rows = Leaf.objects.all() if level == 0 else Subtree.objects.filter(level=level)
    found = rows.filter(index__gte=first, index__lt=last).order_by("index").values_list("hash", flat=True)
    return [bytes(each) for each in found]


def sealed_tree(size: int) -> Tree:
    """Give the tree as it was at an earlier size."""
    return Tree(size, kept)
