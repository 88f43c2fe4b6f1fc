"""An artist's or model owner's earnings: their own, to the micro-unit, and nobody else's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]
LAST_MONTH = "/earnings/?period=last_month"


def test_an_artist_sees_what_came_in_and_what_was_taken_back(
    client_for: ClientFor, artist: User, market: Market
) -> None:
    page = client_for(artist).get(LAST_MONTH).content.decode()

    assert "from 2 requests" in page
    assert "€0.09" in page
    assert "-€0.09" in page  # the reversal
    assert "drawn wrong" in page
    assert "€0.18" in page  # the balance, with this month's
    assert "FxEmoji" in page
    assert "<svg" in page


def test_an_artist_sees_nothing_of_another(
    client_for: ClientFor, second_artist: User, market: Market
) -> None:
    page = client_for(second_artist).get(LAST_MONTH).content.decode()

    assert "€0.045" in page
    assert "FxEmoji" not in page
    assert "€0.09" not in page


def test_a_model_owner_sees_base_fees(client_for: ClientFor, model_owner: User, market: Market) -> None:
    page = client_for(model_owner).get(LAST_MONTH).content.decode()

    assert "€0.036" in page
    assert "Embedded" in page
    assert "Brush" not in page


def test_one_plugin_can_be_picked_out(client_for: ClientFor, artist: User, market: Market) -> None:
    client = client_for(artist)
    assert "Per request: FxEmoji" in client.get(f"{LAST_MONTH}&what=plugin-version:1").content.decode()
    assert "None in this period" in client.get(f"{LAST_MONTH}&what=plugin-version:2").content.decode()


def test_the_lines_download_as_csv(client_for: ClientFor, artist: User, market: Market) -> None:
    response = client_for(artist).get(f"{LAST_MONTH}&format=csv")

    rows = list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))

    assert sorted(row[-2] for row in rows[1:]) == ["-0.090000", "0.090000", "0.090000"]
    assert {row[6] for row in rows[1:]} == {"FxEmoji"}


@pytest.mark.parametrize("who", ["stranger", "user"])
def test_who_earned_nothing_is_told_how(
    client_for: ClientFor, request: pytest.FixtureRequest, market: Market, who: str
) -> None:
    page = client_for(request.getfixturevalue(who)).get("/earnings/").content.decode()

    assert "Nothing earned yet" in page
    assert "€0.09" not in page


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/earnings/")["Location"].startswith("/accounts/login/")


def test_a_bad_period_is_explained(client_for: ClientFor, artist: User, market: Market) -> None:
    response = client_for(artist).get("/earnings/?from=2026-02-01&to=2026-01-01")
    assert response.status_code == 422
    assert "first day is after the last" in response.content.decode()
