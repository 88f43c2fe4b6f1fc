"""A takedown of a plug-in: from that moment nobody uses it, requests that wait cost nothing, what it earned lies in escrow."""

from __future__ import annotations

import pytest
from django.core import mail

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.claims.models import Claim
from market.disputes.models import DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.disputes.sweeping import sweep_disputes
from market.generation.finishing import finish_generation, store_pictures
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.ledger.verification import verify
from market.refusals import Refused
from market.takedowns.models import Takedown
from market.takedowns.states import Ground, TakedownState
from market.takedowns.taking_down import Cause, restore, take_down_plugin
from tests.market.conftest import make_person
from tests.market.stage import EURO, earnings, escrow, make_combined, make_part, wallet
from tests.market.takedowns.conftest import (
    FEE,
    NOTICE,
    SORRY,
    accepted,
    asked,
    is_offered,
    kinds_of,
    query,
    taken_down,
)

pytestmark = pytest.mark.django_db


class TestUse:
    def test_nobody_asks_for_pictures_with_it_any_more(self, plugin: PlugIn, user: User, admin: User) -> None:
        taken_down(plugin, admin)

        with pytest.raises(Refused, match="A chosen plug-in is not offered"):
            asked(user, plugin)

    def test_requests_that_wait_are_stopped_with_a_reason_and_cost_nothing(
        self, plugin: PlugIn, user: User, admin: User
    ) -> None:
        waiting, running = asked(user, plugin), asked(user, plugin)
        (job,) = Job.objects.claim(kinds=["generation"], worker="test")

        taken_down(plugin, admin)

        for made in (waiting, running):
            ended = Job.objects.get(pk=made.pk)
            assert ended.state == JobState.FAILED
            assert "taken down" in ended.error
        balance = ledger.balance(wallet(user))
        assert (balance.posted, balance.held) == (5 * EURO, 0)
        stored = store_pictures(pk=job.pk, token=job.fencing_token, pictures=[])
        with pytest.raises((LeaseLost, ValueError)):
            finish_generation(pk=job.pk, token=job.fencing_token, stored=stored)

    def test_requests_without_it_go_on(
        self, plugin: PlugIn, base: BaseModel, user: User, admin: User
    ) -> None:
        other = make_part(make_person("Carla"), base, "Other")
        made = asked(user, other)

        taken_down(plugin, admin)

        assert Job.objects.get(pk=made.pk).state == JobState.QUEUED

    def test_what_was_combined_from_it_goes_with_it_however_deep(
        self, base: BaseModel, artist: User, second_artist: User, user: User, plugin: PlugIn, admin: User
    ) -> None:
        part = make_part(second_artist, base, "Part")
        make_combined(artist, base, "Both", ("Part", 5000))
        deep = make_combined(artist, base, "Deep", ("Both", 5000))
        waiting = asked(user, deep)

        taken_down(part, admin)

        assert [is_offered(each) for each in (part, deep, plugin)] == [False, False, True]
        assert Job.objects.get(pk=waiting.pk).state == JobState.FAILED
        with pytest.raises(Refused, match="A chosen plug-in is not offered"):
            asked(user, deep)

    def test_a_combined_one_that_leaves_the_part_out_is_offered_again(
        self, base: BaseModel, artist: User, second_artist: User, admin: User
    ) -> None:
        part = make_part(second_artist, base, "Part")
        combined = make_combined(artist, base, "Both", ("Part", 5000))
        made = taken_down(part, admin)
        assert not is_offered(combined)

        restore(made, admin, SORRY)

        assert is_offered(combined)


class TestMoney:
    def test_what_it_earned_goes_to_escrow_and_back_when_it_is_restored(
        self, plugin: PlugIn, second_artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        query(user, plugin)

        made = taken_down(plugin, admin)
        assert (earnings(second_artist), escrow(second_artist)) == (0, 2 * FEE)

        restore(made, admin, SORRY)
        assert (earnings(second_artist), escrow(second_artist)) == (2 * FEE, 0)
        assert verify().ok

    def test_an_admin_may_give_it_to_those_who_paid_instead(
        self, plugin: PlugIn, second_artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        before = ledger.balance(wallet(user)).posted
        made = taken_down(plugin, admin)

        restore(made, admin, SORRY, money=DisputeState.REFUNDED)

        assert escrow(second_artist) == 0
        assert ledger.balance(wallet(user)).posted == before + FEE

    def test_it_is_awarded_only_to_a_claimant_with_an_account(
        self, plugin: PlugIn, user: User, admin: User
    ) -> None:
        query(user, plugin)
        made = taken_down(plugin, admin)

        with pytest.raises(Refused, match="Nobody with an account"):
            restore(made, admin, SORRY, money=DisputeState.AWARDED)

        made.refresh_from_db()
        assert made.state == TakedownState.IN_FORCE

    def test_the_dispute_may_stay_to_be_decided_by_itself(
        self, plugin: PlugIn, second_artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        made = taken_down(plugin, admin)

        restore(made, admin, SORRY, money=None)

        assert escrow(second_artist) == FEE
        assert made.dispute is not None
        made.dispute.refresh_from_db()
        assert made.dispute.state == DisputeState.OPEN

    def test_a_dispute_that_was_open_before_outlives_the_takedown(
        self, plugin: PlugIn, artist: User, second_artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        dispute = open_dispute(
            file_dispute(plugin=plugin, claimant=artist, reason="This is my drawing of 2019."), admin
        )
        made = taken_down(plugin, admin)
        assert made.dispute == dispute

        restore(made, admin, SORRY)

        dispute.refresh_from_db()
        assert (dispute.state, escrow(second_artist)) == (DisputeState.OPEN, FEE)
        assert sweep_disputes() == 0


class TestTwice:
    def test_taking_it_down_again_changes_nothing(self, plugin: PlugIn, admin: User) -> None:
        first = taken_down(plugin, admin)

        assert taken_down(plugin, admin) == first
        assert kinds_of(first) == ["taken_down"]
        assert AuditLine.objects.filter(action="takedown.made").count() == 1

    def test_another_ground_than_the_one_it_is_down_for_is_refused_and_not_lost(
        self, plugin: PlugIn, admin: User
    ) -> None:
        made = taken_down(plugin, admin)

        with pytest.raises(Refused, match="already, on another ground: a notice"):
            taken_down(plugin, admin, Cause(Ground.COURT, "Order 12 of the court of Lyon."))

        made.refresh_from_db()
        assert (made.ground, made.upheld_at) == (Ground.NOTICE, None)

    def test_restoring_it_again_is_refused(self, plugin: PlugIn, admin: User) -> None:
        made = taken_down(plugin, admin)
        restore(made, admin, SORRY)

        with pytest.raises(Refused, match="before"):
            restore(made, admin, SORRY)

    def test_it_can_be_taken_down_once_more_after_it_was_restored(self, plugin: PlugIn, admin: User) -> None:
        restore(taken_down(plugin, admin), admin, SORRY)

        assert taken_down(plugin, admin).pk != Takedown.objects.earliest("pk").pk
        assert not is_offered(plugin)

    def test_with_two_grounds_it_comes_back_when_both_are_gone(
        self, plugin: PlugIn, claim: Claim, second_artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        by_notice, by_claim = taken_down(plugin, admin), accepted(claim)

        restore(by_notice, admin, SORRY)
        plugin.refresh_from_db()
        assert not is_offered(plugin)
        assert "claimed" in plugin.taken_down_words
        assert escrow(second_artist) == FEE

        restore(Takedown.objects.get(pk=by_claim.pk), admin, SORRY)
        assert is_offered(plugin)
        assert (earnings(second_artist), escrow(second_artist)) == (FEE, 0)


class TestState:
    @pytest.mark.parametrize("withdrawn", [False, True])
    def test_restoring_gives_exactly_the_state_back(
        self, plugin: PlugIn, admin: User, withdrawn: bool
    ) -> None:
        if withdrawn:
            plugin.withdraw()
        before = PlugIn.objects.filter(pk=plugin.pk).values().get()

        restore(taken_down(plugin, admin), admin, SORRY)

        assert PlugIn.objects.filter(pk=plugin.pk).values().get() == before

    def test_its_artist_may_withdraw_it_meanwhile(self, plugin: PlugIn, admin: User) -> None:
        made = taken_down(plugin, admin)
        plugin.withdraw()

        restore(made, admin, SORRY)

        assert not is_offered(plugin)


class TestWho:
    def test_only_an_admin_who_is_no_side_takes_down_and_restores(
        self, plugin: PlugIn, admin: User, artist: User, model_owner: User, stranger: User, user: User
    ) -> None:
        made = taken_down(plugin, admin)
        for person in (artist, model_owner, stranger, user, plugin.owner):
            with pytest.raises(Refused):
                take_down_plugin(plugin, person, NOTICE)
            with pytest.raises(Refused):
                restore(made, person, SORRY)

    def test_an_admin_does_not_take_down_what_they_asked_for(self, plugin: PlugIn, admin: User) -> None:
        with pytest.raises(Refused, match="Another admin"):
            taken_down(plugin, admin, Cause(Ground.NOTICE, "It is mine.", admin))

    def test_it_needs_a_reason(self) -> None:
        with pytest.raises(Refused, match="Say why"):
            Cause(Ground.NOTICE, " ")

    def test_a_claim_is_no_ground_without_a_claim(self) -> None:
        with pytest.raises(Refused, match="accepted"):
            Cause(Ground.CLAIM, "It is mine.")


def test_its_artist_has_the_notice_by_mail_and_is_told_how_to_answer(
    plugin: PlugIn, admin: User, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture has no type
        made = taken_down(plugin, admin)

    (sent,) = mail.outbox
    assert sent.to == [plugin.owner.email]
    assert NOTICE.reason in sent.body
    assert "counter-notice" in sent.body
    assert made.get_absolute_url() in sent.body


def test_owners_of_combined_plug_ins_are_told(
    base: BaseModel,
    artist: User,
    second_artist: User,
    admin: User,
    django_capture_on_commit_callbacks: object,
) -> None:
    part = make_part(second_artist, base, "Part")
    make_combined(artist, base, "Both", ("Part", 5000))

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture has no type
        taken_down(part, admin)

    assert [artist.email] in [sent.to for sent in mail.outbox]


def test_each_step_is_in_the_audit_log(plugin: PlugIn, user: User, admin: User) -> None:
    query(user, plugin)
    restore(taken_down(plugin, admin), admin, SORRY)

    first, last = AuditLine.objects.filter(action__startswith="takedown.").order_by("pk")
    assert (first.action, first.person, first.reason) == ("takedown.made", admin, NOTICE.reason)
    assert first.details["in_escrow"] == "€0.045"
    assert (last.action, last.person, last.reason) == ("takedown.restored", admin, SORRY)


class TestClaims:
    def test_accepting_a_claim_about_a_plug_in_takes_it_down(self, claim: Claim, plugin: PlugIn) -> None:
        made = accepted(claim)

        assert not is_offered(plugin)
        assert (made.ground, made.complainant, made.person) == (Ground.CLAIM, claim.claimant, plugin.owner)
        assert kinds_of(made) == ["taken_down", "upheld", "strike"]

    def test_what_it_earned_is_disputed_by_the_claimant(
        self, claim: Claim, plugin: PlugIn, artist: User, second_artist: User, user: User
    ) -> None:
        query(user, plugin)

        made = accepted(claim)

        assert made.dispute is not None
        assert (made.dispute.claimant, escrow(second_artist)) == (artist, FEE)
