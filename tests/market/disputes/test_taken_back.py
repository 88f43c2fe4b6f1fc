"""What was frozen of a query goes back when the query is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes.deciding import decide_dispute
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import open_dispute
from market.disputes.sweeping import sweep_disputes
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.ledger.verification import verify
from tests.market.disputes.conftest import FEE, take_back
from tests.market.stage import earnings, escrow
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db


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
