"""The pages of monthly statements: one's own, adding up, downloadable with proof; and of nobody else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger.signing import signer
from market.ledger.statements import Month
from market.ledger.verify_statement import verify
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]


@pytest.fixture
def month(market: Market) -> str:
    return f"{market.last_month.first:%Y-%m}"


def test_the_months_are_listed_with_what_was_before_and_after(
    client_for: ClientFor, artist: User, market: Market, month: str
) -> None:
    page = client_for(artist).get("/earnings/statements/").content.decode()
    assert f"/earnings/statements/{month}/" in page
    assert f"/earnings/statements/{month}.json" in page
    assert page.count("€0.09") == 4  # last month's end is this month's beginning
    assert "€0.18" in page
    assert "so far" in page


def test_a_statement_shows_its_lines_and_their_sum(client_for: ClientFor, artist: User, month: str) -> None:
    page = client_for(artist).get(f"/earnings/statements/{month}/").content.decode()
    assert "the sum of 3 lines" in page
    assert page.count("FxEmoji") == 3
    assert "-€0.09" in page
    assert "Brush" not in page


def test_it_downloads_as_csv_with_the_same_sum(client_for: ClientFor, artist: User, month: str) -> None:
    content = b"".join(client_for(artist).get(f"/earnings/statements/{month}.csv")).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert sum(round(float(row["amount"]) * 1_000_000) for row in rows) == 90_000
    assert len(rows) == 3


def test_it_downloads_as_pdf(client_for: ClientFor, second_artist: User, month: str) -> None:
    """Its plug-in's name has characters that would be markup; the person's, some that the font lacks."""
    User.objects.filter(pk=second_artist.pk).update(display_name="Berta \u7b46 <b>")
    response = client_for(second_artist).get(f"/earnings/statements/{month}.pdf")
    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    assert response.content.rstrip().endswith(b"%%EOF")
    assert len(response.content) > 5000


def test_it_downloads_with_a_proof_that_verifies(client_for: ClientFor, artist: User, month: str) -> None:
    response = client_for(artist).get(f"/earnings/statements/{month}.json")
    assert f'filename="statement-{month}.json"' in response["Content-Disposition"]
    found = verify(response.content, signer().verifier_key)
    assert found.said["total"] == 90_000
    # During the first hour of a month, the one before may still get lines.
    settled = Month.named(month).next.start + timedelta(hours=1)
    assert found.said["complete"] is (timezone.now() >= settled)


def test_everybody_gets_their_own(
    client_for: ClientFor, second_artist: User, model_owner: User, month: str
) -> None:
    for person, total in ((second_artist, 45_000), (model_owner, 36_000)):
        found = verify(client_for(person).get(f"/earnings/statements/{month}.json").content)
        assert found.said["total"] == total
        assert found.said["person"] == str(person)


@pytest.mark.parametrize("suffix", ["/", ".csv", ".pdf", ".json"])
def test_strangers_get_nothing(
    client_for: ClientFor, client: Client, stranger: User, month: str, suffix: str
) -> None:
    assert client_for(stranger).get(f"/earnings/statements/{month}{suffix}").status_code == 404
    response = client.get(f"/earnings/statements/{month}{suffix}")
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


@pytest.mark.parametrize(
    "name", ["1999-01", "9999-12", "2026-13", "2026-1", "x", "0000-00", "99999-01", "2026-01-01"]
)
def test_months_that_are_none_are_not_found(
    client_for: ClientFor, artist: User, market: Market, name: str
) -> None:
    for suffix in ("/", ".csv", ".pdf", ".json"):
        assert client_for(artist).get(f"/earnings/statements/{name}{suffix}").status_code == 404


def test_who_earned_nothing_is_told_so(client_for: ClientFor, artist: User) -> None:
    assert "No statement yet" in client_for(artist).get("/earnings/statements/").content.decode()


def test_while_the_sealer_is_behind_the_page_says_so(
    client_for: ClientFor, artist: User, month: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.ledger.sealing._BATCHES", 0)
    page = client_for(artist).get(f"/earnings/statements/{month}.json", follow=True)
    assert page.redirect_chain == [(f"/earnings/statements/{month}/", 302)]
    assert "not sealed yet. Try again" in page.content.decode()


def test_a_month_too_long_for_a_pdf_is_given_as_csv(
    client_for: ClientFor, artist: User, month: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.reports.statements.MOST_IN_PDF", 2)
    page = client_for(artist).get(f"/earnings/statements/{month}.pdf", follow=True)
    assert "Take the CSV" in page.content.decode()
