"""A fee of several receivers, from the price box to the books: what is shown is what is held, posted and reported."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog import coowners
from market.catalog.models import PlugIn
from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import GenerationRequest
from market.generation.provenance import record_of
from market.generation.requesting import request_pictures, settle_terms
from market.jobs.models import Job
from market.ledger.queries import credits as credits_of
from market.ledger.verification import verify
from market.refusals import PriceChanged
from market.reports import figures
from market.reports.periods import Period
from tests.market.stage import (
    commission,
    earnings,
    make_combined,
    make_order,
    make_part,
    run,
    share_with,
    top_up,
)

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]


@pytest.fixture
def shared(plugin: PlugIn, second_artist: User) -> PlugIn:
    """The style at €0.05, of which 30% are the second artist's."""
    share_with(plugin, second_artist, 3000)
    return plugin


@pytest.fixture
def duet(artist: User, second_artist: User, base: BaseModel) -> PlugIn:
    """A combination of the artist's at €0.05, 40% of it the second artist's “Ink”."""
    make_part(second_artist, base, "Ink")
    return make_combined(artist, base, "Duet", ("Ink", 4000), ("Elsewhere", 6000))


def finish(made: GenerationRequest) -> None:
    (job,) = Job.objects.claim(kinds=["generation"], worker="w")
    pictures = [(Image.new("RGB", (8, 8)), made.seed + index) for index in range(made.count)]
    stored = store_pictures(pk=made.pk, token=job.fencing_token, pictures=pictures)
    finish_generation(pk=made.pk, token=job.fencing_token, stored=stored)


def plugin_shares(made: GenerationRequest) -> list[tuple[str, int, str]]:
    assert made.hold is not None
    return [(each["line"], each["amount"], each["memo"]) for each in made.hold.shares[2:]]


def price_box(client: Client, base: BaseModel, plugin: PlugIn, count: int = 1) -> str:
    form = {"base": base.slug, "count": str(count), "plugin": str(plugin.pk), f"weight-{plugin.pk}": "1"}
    return " ".join(client.post(reverse("generation:quote"), form).content.decode().split())


def lately() -> Period:
    today = datetime.now(UTC).date()
    return Period(today - timedelta(days=1), today + timedelta(days=1))


def test_a_query_pays_owner_and_co_owner_in_one_transfer(
    user: User, artist: User, second_artist: User, base: BaseModel, shared: PlugIn
) -> None:
    top_up(user)
    made = run(user, make_order(base, (shared, 1.0), count=2))
    assert plugin_shares(made) == [
        ("plugin_fee", 63_000, "Fxemoji"),
        ("plugin_fee", 27_000, "Fxemoji"),
        ("commission", 10_000, "Fxemoji"),
    ]
    finish(made)

    assert (earnings(artist), earnings(second_artist), commission()) == (63_000, 27_000, 12_000)
    assert [
        (line.owner, line.amount) for line in credits_of(made.reference) if line.line == "plugin_fee"
    ] == [
        (artist, 63_000),
        (second_artist, 27_000),
    ]
    assert verify().ok


def test_a_change_of_shares_holds_for_later_quotes_only(
    user: User, artist: User, second_artist: User, base: BaseModel, shared: PlugIn
) -> None:
    top_up(user)
    before = run(user, make_order(base, (shared, 1.0)))
    (terms,) = shared.co_owner_terms.in_force()
    coowners.end_share(shared, artist, terms=terms)
    after = run(user, make_order(base, (shared, 1.0)))

    assert [amount for line, amount, _ in plugin_shares(before) if line == "plugin_fee"] == [31_500, 13_500]
    assert [amount for line, amount, _ in plugin_shares(after) if line == "plugin_fee"] == [45_000]
    finish(before)
    assert earnings(second_artist) == 13_500


def test_a_share_that_changed_after_the_price_was_shown_is_shown_again(
    user: User, artist: User, second_artist: User, base: BaseModel, shared: PlugIn
) -> None:
    top_up(user)
    wish = make_order(base, (shared, 1.0))
    seen = settle_terms(wish, user).quote
    (terms,) = shared.co_owner_terms.in_force()
    coowners.give_up(terms, second_artist)
    with pytest.raises(PriceChanged):
        request_pictures(person=user, order=wish, agreed=seen.digest, idempotency_key=uuid.uuid4())
    assert not GenerationRequest.objects.exists()


def test_the_price_box_says_who_gets_what(
    user: User, base: BaseModel, shared: PlugIn, client_for: ClientFor
) -> None:
    box = price_box(client_for(user), base, shared, 2)
    assert " 2, to Ada Artist €0.063, Berta Brush €0.027" in box


def test_a_co_owner_pays_only_the_others_and_is_told_so(
    second_artist: User, artist: User, base: BaseModel, shared: PlugIn, client_for: ClientFor
) -> None:
    top_up(second_artist)
    box = price_box(client_for(second_artist), base, shared)
    assert "to Ada Artist €0.0315; your own €0.015 is not charged" in box

    made = run(second_artist, make_order(base, (shared, 1.0)))
    assert made.total_micros == 10_000 + 35_000
    finish(made)
    assert (earnings(artist), earnings(second_artist)) == (31_500, 0)


def test_the_artist_of_a_part_is_paid_and_sees_through_what(
    user: User, artist: User, second_artist: User, base: BaseModel, duet: PlugIn, client_for: ClientFor
) -> None:
    top_up(user)
    made = run(user, make_order(base, (duet, 1.0)))
    assert plugin_shares(made) == [
        ("plugin_fee", 27_000, "Duet"),
        ("plugin_fee", 18_000, "Duet, through Ink"),
        ("commission", 5_000, "Duet"),
    ]
    assert made.hold is not None
    assert {each["subject"] for each in made.hold.shares[2:]} == {f"plugin-version:{duet.current_version_id}"}
    client = client_for(user)
    assert "Berta Brush €0.018 (through Ink)" in price_box(client, base, duet)
    finish(made)

    (credit,) = record_of(made, seed=1, index=0).plugins
    assert credit.artist == "Ada Artist, Berta Brush"
    picture = client.get(made.pictures.get().get_absolute_url()).content.decode()
    assert "for “Duet”, through Ink" in picture
    theirs = client_for(second_artist)
    month = f"{datetime.now(UTC):%Y-%m}"
    for address in (reverse("reports:earnings"), reverse("reports:statement", args=[month])):
        text = theirs.get(address).content.decode()
        assert "Duet, through Ink" in text
        assert "€0.018" in text
    download: Any = theirs.get(reverse("reports:earnings"), {"format": "csv"})
    assert b"Duet, through Ink" in b"".join(download.streaming_content)
    assert "through" not in client.get(reverse("payments:wallet")).content.decode()


def test_the_reports_of_a_combined_plugin_are_what_was_paid_for_it(
    user: User, artist: User, second_artist: User, base: BaseModel, duet: PlugIn
) -> None:
    top_up(user)
    for _ in range(2):
        finish(run(user, make_order(base, (duet, 1.0))))

    (row,) = figures.by_subject(figures.sums_in(lately()), "plugin-version")
    assert (row.label, row.total, row.fees, row.commission, row.queries) == (
        "Duet",
        100_000,
        90_000,
        10_000,
        2,
    )
    theirs = figures.by_subject(figures.of_person(figures.sums_in(lately()), second_artist), "plugin-version")
    assert [(each.label, each.fees, each.queries) for each in theirs] == [("Duet", 36_000, 2)]


def test_a_co_owner_sees_what_each_plugin_earned_them(
    user: User, second_artist: User, base: BaseModel, shared: PlugIn, client_for: ClientFor
) -> None:
    top_up(user)
    finish(run(user, make_order(base, (shared, 1.0))))
    client = client_for(second_artist)
    assert "€0.0135" in client.get(reverse("catalog:shared")).content.decode()
    assert "€0.0135" in client.get(reverse("reports:earnings")).content.decode()


def test_who_owns_every_part_of_a_plugin_pays_nothing_for_it(
    artist: User, base: BaseModel, client_for: ClientFor
) -> None:
    make_part(artist, base, "Ink")
    solo = make_combined(artist, base, "Solo", ("Ink", 1), ("Elsewhere", 1))
    top_up(artist)
    assert run(artist, make_order(base, (solo, 1.0))).total_micros == 10_000
    assert "your own" in price_box(client_for(artist), base, solo)
