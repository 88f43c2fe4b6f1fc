"""A counter-notice brings a thing back after the waiting period, unless the claimant goes to court."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.catalog.models import PlugIn
from market.claims.models import Claim
from market.disputes.models import DisputeState
from market.ledger.verification import verify
from market.refusals import Refused
from market.takedowns import answering
from market.takedowns.business_days import SATURDAY, after_business_days
from market.takedowns.models import Takedown
from market.takedowns.states import Ground, TakedownState
from market.takedowns.sweeping import sweep_takedowns
from market.takedowns.taking_down import Cause, restore, uphold
from tests.market.stage import earnings, escrow
from tests.market.takedowns.conftest import (
    FEE,
    NOTICE,
    accepted,
    counter_notice,
    is_offered,
    kinds_of,
    query,
    taken_down,
)

pytestmark = [pytest.mark.django_db, pytest.mark.dates]

WHY = "It is a drawing of my own of 2015."
ACTION = "District Court of Some District, 1:26-cv-1"


def countered(made: Takedown) -> Takedown:
    answering.counter(made, made.person, counter_notice(), WHY)
    return made


def later(days: int = 30) -> datetime:
    return timezone.now() + timedelta(days=days)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-23", 10, "2026-12-07"),  # a Monday
        ("2026-11-27", 1, "2026-11-30"),  # a Friday
        ("2026-11-27T23:59", 10, "2026-12-11T23:59"),
        ("2026-11-28", 1, "2026-12-01"),  # a Saturday, whose hours are no business day's
        ("2026-11-28T00:00", 10, "2026-12-14"),
        ("2026-11-29T15:30", 10, "2026-12-14"),  # a Sunday
        ("2026-11-29T15:30", 0, "2026-11-29T15:30"),
        ("2026-11-25", 12, "2026-12-11"),
        ("2026-12-30T18:00", 3, "2027-01-04T18:00"),  # over New Year
        ("2028-02-28", 2, "2028-03-01"),  # over a leap day
    ],
)
def test_business_days_leave_weekends_out(start: str, days: int, end: str) -> None:
    begin, wanted = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))

    assert after_business_days(begin, days) == wanted


def test_whenever_one_answers_as_many_whole_business_days_pass_and_later_is_never_sooner() -> None:
    hours = [datetime(2026, 12, 25, tzinfo=UTC) + timedelta(hours=number) for number in range(24 * 16)]
    ends = [after_business_days(begin, 10) for begin in hours]

    assert ends == sorted(ends)
    for begin, end in zip(hours, ends, strict=True):
        passed = (begin + timedelta(hours=number) for number in range((end - begin) // timedelta(hours=1)))
        assert sum(each.weekday() < SATURDAY for each in passed) == 10 * 24


class TestWaiting:
    def test_it_is_restored_by_itself_when_nobody_went_to_court(
        self, claim: Claim, plugin: PlugIn, second_artist: User, user: User
    ) -> None:
        query(user, plugin)
        made = countered(accepted(claim))

        assert sweep_takedowns() == 0
        assert sweep_takedowns(later()) == 1

        made.refresh_from_db()
        assert (made.state, made.restored_by) == (TakedownState.RESTORED, None)
        assert is_offered(plugin)
        assert (earnings(second_artist), escrow(second_artist)) == (FEE, 0)
        assert kinds_of(made)[-3:] == ["countered", "restored", "strike_withdrawn"]
        assert AuditLine.objects.get(action="takedown.restored").acting_as == "system"
        assert verify().ok

    def test_it_waits_as_many_business_days_as_are_set(self, claim: Claim, settings: Any) -> None:
        settings.TAKEDOWNS = replace(settings.TAKEDOWNS, restore_business_days=10)
        takedown, before = accepted(claim), timezone.now()
        made = countered(takedown)

        assert made.restore_at is not None
        assert after_business_days(before, 10) <= made.restore_at <= after_business_days(timezone.now(), 10)

    def test_the_claimant_has_the_counter_notice(
        self, claim: Claim, artist: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        made = accepted(claim)
        with django_capture_on_commit_callbacks(execute=True):
            countered(made)

        to_claimant = next(sent for sent in mail.outbox if sent.to == [artist.email])
        assert WHY in to_claimant.body
        assert "court" in to_claimant.body

    def test_sweeping_twice_restores_once(self, claim: Claim) -> None:
        countered(accepted(claim))

        assert [sweep_takedowns(later()), sweep_takedowns(later())] == [1, 0]


class TestCourt:
    def test_the_claimants_word_keeps_it_down(self, claim: Claim, plugin: PlugIn, artist: User) -> None:
        made = countered(accepted(claim))

        answering.go_to_court(made, artist, ACTION)

        assert (made.state, made.restore_at) == (TakedownState.IN_COURT, None)
        assert sweep_takedowns(later()) == 0
        assert not is_offered(plugin)

    def test_nobody_else_can_say_so(
        self, claim: Claim, second_artist: User, stranger: User, model_owner: User
    ) -> None:
        made = countered(accepted(claim))

        for person in (second_artist, stranger, model_owner):
            with pytest.raises(Refused):
                answering.go_to_court(made, person, ACTION)

    def test_it_takes_the_courts_name(self, claim: Claim, artist: User) -> None:
        made = countered(accepted(claim))

        with pytest.raises(Refused, match="Name the court"):
            answering.go_to_court(made, artist, " ")

    def test_before_a_counter_notice_there_is_nothing_to_keep(self, claim: Claim, artist: User) -> None:
        with pytest.raises(Refused, match="gone on"):
            answering.go_to_court(accepted(claim), artist, ACTION)

    def test_an_admin_then_upholds_it_or_restores_it(
        self, claim: Claim, plugin: PlugIn, artist: User, admin: User
    ) -> None:
        made = countered(accepted(claim))
        answering.go_to_court(made, artist, ACTION)

        uphold(made, admin, "The court has found for the claimant.")
        assert (made.state, made.is_strike) == (TakedownState.IN_FORCE, True)
        with pytest.raises(Refused, match="already"):
            countered(made)

        restore(made, admin, "The court has decided again.", money=DisputeState.RELEASED)
        assert is_offered(plugin)


class TestRefused:
    def test_only_whose_it_is_counters(self, claim: Claim, artist: User, stranger: User) -> None:
        made = accepted(claim)

        for person in (artist, stranger):
            with pytest.raises(Refused, match="Only whose it is"):
                answering.counter(made, person, counter_notice(), WHY)

    def test_it_is_sent_once(self, claim: Claim) -> None:
        made = countered(accepted(claim))

        with pytest.raises(Refused, match="already"):
            countered(made)

    @pytest.mark.parametrize("ground", [Ground.COURT, Ground.RULES])
    def test_a_courts_order_and_the_markets_rules_are_not_countered(
        self, plugin: PlugIn, admin: User, ground: Ground
    ) -> None:
        made = taken_down(plugin, admin, Cause(ground, "As the order of 3 May says."))

        with pytest.raises(Refused, match="write to the market"):
            countered(made)

    def test_after_a_counter_notice_an_admin_cannot_let_it_stand_without_a_court(
        self, plugin: PlugIn, admin: User
    ) -> None:
        made = countered(taken_down(plugin, admin, NOTICE))

        with pytest.raises(Refused, match="once a court"):
            uphold(made, admin, "I think so.")
