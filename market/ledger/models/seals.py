"""The tree of all sealed transfers (RFC 9162) and its signed heads. Written by the sealer alone, and only ever added to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from market.ledger.models.transfers import Transfer

HASH_LENGTH, SALT_LENGTH = 32, 16


class Leaf(models.Model):
    """A transfer's place in the tree and the hash there. The salt keeps its parts from being guessed (`leaves`)."""

    index = models.BigIntegerField(primary_key=True)
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="leaf")
    hash = models.BinaryField(max_length=HASH_LENGTH)
    salt = models.BinaryField(max_length=SALT_LENGTH)

    class Meta:
        ordering = ["index"]
        verbose_name_plural = "leaves"
        constraints = [
            models.CheckConstraint(condition=Q(index__gte=0), name="ledger_leaf_index_from_zero"),
        ]

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Subtree(models.Model):
    """The hash of a complete subtree of 256**level leaves: what roots and proofs are made from."""

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=HASH_LENGTH)

    class Meta:
        ordering = ["level", "index"]
        constraints = [
            models.UniqueConstraint(fields=["level", "index"], name="ledger_subtree_once"),
            models.CheckConstraint(
                condition=Q(level__gte=1, index__gte=0), name="ledger_subtree_above_leaves"
            ),
        ]

    def __str__(self) -> str:
        return f"subtree {self.index} of level {self.level}"


class TreeHead(models.Model):
    """The tree at one size, signed: nobody can change a transfer under it, nor show two people different ones, unseen.

    `horizon` is the lowest number that a transaction still open could have had; transfers of lower ones are all in the tree.
    Transactions are numbered by each database cluster for itself, so it counts for `cluster` alone; that is negative as long as what
    another cluster made, or what was there before the first head, is still being sealed.
    """

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=HASH_LENGTH)
    checkpoint = models.TextField(help_text="The signed note (C2SP tlog-checkpoint).")
    horizon = models.BigIntegerField()
    cluster = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-size"]
        get_latest_by = "size"
        constraints = [
            models.CheckConstraint(condition=Q(size__gt=0), name="ledger_treehead_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.size} transfers sealed"
