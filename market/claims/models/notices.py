"""The two papers of a claim, kept as they were signed: the artist's notice, and the other party's counter-notice."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

NAME_LENGTH = 120
ADDRESS_LENGTH = 500
TELEPHONE_LENGTH = 40
PAPER_FIELDS = ("signature", "address", "telephone", "email")
"""Who signed, and how to reach them."""


class Paper(models.Model):
    """What both papers have: who signed, how to reach them, and the sentences they agreed to, word for word."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signature = models.CharField(
        max_length=NAME_LENGTH, help_text="The full name, typed in place of a signature."
    )
    address = models.TextField(max_length=ADDRESS_LENGTH)
    telephone = models.CharField(max_length=TELEPHONE_LENGTH)
    email = models.EmailField()
    material = models.TextField(max_length=4000, help_text="What it is about, and where it is found.")
    statements = models.TextField(help_text="What was agreed to, word for word.")
    signed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} of {self.signature}"


class Notice(Paper):
    """The artist's notice with its six elements (17 U.S.C. 512(c)(3)(A)). Append-only, also in the database."""

    works = models.TextField(max_length=4000, help_text="Which works are meant.")
    in_good_faith = models.BooleanField()
    accurate_under_perjury = models.BooleanField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(in_good_faith=True, accurate_under_perjury=True),
                name="claims_notice_both_statements_made",
            ),
            models.CheckConstraint(
                condition=~Q(signature="")
                & ~Q(address="")
                & ~Q(telephone="")
                & ~Q(email="")
                & ~Q(material="")
                & ~Q(works="")
                & ~Q(statements=""),
                name="claims_notice_is_complete",
            ),
        ]


class CounterNotice(Paper):
    """The other party's answer with its four elements (17 U.S.C. 512(g)(3)). Append-only, also in the database."""

    mistaken_under_perjury = models.BooleanField()
    consents_to_jurisdiction = models.BooleanField()

    class Meta:
        verbose_name = "counter-notice"
        constraints = [
            models.CheckConstraint(
                condition=Q(mistaken_under_perjury=True, consents_to_jurisdiction=True),
                name="claims_counternotice_both_statements_made",
            ),
            models.CheckConstraint(
                condition=~Q(signature="")
                & ~Q(address="")
                & ~Q(telephone="")
                & ~Q(email="")
                & ~Q(material="")
                & ~Q(statements=""),
                name="claims_counternotice_is_complete",
            ),
        ]
