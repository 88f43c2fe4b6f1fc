"""The tree of all sealed transfers (RFC 9162) and its signed heads. Only the sealer writes them, and rows are only added."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from market.ledger.models.transfers import Transfer

HASH_LENGTH, SALT_LENGTH = 32, 16


class Leaf(models.Model):
    """A transfer's place in the tree and its hash. Because of the salt nobody can guess its parts (`leaves`)."""

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
    """The hash of a complete subtree of 256**level leaves. Roots and proofs are made from these."""

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
    """The tree at one size, signed. Changing a sealed transfer, or showing people different trees, would be noticed.

    `horizon` is the lowest number that a transaction still open could have had. Transfers of lower transactions are all in the
    tree. Each database cluster numbers its transactions separately, so `horizon` holds only for `cluster`. `cluster` is
    negative while transfers from another cluster, or from before the first head, are still being sealed.
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
