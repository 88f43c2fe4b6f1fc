"""The admins' desk of flagged trade, and what the person whose earnings are held reads and is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.payments.models import TraceSort
from market.trading.deciding import decide_flag, lapse
from market.trading.flagging import look_at_trade
from market.trading.models import FlagState, TradeFlag
from tests.market.stage import escrow
from tests.market.trading.stage import buy, share

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db
DESK = "/reports/trade/"


def decide(client: Client, flag: TradeFlag, **changes: str) -> str:
    form = {"outcome": "dismissed", "decision": "They are a couple.", "seen": str(flag.amount)}
    return client.post(f"{DESK}{flag.pk}/decide/", form | changes, follow=True).content.decode()


def test_an_empty_desk_says_so(admin: User, client_for: ClientFor) -> None:
    page = client_for(admin).get(DESK).content.decode()
    assert "No flags" in page
    assert "to decide" not in page


def test_an_admin_sees_the_list_and_how_many_wait(
    flagged: TradeFlag, admin: User, client_for: ClientFor
) -> None:
    client = client_for(admin)
    page = client.get(DESK).content.decode()
    for said in ("Ada Artist", "€9.00", "85", "To be decided", "1 to decide"):
        assert said in page
    assert "1 to decide" in client.get("/reports/").content.decode()


def test_an_admin_sees_reasons_amounts_and_lines_and_decides(
    flagged: TradeFlag, admin: User, artist: User, client_for: ClientFor
) -> None:
    client = client_for(admin)
    page = client.get(f"{DESK}{flagged.pk}/").content.decode()
    for said in (
        "Uma User and Ada Artist paid with the same card.",
        "60 points",
        "€9.00",
        "€1.80",
        "Fxemoji",
        "Uphold",
    ):
        assert said in page

    page = decide(client, flagged)

    assert "Dismissed: the earnings were released" in page
    assert "They are a couple." in page
    assert escrow(artist) == 0
    assert "Decide it" not in page


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision": ""}, "This field is required"),
        ({"decision": "x" * 2001}, "at most 2000 characters"),
        ({"outcome": "lapsed"}, "Select a valid choice"),
        ({"outcome": ""}, "This field is required"),
        ({"seen": "9000001"}, "It has grown since you looked"),
        ({"seen": "much"}, "without the amount that it shows"),
    ],
)
def test_a_bad_form_is_shown_again_with_what_is_wrong(
    flagged: TradeFlag, admin: User, client_for: ClientFor, changes: dict[str, str], says: str
) -> None:
    assert says in decide(client_for(admin), flagged, **changes)
    flagged.refresh_from_db()
    assert flagged.state == FlagState.OPEN


def test_an_admin_who_paid_for_it_sees_no_form(
    admin: User, artist: User, plugin: PlugIn, client_for: ClientFor
) -> None:
    share(TraceSort.CARD, admin, artist)
    buy(admin, plugin)
    (flag,) = look_at_trade().flags
    client = client_for(admin)
    page = client.get(f"{DESK}{flag.pk}/").content.decode()
    assert "Another admin has to decide" in page
    assert "Decide it" not in page
    decide(client, flag)
    flag.refresh_from_db()
    assert flag.state == FlagState.OPEN


def test_nobody_else_sees_the_desk(
    flagged: TradeFlag, artist: User, user: User, stranger: User, client_for: ClientFor
) -> None:
    for person in (artist, user, stranger):
        client = client_for(person)
        for page in (DESK, f"{DESK}{flagged.pk}/"):
            assert client.get(page).status_code == 404
        assert client.post(f"{DESK}{flagged.pk}/decide/").status_code == 404


def test_the_artist_reads_on_their_pages_that_earnings_are_held_and_answers(
    flagged: TradeFlag, artist: User, admin: User, client_for: ClientFor
) -> None:
    client = client_for(artist)
    for page in ("/earnings/", "/earnings/payouts/"):
        assert flagged.held_url in client.get(page).content.decode()
    page = client.get(flagged.held_url).content.decode()
    assert "€9.00 is held until" in page
    # In general words: neither who nor how it was noticed.
    assert "Uma User" not in page
    assert "card" not in page.split("<main")[1].split("form")[0]

    page = client.post(
        f"{flagged.held_url}answer/", {"answer": "She is my sister."}, follow=True
    ).content.decode()

    assert "An admin reads it before they decide" in page
    assert "She is my sister." in client_for(admin).get(f"{DESK}{flagged.pk}/").content.decode()
    again = client.post(f"{flagged.held_url}answer/", {"answer": "Really."})
    assert again.status_code == 409
    assert "You have answered already" in again.content.decode()


@pytest.mark.parametrize("answer", ["", "   ", "x" * 2001])
def test_a_bad_answer_is_refused(
    flagged: TradeFlag, artist: User, client_for: ClientFor, answer: str
) -> None:
    assert client_for(artist).post(f"{flagged.held_url}answer/", {"answer": answer}).status_code == 422


def test_another_persons_held_earnings_are_not_found(
    flagged: TradeFlag, user: User, second_artist: User, stranger: User, admin: User, client_for: ClientFor
) -> None:
    for person in (user, second_artist, stranger, admin):
        assert client_for(person).get(flagged.held_url).status_code == 404
        assert client_for(person).post(f"{flagged.held_url}answer/", {"answer": "x"}).status_code == 404


def test_after_the_decision_the_artist_reads_why(
    flagged: TradeFlag, artist: User, admin: User, client_for: ClientFor
) -> None:
    decide_flag(flagged, admin, FlagState.UPHELD, "It is your own second account.")
    client = client_for(artist)
    assert "It is your own second account." in client.get(flagged.held_url).content.decode()
    assert flagged.held_url not in client.get("/earnings/").content.decode()


class TestMails:
    def test_the_artist_is_told_what_why_until_when_and_how_to_answer(
        self, django_capture_on_commit_callbacks: Callable[..., object], user: User, artist: User, admin: User, plugin: PlugIn
    ) -> None:  # fmt: skip
        share(TraceSort.CARD, user, artist)
        buy(user, plugin)
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            (flag,) = look_at_trade().flags
        to_artist = next(each for each in mail.outbox if each.to == [artist.email])
        to_admin = next(each for each in mail.outbox if each.to == [admin.email])
        assert to_artist.subject == "Some of your earnings are held"
        for said in ("€9.00", "accounts that belong together", "at the latest", "To answer", flag.held_url):
            assert said in to_artist.body
        for hidden in ("Uma User", "card", "points"):
            assert hidden not in to_artist.body
        assert to_admin.subject == "Flagged: trade that paid Ada Artist"

    @pytest.mark.parametrize("outcome", [FlagState.UPHELD, FlagState.DISMISSED])
    def test_the_artist_is_told_the_decision(
        self, django_capture_on_commit_callbacks: Callable[..., object], flagged: TradeFlag, artist: User, admin: User,
        outcome: FlagState,
    ) -> None:  # fmt: skip
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            decide_flag(flagged, admin, outcome, "I asked them both.")
        (sent,) = mail.outbox
        assert sent.to == [artist.email]
        assert ("given back" in sent.subject) is (outcome == FlagState.UPHELD)
        assert "€9.00" in sent.body
        assert "I asked them both." in sent.body

    def test_the_artist_is_told_of_the_release_at_the_deadline(
        self, django_capture_on_commit_callbacks: Callable[..., object], flagged: TradeFlag, artist: User
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            lapse(flagged, flagged.due_at)
        (sent,) = mail.outbox
        assert (sent.to, sent.subject) == ([artist.email], "Your earnings are released")
        assert "No admin decided in time" in sent.body
