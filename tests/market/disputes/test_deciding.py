"""A decision gives what was frozen back, to the claimant or to those who paid: all as transfers."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes import settling
from market.disputes.deciding import decide_dispute
from market.disputes.freezing import freeze
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.disputes.settling import settle
from market.disputes.sweeping import sweep_disputes
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.ledger.verification import verify
from market.refusals import Refused
from tests.market.disputes.conftest import FEE, REASON, take_back
from tests.market.stage import earnings, escrow, top_up, wallet
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db


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
        monkeypatch.setattr(settling, "REFUNDS_AT_ONCE", 2)
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
