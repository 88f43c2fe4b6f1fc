"""What people earned over a period, and those of each country."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet, Sum

from market.accounts.models import User
from market.ledger.models import AccountKind, Figure, FigureSort
from market.reports.figures import BASE_FEE, ROYALTY


@dataclass(frozen=True)
class PersonRow:
    """What one artist or model owner earned.

    queries: how many requests. None if the sums cannot tell, since one request may have paid for several things in the filter.
    """

    person: User
    royalties: int
    base_fees: int
    queries: int | None

    @property
    def total(self) -> int:
        return self.royalties + self.base_fees


def by_person(sums: QuerySet[Figure]) -> list[PersonRow]:
    owners = sums.filter(account_kind=AccountKind.EARNINGS).values(owner=F("account__owner"))
    found = list(
        owners.filter(sort=FigureSort.LINE)
        .filter(ROYALTY | BASE_FEE)
        .annotate(
            royalties=Sum("amount", filter=ROYALTY, default=0),
            base_fees=Sum("amount", filter=BASE_FEE, default=0),
            captures=Sum("captures"),
            subjects=Count("subject", distinct=True),
        )
    )
    # Only requests pay into earnings by capture. With a filter by subject there are no sums of whole accounts.
    queries = dict(
        owners.filter(sort=FigureSort.ACCOUNT).annotate(number=Sum("captures")).values_list("owner", "number")
    )
    people = User.objects.in_bulk([row["owner"] for row in found])
    rows = []
    for row in found:
        alone = int(row["captures"]) if row["subjects"] == 1 else None
        number = queries.get(row["owner"], alone)
        rows.append(
            PersonRow(
                people[row["owner"]],
                int(row["royalties"]),
                int(row["base_fees"]),
                None if number is None else int(number),
            )
        )
    return sorted(rows, key=lambda row: (-row.total, row.person.pk))


@dataclass
class CountryRow:
    """What the people of one country earned. The country is the one they give now, or none."""

    code: str
    name: str
    people: int = 0
    royalties: int = 0
    base_fees: int = 0

    @property
    def total(self) -> int:
        return self.royalties + self.base_fees


def by_country(people: Sequence[PersonRow]) -> list[CountryRow]:
    rows: dict[str, CountryRow] = {}
    for each in people:
        name = each.person.country_name or "Not said"
        row = rows.setdefault(name, CountryRow(each.person.country, name))
        row.people += 1
        row.royalties += each.royalties
        row.base_fees += each.base_fees
    return sorted(rows.values(), key=lambda row: (-row.total, row.name))
