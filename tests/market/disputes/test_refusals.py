"""What nobody may do with a dispute, and what the database does not hold of one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes.deciding import dismiss_dispute
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.refusals import Refused
from tests.market.disputes.conftest import REASON
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db


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
            pytest.raises(IntegrityError, match="disputes_freeze_amount_not_zero"),
            transaction.atomic(),
        ):
            dispute.freezes.update(amount=0)
