"""What an artist's page shows beside their plug-ins: links, and a domain that they proved to be theirs."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

MAX_LINKS = 5
LINK_LENGTH = 200
DOMAIN_LENGTH = 253
HEXADECIMAL = r"^[0-9a-f]{32}$"
DOMAIN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"


class ProfileLink(models.Model):
    """One address on an artist's page, in their order."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile_links"
    )
    position = models.PositiveSmallIntegerField()
    address = models.URLField(max_length=LINK_LENGTH)

    class Meta:
        verbose_name = "link of an artist"
        verbose_name_plural = "links of artists"
        ordering = ["person", "position"]
        constraints = [
            models.UniqueConstraint(fields=["person", "position"], name="catalog_profilelink_position_once"),
            models.UniqueConstraint(fields=["person", "address"], name="catalog_profilelink_address_once"),
            models.CheckConstraint(
                condition=Q(position__gte=1, position__lte=MAX_LINKS), name="catalog_profilelink_few"
            ),
            models.CheckConstraint(
                condition=Q(address__regex=r"^https://[^\s/]+"), name="catalog_profilelink_is_https"
            ),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def label(self) -> str:
        """The address as one would say it."""
        return self.address.removeprefix("https://").removeprefix("www.").rstrip("/")


class ProofWay(models.TextChoices):
    LINK = "link", "A link on its page"
    DNS = "dns", "A record of its name"


def new_token() -> str:
    return secrets.token_hex(16)


class DomainProofQuerySet(models.QuerySet["DomainProof"]):
    def due(self) -> DomainProofQuerySet:
        return self.filter(next_check_at__lte=timezone.now()).order_by("next_check_at", "pk")


class DomainProof(models.Model):
    """A domain that an artist says is theirs, the token that proves it, and what the latest check found.

    It is verified while `verified_at` is set: the beginning of the time for which checks have found the token.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="domain_proof"
    )
    domain = models.CharField(max_length=DOMAIN_LENGTH, help_text="As the domain name system has it.")
    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    way = models.CharField(max_length=4, choices=ProofWay.choices, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    lapsed_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(
        null=True, blank=True, default=timezone.now, help_text="Empty: when its artist asks."
    )
    failures = models.PositiveSmallIntegerField(default=0, help_text="Checks in a row that did not find it.")
    problem = models.CharField(max_length=300, blank=True, help_text="Why the latest check did not.")

    objects: ClassVar[DomainProofQuerySet] = DomainProofQuerySet.as_manager()  # type: ignore[assignment]  # as of PlugIn

    class Meta:
        verbose_name = "domain of an artist"
        verbose_name_plural = "domains of artists"
        constraints = [
            models.CheckConstraint(
                condition=Q(domain__regex=DOMAIN), name="catalog_domainproof_domain_shape"
            ),
            models.CheckConstraint(
                condition=Q(token__regex=HEXADECIMAL), name="catalog_domainproof_token_shape"
            ),
            models.CheckConstraint(
                condition=Q(verified_at=None, way="")
                | Q(verified_at__isnull=False, way__in=[way.value for way in ProofWay], lapsed_at=None),
                name="catalog_domainproof_verified_in_a_way",
            ),
            models.CheckConstraint(
                condition=Q(verified_at=None) | Q(checked_at__gte=F("verified_at")),
                name="catalog_domainproof_verified_by_a_check",
            ),
        ]
        indexes = [models.Index(fields=["next_check_at"], name="catalog_domainproof_due")]

    def __str__(self) -> str:
        return self.domain

    @property
    def shown_domain(self) -> str:
        """The domain in its own letters."""
        try:
            return self.domain.encode("ascii").decode("idna")
        except UnicodeError:
            return self.domain

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None

    @property
    def gives_up(self) -> bool:
        """Whether nothing is checked until its artist asks."""
        return self.next_check_at is None

    def claim(self) -> bool:
        """Take it for a check. False: another process has. If that check never ends, the next one comes in a while."""
        later = timezone.now() + timedelta(minutes=10)
        return (
            DomainProof.objects.filter(pk=self.pk, next_check_at=self.next_check_at).update(
                next_check_at=later
            )
            == 1
        )

    def found(self, way: ProofWay) -> bool:
        """Note that the token is there. False: the domain was changed meanwhile."""
        now = timezone.now()
        return self._change(
            way=way, verified_at=self.verified_at or now, lapsed_at=None, checked_at=now, failures=0, problem="",
            next_check_at=now + timedelta(days=settings.DOMAINS.check_days),
        )  # fmt: skip

    def missed(self, problem: str) -> bool:
        """Note that the token was not found. A verified domain lapses after some such checks in a row."""
        rules, now, failures = settings.DOMAINS, timezone.now(), self.failures + 1
        if self.is_verified and failures < rules.lapse_checks:
            return self._change(
                checked_at=now, failures=failures, problem=problem, next_check_at=now + timedelta(days=1)
            )
        again = None if self.is_verified or failures >= rules.tries else now + timedelta(hours=1)
        return self._change(
            way="", verified_at=None, lapsed_at=now if self.is_verified else self.lapsed_at, checked_at=now,
            failures=failures, problem=problem, next_check_at=again,
        )  # fmt: skip

    def ask(self) -> bool:
        """Have it checked now. False: it was, a moment ago."""
        now = timezone.now()
        allowed = Q(checked_at=None) | Q(checked_at__lte=now - timedelta(minutes=1))
        asked = DomainProof.objects.filter(allowed, pk=self.pk)
        return asked.update(next_check_at=now, failures=F("failures") if self.is_verified else 0) == 1

    def _change(self, **changes: object) -> bool:
        # The token tells one domain of a person from the next.
        return DomainProof.objects.filter(pk=self.pk, token=self.token).update(**changes) == 1
