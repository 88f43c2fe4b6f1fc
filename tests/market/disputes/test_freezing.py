"""What a plug-in earns is frozen while a dispute about it is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes.freezing import freeze
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import open_dispute
from market.disputes.settling import in_escrow
from market.disputes.sweeping import sweep_disputes
from market.ledger import operations as ledger
from market.ledger.models import AccountKind
from market.ledger.verification import verify
from market.payments.payouts import payable
from tests.market.disputes.conftest import FEE
from tests.market.stage import earnings, escrow, make_plugin
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db


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


def test_a_dispute_that_freezes_twice_at_once_freezes_once(
    dispute: Dispute, plugin: PlugIn, artist: User, user: User, admin: User
) -> None:
    query(user, plugin)
    open_dispute(dispute, admin)
    query(user, plugin)
    assert freeze(dispute) == 1
    assert freeze(Dispute.objects.get(pk=dispute.pk)) == 0
    assert escrow(artist) == 2 * FEE
