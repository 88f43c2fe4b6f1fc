"""An upheld takedown is a strike; with too many, publishing is suspended until a strike is withdrawn or an admin lifts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog import publishing
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn, Suspension
from market.catalog.uploads import upload_works
from market.refusals import Refused
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.strikes import lift_suspension
from market.takedowns.sweeping import sweep_takedowns
from market.takedowns.taking_down import Cause, restore, uphold
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.claims.conftest import files
from tests.market.stage import earnings, make_plugin
from tests.market.takedowns.conftest import FEE, SORRY, asked, is_offered, query, taken_down

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db

ORDER = Cause(Ground.COURT, "By the order of 3 May.")


def strikes(person: User) -> int:
    return Takedown.objects.strikes(person).count()


@pytest.fixture
def struck(second_artist: User, base: BaseModel, admin: User) -> list[Takedown]:
    """Three strikes of the second artist, which are one too many."""
    made = [make_plugin(second_artist, base, name=f"Order {number}") for number in range(3)]
    return [taken_down(each, admin, ORDER) for each in made]


class TestCounting:
    @pytest.mark.dates
    def test_a_notice_becomes_one_when_no_counter_notice_came(
        self, plugin: PlugIn, second_artist: User, admin: User, settings: Any
    ) -> None:
        made = taken_down(plugin, admin)
        assert (strikes(second_artist), sweep_takedowns()) == (0, 0)

        late = timezone.now() + timedelta(days=settings.TAKEDOWNS.counter_days, minutes=1)
        assert [sweep_takedowns(late), sweep_takedowns(late)] == [1, 0]

        made.refresh_from_db()
        assert (strikes(second_artist), made.is_strike) == (1, True)

    def test_an_admin_may_uphold_it_before(self, plugin: PlugIn, second_artist: User, admin: User) -> None:
        uphold(taken_down(plugin, admin), admin, "Its artist agrees.")

        assert strikes(second_artist) == 1

    def test_a_courts_order_is_one_at_once(self, plugin: PlugIn, second_artist: User, admin: User) -> None:
        taken_down(plugin, admin, ORDER)

        assert strikes(second_artist) == 1

    @pytest.mark.dates
    def test_the_markets_own_rules_are_none(self, plugin: PlugIn, second_artist: User, admin: User) -> None:
        made = taken_down(plugin, admin, Cause(Ground.RULES, "Its samples are not its own."))

        assert sweep_takedowns(timezone.now() + timedelta(days=400)) == 0
        with pytest.raises(Refused):
            uphold(made, admin, "It stands.")
        assert strikes(second_artist) == 0

    def test_it_is_withdrawn_when_the_takedown_is_undone(
        self, plugin: PlugIn, second_artist: User, admin: User
    ) -> None:
        made = taken_down(plugin, admin, ORDER)

        restore(made, admin, SORRY)

        assert strikes(second_artist) == 0

    def test_it_counts_for_a_time(
        self, plugin: PlugIn, second_artist: User, admin: User, settings: Any, client_for: SignIn
    ) -> None:
        made = taken_down(plugin, admin, ORDER)
        page = client_for(admin).get(made.get_absolute_url()).content.decode()
        assert (made.counts, "counts no more" in page) == (True, False)

        settings.TAKEDOWNS = replace(settings.TAKEDOWNS, strike_days=0)

        page = client_for(admin).get(made.get_absolute_url()).content.decode()
        assert (strikes(second_artist), made.counts, "counts no more" in page) == (0, False, True)

    def test_the_first_ones_bring_a_warning(
        self, plugin: PlugIn, second_artist: User, admin: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            taken_down(plugin, admin, ORDER)

        warning = next(sent for sent in mail.outbox if "Strike" in sent.subject)
        assert (warning.to, warning.subject) == ([second_artist.email], "Strike 1 of 3")


class TestSuspension:
    def test_the_last_one_takes_all_of_the_persons_plug_ins_off_sale(
        self, plugin: PlugIn, struck: list[Takedown], user: User, second_artist: User
    ) -> None:
        assert Suspension.objects.open().get().person == second_artist
        assert not is_offered(plugin)
        with pytest.raises(Refused, match="A chosen plug-in is not offered"):
            asked(user, plugin)

    def test_one_less_does_not(
        self, plugin: PlugIn, second_artist: User, base: BaseModel, admin: User
    ) -> None:
        for number in range(2):
            taken_down(make_plugin(second_artist, base, name=f"Order {number}"), admin, ORDER)

        assert not Suspension.objects.exists()
        assert is_offered(plugin)

    def test_they_neither_upload_nor_train_nor_publish(
        self, plugin: PlugIn, struck: list[Takedown], second_artist: User, base: BaseModel, settings: Any
    ) -> None:
        concept = with_works(make_concept(second_artist, "Fresh"), 3)

        with pytest.raises(Refused, match="suspended"):
            start_addition(concept, base, second_artist)
        with pytest.raises(Refused, match="suspended"):
            publishing.publish(plugin, second_artist)
        report = upload_works(concept, second_artist, files(1, first=70))
        assert (report.taken, "suspended" in report.refused[0].reason) == ([], True)

    def test_what_was_earned_stays_theirs(
        self, plugin: PlugIn, user: User, second_artist: User, base: BaseModel, admin: User
    ) -> None:
        query(user, plugin)
        for number in range(3):
            taken_down(make_plugin(second_artist, base, name=f"Order {number}"), admin, ORDER)

        assert earnings(second_artist) == FEE

    def test_it_ends_when_a_strike_is_withdrawn(
        self, plugin: PlugIn, struck: list[Takedown], admin: User
    ) -> None:
        restore(struck[1], admin, SORRY)

        ended = Suspension.objects.get()
        assert (ended.lifted_at is not None, ended.lifted_by) == (True, None)
        assert is_offered(plugin)

    def test_it_stays_when_something_else_is_restored(
        self, plugin: PlugIn, struck: list[Takedown], admin: User
    ) -> None:
        restore(taken_down(plugin, admin), admin, SORRY)

        assert Suspension.objects.open().exists()

    def test_an_admin_lifts_it_with_a_reason_once(
        self, plugin: PlugIn, struck: list[Takedown], admin: User
    ) -> None:
        suspension = Suspension.objects.get()
        with pytest.raises(Refused, match="Say why"):
            lift_suspension(suspension, admin, " ")

        lift_suspension(suspension, admin, "They have taken the rest down themselves.")

        assert is_offered(plugin)
        with pytest.raises(Refused, match="before"):
            lift_suspension(suspension, admin, "Once more.")

    def test_nobody_else_lifts_it(
        self, struck: list[Takedown], artist: User, second_artist: User, stranger: User, user: User
    ) -> None:
        for person in (artist, second_artist, stranger, user):
            with pytest.raises(Refused):
                lift_suspension(Suspension.objects.get(), person, "Because.")

    def test_the_next_strike_after_it_was_lifted_suspends_again(
        self, plugin: PlugIn, struck: list[Takedown], admin: User
    ) -> None:
        lift_suspension(Suspension.objects.get(), admin, "A last chance.")

        taken_down(plugin, admin, ORDER)

        assert Suspension.objects.open().count() == 1

    def test_the_others_plug_ins_stay(self, struck: list[Takedown], artist: User, base: BaseModel) -> None:
        assert is_offered(make_plugin(artist, base, name="Mine"))
