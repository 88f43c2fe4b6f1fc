"""Which fees a dispute is about: those of its plug-in's versions, and a part of those of plug-ins combined from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.models.plugins import plugin_subject
from market.catalog.offering import versions_with
from market.catalog.royalties import earned_by_way_of
from market.ledger.models import AccountKind, Entry, Figure, FigureSort


@dataclass(frozen=True)
class Reach:
    """What a dispute is about: all that the plug-in's `own` versions pay, and by person and subject a part of what others pay."""

    own: frozenset[str]
    parts: dict[tuple[int, str], Fraction]

    @property
    def subjects(self) -> set[str]:
        return {*self.own, *(subject for _, subject in self.parts)}

    def disputed(self, person: int, subject: str, amount: int) -> int:
        """Give how much of a person's amount for a version comes from the plug-in, rounded towards zero."""
        part = Fraction(1) if subject in self.own else self.parts.get((person, subject), Fraction(0))
        return int(amount * part)


def reach_of(plugin: PlugIn) -> Reach:
    versions = PlugInVersion.objects.filter(pk__in=versions_with(plugin))
    known = list(versions.select_related("plugin__concept", "plugin__owner"))
    return Reach(
        own=frozenset(plugin_subject(each.pk) for each in known if each.plugin_id == plugin.pk),
        parts={
            (person, plugin_subject(version)): part
            for (version, person), part in earned_by_way_of(plugin, known).items()
        },
    )


def paid_ever(subjects: Collection[str]) -> QuerySet[Figure]:
    return Figure.spans.ever().filter(
        sort=FigureSort.LINE, account_kind=AccountKind.EARNINGS, line="plugin_fee", subject__in=subjects
    )


def paid_for(reach: Reach, since: datetime) -> QuerySet[Entry]:
    subjects = reach.subjects
    # Entries are found by their account. The sums tell who was ever paid for the plug-in.
    accounts = set(paid_ever(subjects).values_list("account", flat=True))
    return Entry.objects.filter(
        account__in=accounts, line="plugin_fee", subject__in=subjects, created_at__gte=since
    ).order_by()


def earned_between(reach: Reach, since: datetime, until: datetime | None = None) -> QuerySet[Entry]:
    """The plug-in's fees from the requests of a period, and their reversals at any time."""
    queried_at = Coalesce("transfer__reverses__created_at", "created_at")
    entries = paid_for(reach, since).annotate(queried_at=queried_at).filter(queried_at__gte=since)
    return entries if until is None else entries.filter(queried_at__lt=until)
