"""A dispute freezes what a plug-in earns, and gives it back, to the claimant or to those who paid: all as transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.claims import disputes
from market.claims.disputes import (
    decide_dispute,
    dismiss_dispute,
    file_dispute,
    freeze,
    in_escrow,
    open_dispute,
    settle,
    sweep_disputes,
)
from market.claims.models import Dispute, DisputeState
from market.generation.models import GenerationRequest
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from market.ledger.verification import verify
from market.payments.payouts import payable
from market.refusals import Refused
from tests.market.stage import EURO, earnings, escrow, make_base, make_plugin, top_up, wallet
from tests.market.stage import paid_query as query

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db

REASON = "This is my drawing of 2019, published in my book."
FEE = 45_000  # of 50 000, less the commission


@pytest.fixture
def plugin(artist: User, model_owner: User, user: User) -> PlugIn:
    top_up(user, 5 * EURO)
    return make_plugin(artist, make_base(model_owner))


@pytest.fixture
def dispute(plugin: PlugIn, second_artist: User) -> Dispute:
    return file_dispute(plugin=plugin, claimant=second_artist, reason=REASON)


class TestFreezing:
    def test_filing_freezes_nothing(self, dispute: Dispute, plugin: PlugIn, artist: User, user: User) -> None:
        query(user, plugin)

        assert sweep_disputes() == 0
        assert (earnings(artist), escrow(artist), dispute.state) == (FEE, 0, DisputeState.FILED)

    def test_opening_freezes_what_was_earned_and_sweeps_what_comes(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        query(user, plugin)
        open_dispute(dispute, admin)
        assert (earnings(artist), escrow(artist)) == (0, FEE)

        query(user, plugin)
        query(user, plugin)
        assert sweep_disputes() == 1
        assert sweep_disputes() == 0

        assert (earnings(artist), escrow(artist)) == (0, 3 * FEE)
        assert [(each.person, each.amount) for each in in_escrow(dispute)] == [(artist, 3 * FEE)]
        assert verify().ok

    def test_it_leaves_what_other_plugins_earn(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        other = make_plugin(artist, plugin.base, name="Ink")
        query(user, plugin)
        query(user, other)

        open_dispute(dispute, admin)
        query(user, other)
        sweep_disputes()

        assert (earnings(artist), escrow(artist)) == (2 * FEE, FEE)

    def test_what_was_paid_out_before_is_out_of_reach_for_ever(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        other = make_plugin(artist, plugin.base, name="Ink")
        query(user, plugin)
        ledger.post(
            key="paid out",
            debit=ledger.account(AccountKind.EARNINGS, artist),
            credit=ledger.account(AccountKind.PAYOUT_CLEARING),
            amount=FEE - 5000,
            kind="payout",
        )

        open_dispute(dispute, admin)
        query(user, other)  # does not make up for it
        sweep_disputes()

        assert (earnings(artist), escrow(artist)) == (FEE, 5000)

    def test_it_reaches_back_as_far_as_the_setting_says(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User, settings: Any
    ) -> None:
        query(user, plugin)
        settings.DISPUTES = replace(settings.DISPUTES, days=-1)  # of the future: nothing was earned since

        open_dispute(dispute, admin)

        assert (earnings(artist), escrow(artist)) == (FEE, 0)

    def test_what_is_frozen_is_not_also_kept_in_reserve(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User, settings: Any
    ) -> None:
        settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=7)
        other = make_plugin(artist, plugin.base, name="Ink")
        for each in (plugin, plugin, other):
            query(user, each)
        assert payable(artist).in_reserve == 3 * FEE

        open_dispute(dispute, admin)

        assert (payable(artist).balance, payable(artist).in_reserve) == (FEE, FEE)


def take_back(made: GenerationRequest) -> None:
    """Reverse a query, as an admin's refund out of what its receivers got does."""
    capture = Transfer.objects.get(reference=made.reference, kind="capture")
    ledger.reverse(transfer=capture, key=f"{made.reference}:back", reason="drawn wrong")


class TestQueriesThatAreTakenBack:
    """While a dispute is open. Each time the books verify, and a second sweep finds nothing to do."""

    @pytest.fixture(autouse=True)
    def settled(self, dispute: Dispute) -> Iterator[None]:
        yield
        assert verify().ok
        assert sweep_disputes() == 0
        transfers = {each.transfer.key for each in dispute.freezes.all()}
        assert len(transfers) == dispute.freezes.count()

    def test_what_was_frozen_of_it_goes_back(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        open_dispute(dispute, admin)
        taken_back, _ = query(user, plugin), query(user, plugin)
        sweep_disputes()
        take_back(taken_back)
        assert (earnings(artist), escrow(artist)) == (-FEE, 2 * FEE)
        assert verify().ok

        assert sweep_disputes() == 1

        assert (earnings(artist), escrow(artist)) == (0, FEE)
        assert sum(each.amount for each in dispute.freezes.all()) == FEE

    def test_also_of_a_query_from_before_the_opening(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        taken_back, _ = query(user, plugin), query(user, plugin)
        open_dispute(dispute, admin)
        take_back(taken_back)

        sweep_disputes()

        assert (earnings(artist), escrow(artist)) == (0, FEE)

    def test_before_the_next_royalty_is_frozen(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        open_dispute(dispute, admin)
        taken_back = query(user, plugin)
        sweep_disputes()
        take_back(taken_back)
        query(user, plugin)

        sweep_disputes()

        assert (earnings(artist), escrow(artist)) == (0, FEE)

    def test_what_was_paid_out_is_not_made_up_for_by_it(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        """Two queries, one of them paid out: after one is taken back, what is frozen is what stands."""
        taken_back, _ = query(user, plugin), query(user, plugin)
        ledger.post(
            key="paid out",
            debit=ledger.account(AccountKind.EARNINGS, artist),
            credit=ledger.account(AccountKind.PAYOUT_CLEARING),
            amount=FEE,
            kind="payout",
        )
        open_dispute(dispute, admin)
        take_back(taken_back)

        assert sweep_disputes() == 0

        assert (earnings(artist), escrow(artist)) == (-FEE, FEE)

    def test_one_that_was_taken_back_before_it_was_frozen_moves_nothing(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        open_dispute(dispute, admin)
        take_back(query(user, plugin))

        assert sweep_disputes() == 0

        assert (earnings(artist), escrow(artist)) == (0, 0)

    @pytest.mark.parametrize(
        ("outcome", "artists", "claimants"),
        [(DisputeState.RELEASED, FEE, 0), (DisputeState.AWARDED, 0, FEE), (DisputeState.REFUNDED, 0, 0)],
    )
    def test_the_decision_gives_what_stands(
        self, dispute: Dispute, plugin: PlugIn, artist: User, second_artist: User, user: User, admin: User,
        outcome: DisputeState, artists: int, claimants: int,
    ) -> None:  # fmt: skip
        taken_back, _ = query(user, plugin), query(user, plugin)
        open_dispute(dispute, admin)
        take_back(taken_back)

        decide_dispute(dispute, admin, outcome, "So it is.")

        assert (earnings(artist), earnings(second_artist), escrow(artist)) == (artists, claimants, 0)


class TestDeciding:
    def opened(self, dispute: Dispute, plugin: PlugIn, user: User, admin: User, queries: int = 2) -> Dispute:
        for _ in range(queries):
            query(user, plugin)
        return open_dispute(dispute, admin)

    def test_for_the_artist_it_all_comes_back(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        self.opened(dispute, plugin, user, admin)
        query(user, plugin)  # since the last sweep

        decide_dispute(dispute, admin, DisputeState.RELEASED, "It is theirs.")

        assert (earnings(artist), escrow(artist)) == (3 * FEE, 0)
        assert dispute.settled_at is not None
        assert verify().ok

    def test_for_the_claimant_they_get_it(
        self, dispute: Dispute, plugin: PlugIn, artist: User, second_artist: User, user: User, admin: User
    ) -> None:
        self.opened(dispute, plugin, user, admin)

        decide_dispute(dispute, admin, DisputeState.AWARDED, "The book shows it.")

        assert (earnings(artist), escrow(artist), earnings(second_artist)) == (0, 0, 2 * FEE)
        assert verify().ok

    def test_those_who_paid_get_their_royalty_back(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, stranger: User, admin: User
    ) -> None:
        top_up(stranger)
        query(stranger, plugin)
        before = {person: ledger.balance(wallet(person)).posted for person in (user, stranger)}
        self.opened(dispute, plugin, user, admin)

        decide_dispute(dispute, admin, DisputeState.REFUNDED, "Nobody's to sell.")

        assert escrow(artist) == earnings(artist) == 0
        assert ledger.balance(wallet(stranger)).posted == before[stranger] + FEE
        assert ledger.balance(wallet(user)).posted == before[user] - 2 * 60_000 + 2 * FEE
        assert Transfer.objects.filter(kind="refund").count() == 3
        assert verify().ok

    def test_many_are_given_back_to_over_several_sweeps(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(disputes, "REFUNDS_AT_ONCE", 2)
        self.opened(dispute, plugin, user, admin, queries=5)

        decide_dispute(dispute, admin, DisputeState.REFUNDED, "Nobody's to sell.")
        assert escrow(artist) == 3 * FEE

        sweeps = 0
        while sweep_disputes():
            sweeps += 1

        dispute.refresh_from_db()
        assert (escrow(artist), sweeps, dispute.settled_at is not None) == (0, 2, True)
        assert Transfer.objects.filter(kind="refund").count() == 5

    def test_queries_that_were_taken_back_are_not_paid_back_again(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        taken_back = query(user, plugin)
        self.opened(dispute, plugin, user, admin, queries=1)
        take_back(taken_back)

        decide_dispute(dispute, admin, DisputeState.REFUNDED, "Nobody's to sell.")

        assert Transfer.objects.filter(kind="refund").count() == 1
        # What was frozen of the query that was taken back is given back, and settles what its reversal took.
        assert (earnings(artist), escrow(artist)) == (0, 0)
        assert verify().ok

    def test_it_is_settled_once(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
    ) -> None:
        self.opened(dispute, plugin, user, admin)
        decide_dispute(dispute, admin, DisputeState.RELEASED, "It is theirs.")

        assert not settle(dispute)
        assert freeze(dispute) == 0
        with pytest.raises(Refused, match="gone on"):
            decide_dispute(dispute, admin, DisputeState.AWARDED, "Or not.")
        assert earnings(artist) == 2 * FEE

    def test_another_dispute_may_follow(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, stranger: User, admin: User
    ) -> None:
        self.opened(dispute, plugin, user, admin)
        second = file_dispute(plugin=plugin, claimant=stranger, reason=REASON)
        with pytest.raises(Refused, match="Another dispute"):
            open_dispute(second, admin)

        decide_dispute(dispute, admin, DisputeState.RELEASED, "It is theirs.")
        open_dispute(second, admin)

        assert (earnings(artist), escrow(artist)) == (0, 2 * FEE)
        assert verify().ok


class TestRefusals:
    def test_a_reason_of_a_word_is_none(self, plugin: PlugIn, stranger: User) -> None:
        with pytest.raises(Refused, match="at least 20"):
            file_dispute(plugin=plugin, claimant=stranger, reason="  mine   " + " " * 40)

    def test_nobody_disputes_their_own(self, plugin: PlugIn, artist: User) -> None:
        with pytest.raises(Refused, match="yours"):
            file_dispute(plugin=plugin, claimant=artist, reason=REASON)

    def test_the_same_person_files_it_once(
        self, dispute: Dispute, plugin: PlugIn, second_artist: User
    ) -> None:
        with pytest.raises(Refused, match="already"):
            file_dispute(plugin=plugin, claimant=second_artist, reason=REASON)

    @pytest.mark.parametrize("who", ["stranger", "artist", "second_artist", "model_owner", "user"])
    def test_only_admins_open_and_dismiss(
        self, dispute: Dispute, who: str, request: pytest.FixtureRequest
    ) -> None:
        person = request.getfixturevalue(who)
        with pytest.raises(Refused, match="Only an admin"):
            open_dispute(dispute, person)
        with pytest.raises(Refused, match="Only an admin"):
            dismiss_dispute(dispute, person, "no")

    def test_an_admin_who_is_a_side_of_it_is_refused(self, plugin: PlugIn, admin: User) -> None:
        own = file_dispute(plugin=plugin, claimant=admin, reason=REASON)
        with pytest.raises(Refused, match="Another admin"):
            open_dispute(own, admin)

    def test_what_was_dismissed_is_not_opened(self, dispute: Dispute, admin: User) -> None:
        dismiss_dispute(dispute, admin, "No sign of it.")
        with pytest.raises(Refused, match="can be opened"):
            open_dispute(dispute, admin)

    def test_a_decision_needs_its_reason(self, dispute: Dispute, admin: User) -> None:
        with pytest.raises(Refused, match="Say why"):
            dismiss_dispute(dispute, admin, "  ")
        dispute.refresh_from_db()
        assert dispute.state == DisputeState.FILED

    @pytest.mark.parametrize(
        "change",
        [
            {"state": "open"},
            {"state": "won"},
            {"reason": ""},
            {"decision": "because"},
            {"state": "dismissed"},
            {"state": "released", "decided_at": timezone.now()},
        ],
    )
    def test_the_database_holds_its_states(self, dispute: Dispute, change: dict[str, Any]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Dispute.objects.filter(pk=dispute.pk).update(**change)

    def test_a_freeze_moves_something(
        self, dispute: Dispute, plugin: PlugIn, user: User, admin: User
    ) -> None:
        query(user, plugin)
        open_dispute(dispute, admin)
        with (
            pytest.raises(IntegrityError, match="claims_freeze_amount_not_zero"),
            transaction.atomic(),
        ):
            dispute.freezes.update(amount=0)


class TestPages:
    def test_it_is_filed_on_the_plugins_page(
        self, plugin: PlugIn, stranger: User, client_for: ClientFor
    ) -> None:
        client = client_for(stranger)
        assert f"/plugins/{plugin.slug}/dispute/" in client.get(plugin.get_absolute_url()).content.decode()

        assert client.post(f"/plugins/{plugin.slug}/dispute/", {"reason": "mine"}).status_code == 422
        answer = client.post(f"/plugins/{plugin.slug}/dispute/", {"reason": REASON}, follow=True)

        assert answer.status_code == 200
        assert REASON in answer.content.decode()

    def test_an_admin_opens_and_decides_it(
        self, dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User, client_for: ClientFor
    ) -> None:
        query(user, plugin)
        client = client_for(admin)
        page = f"/disputes/{dispute.pk}/"

        client.post(f"{page}open/")
        assert escrow(artist) == FEE
        assert client.post(f"{page}decide/", {"outcome": "burnt", "decision": "x"}).status_code == 422
        client.post(f"{page}decide/", {"outcome": "released", "decision": "It is theirs."})

        assert escrow(artist) == 0
        assert "It is theirs." in client.get(page).content.decode()

    def test_the_sides_see_it_and_the_stranger_does_not(
        self, dispute: Dispute, artist: User, second_artist: User, stranger: User, admin: User, client_for: ClientFor
    ) -> None:  # fmt: skip
        page = f"/disputes/{dispute.pk}/"
        seen = {
            who.email: client_for(who).get(page).status_code
            for who in (artist, second_artist, stranger, admin)
        }
        assert seen == {
            artist.email: 404, second_artist.email: 200, stranger.email: 404, admin.email: 200,
        }  # fmt: skip
        open_dispute(dispute, admin)
        assert client_for(artist).get(page).status_code == 200
        assert f"{page}decide/" not in client_for(artist).get(page).content.decode()

    @pytest.mark.parametrize("action", ["open", "dismiss", "decide"])
    @pytest.mark.parametrize("who", ["stranger", "artist", "second_artist", "user", "model_owner"])
    def test_nobody_else_acts(
        self, dispute: Dispute, action: str, who: str, request: pytest.FixtureRequest, client_for: ClientFor
    ) -> None:
        client = client_for(request.getfixturevalue(who))
        answer = client.post(
            f"/disputes/{dispute.pk}/{action}/", {"outcome": "released", "decision": "because"}
        )
        dispute.refresh_from_db()
        assert (answer.status_code, dispute.state) == (404, DisputeState.FILED)


def test_a_dispute_that_freezes_twice_at_once_freezes_once(
    dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
) -> None:
    query(user, plugin)
    open_dispute(dispute, admin)
    query(user, plugin)
    assert freeze(dispute) == 1
    assert freeze(Dispute.objects.get(pk=dispute.pk)) == 0
    assert escrow(artist) == 2 * FEE
