"""The pages of disputes, for both sides, admins and strangers."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import open_dispute
from tests.market.disputes.conftest import FEE, REASON, ClientFor
from tests.market.stage import escrow
from tests.market.stage import paid_query as query

pytestmark = pytest.mark.django_db


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
