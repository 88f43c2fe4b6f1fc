"""Reports narrowed to a base, a person or a country: each number is the sum of the entries that it is about."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugInVersion
from market.ledger import operations as ledger
from market.ledger.models import Entry
from market.ledger.sealing import seal_some
from market.ledger.verification import verify
from market.reports import figures
from market.reports.narrowing import NOT_SAID, Narrowing, NarrowingForm
from market.reports.people import by_country, by_person
from market.reports.periods import Grain, quick
from tests.market.stage import make_base, make_order, make_plugin, run, share_with, top_up

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
THIS_MONTH = quick("this_month")


@pytest.fixture
def base(user: User, artist: User, second_artist: User, model_owner: User) -> BaseModel:
    """Two bases; on the first a plug-in of two artists, and one of the first of them; on the other, of the second. One query is taken back."""
    top_up(user, 10_000_000)
    User.objects.filter(pk__in=[artist.pk, second_artist.pk]).update(country="PT")
    base, other = (
        make_base(model_owner),
        make_base(model_owner, slug="other", fee=30_000, fingerprint="cd" * 32),
    )
    shared = make_plugin(artist, base)
    share_with(shared, second_artist, 3000)
    ink, clay = make_plugin(artist, base, name="Ink"), make_plugin(second_artist, other, name="Clay")
    for plugins in ([shared], [shared, ink], [ink], [clay], []):
        on = plugins[0].base if plugins else base
        request = run(user, make_order(on, *((each, 1.0) for each in plugins)))
        assert request.hold is not None
        ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
    request = run(user, make_order(base, (shared, 1.0)))
    assert request.hold is not None
    capture = ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
    ledger.reverse(transfer=capture, key="back", reason="drawn wrong")
    return base


CASES = ["base", "person", "country", "nobody's country", "base and person", "base and country", "everything"]


@pytest.fixture(params=CASES)
def narrowing(request: pytest.FixtureRequest, base: BaseModel, artist: User) -> Narrowing:
    if request.param == "everything":
        return Narrowing()
    return Narrowing(
        base=base if "base" in request.param else None,
        person=artist if "person" in request.param else None,
        country=NOT_SAID if "nobody" in request.param else "PT" if "country" in request.param else "",
    )


def entries_of(narrowing: Narrowing) -> list[Entry]:
    """Pick the entries that pay for queries one by one in Python, knowing nothing of how reports do it."""
    found = []
    for entry in Entry.objects.select_related("account__owner"):
        kind, _, pk = entry.subject.partition(":")
        if entry.line not in ("plugin_fee", "base_fee", "commission"):
            continue
        if narrowing.base and kind == "plugin-version":
            if PlugInVersion.objects.get(pk=pk).plugin.base != narrowing.base:
                continue
        elif narrowing.base and not narrowing.base.releases.filter(pk=pk).exists():
            continue
        owner = entry.account.owner
        if narrowing.person and owner != narrowing.person:
            continue
        if narrowing.country and (
            owner is None or owner.country != ("" if narrowing.country == NOT_SAID else narrowing.country)
        ):
            continue
        found.append(entry)
    return found


def amount(entries: list[Entry], *lines: str) -> int:
    return sum(each.amount for each in entries if not lines or each.line in lines)


def queries(entries: list[Entry]) -> int:
    """How many queries paid by some of these entries. One that was reversed still counts."""
    return len(
        {
            each.transfer_id
            for each in entries
            if each.transfer.kind == "capture" and each.line != "commission"
        }
    )


@pytest.mark.parametrize("sealed", [True, False])
def test_every_number_is_the_sum_of_its_entries(narrowing: Narrowing, sealed: bool) -> None:
    if sealed:
        seal_some()
    entries = entries_of(narrowing)
    sums = narrowing.sums(figures.sums_in(THIS_MONTH))
    assert entries

    totals = figures.totals(sums, narrowed=True)
    assert totals.gross == amount(entries)
    assert totals.royalties == amount(entries, "plugin_fee")
    assert totals.base_fees == amount(entries, "base_fee")
    assert totals.commission == amount(entries, "commission")
    days = narrowing.sums(figures.days_in(THIS_MONTH))
    rows = figures.by_span(days, THIS_MONTH, Grain.DAY, narrowed=True)
    assert sum(row.gross for row in rows) == amount(entries)

    counted = 0
    for row in [*figures.by_subject(sums, "plugin-version"), *figures.by_subject(sums, "base-release")]:
        theirs = [each for each in entries if each.subject in row.subjects]
        assert (row.fees, row.commission) == (
            amount(theirs, "plugin_fee", "base_fee"), amount(theirs, "commission"),
        )  # fmt: skip
        assert row.queries in (None, queries(theirs))
        counted += row.queries is not None
    assert counted

    people = by_person(sums)
    for person in people:
        theirs = [each for each in entries if each.account.owner == person.person]
        assert (person.royalties, person.base_fees) == (
            amount(theirs, "plugin_fee"),
            amount(theirs, "base_fee"),
        )
        assert person.queries in (None, queries(theirs))
    assert sum(row.total for row in people) == amount(entries, "plugin_fee", "base_fee")
    assert sum(row.total for row in by_country(people)) == sum(row.total for row in people)

    lines = narrowing.lines(figures.paid_lines(figures.entries_in(THIS_MONTH)))
    assert {line.pk for line in lines} == {each.pk for each in entries}


def test_queries_of_several_people_or_plugins_are_not_guessed(base: BaseModel, artist: User) -> None:
    """A query of the plug-in of two Portuguese artists paid both; one with two plug-ins on a base paid the first artist twice."""
    in_portugal = figures.by_subject(
        Narrowing(country="PT").sums(figures.sums_in(THIS_MONTH)), "plugin-version"
    )
    assert {row.label: row.queries for row in in_portugal} == {"Fxemoji": None, "Ink": 2, "Clay": 1}
    on_base = by_person(Narrowing(base=base).sums(figures.sums_in(THIS_MONTH)))
    assert {row.person.handle: row.queries for row in on_base}[artist.handle] is None


def read_csv(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def micros(amount: str) -> int:
    return round(float(amount) * 1_000_000)


def test_the_pages_links_and_files_keep_it(client_for: ClientFor, admin: User, narrowing: Narrowing) -> None:
    client, entries = client_for(admin), entries_of(narrowing)
    asked = urlencode({"period": "this_month"} | narrowing.kept)
    escaped = asked.replace("&", "&amp;")

    page = client.get(f"/reports/?{asked}").content.decode()
    for name in ("days", "plugins", "people", "bases", "countries"):
        if f"/reports/tables/{name}.csv" in page:
            assert f"/reports/tables/{name}.csv?{escaped}" in page
    assert f"/reports/queries/?{escaped}&amp;" in page

    days = read_csv(client.get(f"/reports/tables/days.csv?{asked}"))
    assert sum(micros(row["gross"]) for row in days) == amount(entries)
    people = read_csv(client.get(f"/reports/tables/people.csv?{asked}"))
    assert sum(micros(row["total"]) for row in people) == amount(entries, "plugin_fee", "base_fee")
    for name in ("plugins", "bases"):
        rows = read_csv(client.get(f"/reports/tables/{name}.csv?{asked}"))
        kind = "plugin-version" if name == "plugins" else "base-release"
        assert sum(micros(row["total"]) for row in rows) == amount(
            [e for e in entries if e.subject.startswith(kind)]
        )
    countries = read_csv(client.get(f"/reports/tables/countries.csv?{asked}"))
    assert sum(micros(row["total"]) for row in countries) == amount(entries, "plugin_fee", "base_fee")

    lines = client.get(f"/reports/queries/?{asked}").content.decode()
    assert lines.count("/reports/transfers/") == len(entries)
    assert f'href="?{escaped}&amp;format=csv"' in lines
    rows = read_csv(client.get(f"/reports/queries/?{asked}&format=csv"))
    assert sum(micros(row["amount"]) for row in rows) == amount(entries)
    assert verify().ok


def test_it_is_said_in_the_heading(client_for: ClientFor, admin: User, base: BaseModel, artist: User) -> None:
    client = client_for(admin)
    page = client.get(f"/reports/?period=this_month&base=tiny&person={artist.email}").content.decode()
    assert "<h1>This month so far: for Tiny and its plug-ins, paid to Ada Artist</h1>" in page
    assert "is left out" in page
    assert "In wallets now" not in page
    page = client.get("/reports/queries/?period=this_month&country=PT").content.decode()
    assert "<h1>Request lines paid to people in Portugal</h1>" in page


def test_of_somebody_who_was_never_paid_there_is_nothing(
    client_for: ClientFor, admin: User, base: BaseModel, stranger: User
) -> None:
    client, asked = client_for(admin), f"?period=this_month&person={stranger.handle}"
    assert "Nothing moved in this period" in client.get(f"/reports/{asked}").content.decode()
    assert "No requests" in client.get(f"/reports/queries/{asked}").content.decode()
    assert read_csv(client.get(f"/reports/queries/{asked}&format=csv")) == []
    assert read_csv(client.get(f"/reports/tables/people.csv{asked}")) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("person=nobody@example.org", "Nobody has this email address or handle."),
        ("person=%00", "Null characters are not allowed."),
        ("person=7", "Nobody has this"),
        ("base=x", "Select a valid choice"),
        ("base=%00", "Select a valid choice"),
        ("country=XX", "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_explained_and_nothing_wrong_is_downloaded(
    client_for: ClientFor, admin: User, base: BaseModel, asked: str, said: str
) -> None:
    client = client_for(admin)
    for path in (
        "/reports/",
        "/reports/queries/",
        "/reports/tables/plugins.csv",
        "/reports/queries/?format=csv",
    ):
        answer = client.get(f"{path}{'&' if '?' in path else '?'}{asked}")
        assert answer.status_code == 422
        assert said in answer.content.decode()


def test_countries_that_nobody_is_in_are_not_offered(base: BaseModel) -> None:
    form = NarrowingForm()
    assert 'value="PT"' in str(form["country"])
    assert 'value="DE"' not in str(form["country"])
