"""Pages of takedowns: what everybody reads, what its sides see and do, and what only admins do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, Suspension
from market.claims.models import Claim
from market.takedowns import answering
from market.takedowns.models import Takedown
from market.takedowns.states import Ground, TakedownState
from market.takedowns.taking_down import Cause, restore, take_down_picture
from tests.market.claims.conftest import PAPER
from tests.market.stage import make_combined, make_part, make_plugin
from tests.market.takedowns.conftest import (
    NOTICE,
    SORRY,
    accepted,
    counter_notice,
    is_offered,
    query,
    taken_down,
)

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db

SIGNED: dict[str, Any] = PAPER | {
    "reason": "It is my own.", "mistaken_under_perjury": "on", "consents_to_jurisdiction": "on",
}  # fmt: skip
FORM = {"ground": "notice", "reason": "A letter of 3 May."}


class TestPublicPage:
    def test_everybody_reads_why_in_neutral_words_and_to_whom_to_turn(
        self, plugin: PlugIn, admin: User, client: Client
    ) -> None:
        taken_down(plugin, admin)

        answer = client.get(plugin.get_absolute_url())
        page = answer.content.decode()

        assert answer.status_code == 451
        assert "may infringe" in page
        assert "mailto:market@localhost" in page
        assert NOTICE.reason not in page

    def test_of_a_combined_one_it_says_that_a_part_is_taken_down(
        self, base: BaseModel, artist: User, second_artist: User, admin: User, client: Client
    ) -> None:
        part = make_part(second_artist, base, "Part")
        combined = make_combined(artist, base, "Both", ("Part", 5000))
        taken_down(part, admin)

        answer = client.get(combined.get_absolute_url())

        assert answer.status_code == 451
        assert "combined" in answer.content.decode()

    def test_of_a_suspended_artist_it_says_nothing_of_them(
        self, plugin: PlugIn, second_artist: User, client: Client
    ) -> None:
        Suspension.objects.create(person=second_artist, because="3 strikes")

        answer = client.get(plugin.get_absolute_url())

        assert answer.status_code == 451
        assert "strike" not in answer.content.decode()
        assert "what was said" not in answer.content.decode()

    def test_a_draft_that_is_taken_down_stays_unknown(
        self, base: BaseModel, artist: User, admin: User, client: Client
    ) -> None:
        draft = make_plugin(artist, base, name="Draft", publish=False)
        taken_down(draft, admin)

        assert client.get(draft.get_absolute_url()).status_code == 404

    def test_its_artist_is_led_to_what_they_can_do(
        self, plugin: PlugIn, admin: User, second_artist: User, client_for: ClientFor
    ) -> None:
        taken_down(plugin, admin)

        for address in (plugin.get_absolute_url(), plugin.desk_url, reverse("catalog:desk")):
            page = client_for(second_artist).get(address).content.decode()
            assert "taken down" in page
            assert reverse("takedowns:mine") in page

    def test_it_is_in_no_list(self, plugin: PlugIn, admin: User, client: Client) -> None:
        taken_down(plugin, admin)

        for address in (reverse("catalog:plugins"), plugin.owner.get_absolute_url(), "/"):
            assert plugin.get_absolute_url() not in client.get(address).content.decode()


class TestAdmin:
    def test_takes_a_plug_in_down(
        self, plugin: PlugIn, artist: User, admin: User, client_for: ClientFor
    ) -> None:
        address = reverse("takedowns:of_plugin", args=[plugin.slug])
        client = client_for(admin)
        assert address in client.get(plugin.get_absolute_url()).content.decode()
        assert client.get(address).status_code == 200

        answer = client.post(address, FORM | {"complainant": artist.email.upper(), "pictures": "on"})

        made = Takedown.objects.get()
        assert (answer.status_code, answer["Location"]) == (302, made.get_absolute_url())
        assert (made.complainant, made.hides_pictures, is_offered(plugin)) == (artist, True, False)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"reason": ""}, "required"),
            ({"ground": "claim"}, "valid choice"),
            ({"complainant": "nobody@example.org"}, "Nobody has an account"),
        ],
    )
    def test_is_told_what_is_wrong_and_loses_nothing(
        self, plugin: PlugIn, admin: User, client_for: ClientFor, change: dict[str, str], said: str
    ) -> None:
        answer = client_for(admin).post(
            reverse("takedowns:of_plugin", args=[plugin.slug]), FORM | {"reason": "Kept words"} | change
        )

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert ("Kept words" in answer.content.decode()) is ("reason" not in change)
        assert not Takedown.objects.exists()

    def test_hides_a_picture(self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor) -> None:
        (picture,) = query(user, plugin)
        address = reverse("takedowns:of_picture", args=[picture.pk])
        assert client_for(admin).get(address).status_code == 200

        client_for(admin).post(address, FORM)

        assert Takedown.objects.get().picture == picture

    def test_is_led_from_the_address_of_a_picture_to_where_it_is_hidden(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        client, address = client_for(admin), reverse("takedowns:takedowns")

        for typed in (f"http://testserver/pictures/{picture.pk}/", f" {picture.pk} "):
            answer = client.get(address, {"picture": typed})
            assert answer["Location"] == reverse("takedowns:of_picture", args=[picture.pk])

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("", "required"),
            ("the fox", "Expected the address of its page"),
            ("0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "There is no picture"),
        ],
    )
    def test_is_told_of_what_is_no_picture(
        self, admin: User, client_for: ClientFor, typed: str, said: str
    ) -> None:
        answer = client_for(admin).get(reverse("takedowns:takedowns"), {"picture": typed})

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert f'value="{typed}"' in answer.content.decode() or not typed

    def test_restores_it_on_its_page(self, plugin: PlugIn, admin: User, client_for: ClientFor) -> None:
        made = taken_down(plugin, admin)

        client_for(admin).post(
            reverse("takedowns:restore", args=[made.pk]), {"reason": SORRY, "money": "released"}
        )

        assert is_offered(plugin)
        assert client_for(admin).get(made.get_absolute_url()).status_code == 200

    def test_upholds_it(self, plugin: PlugIn, admin: User, client_for: ClientFor) -> None:
        made = taken_down(plugin, admin)

        client_for(admin).post(reverse("takedowns:uphold", args=[made.pk]), {"reason": "They agree."})

        made.refresh_from_db()
        assert made.is_strike

    def test_reads_why_something_was_refused(
        self, plugin: PlugIn, admin: User, client_for: ClientFor
    ) -> None:
        made = taken_down(plugin, admin)
        restore(made, admin, SORRY)

        answer = client_for(admin).post(
            reverse("takedowns:restore", args=[made.pk]), {"reason": SORRY, "money": "released"}
        )

        assert answer.status_code == 409
        assert "restored before" in answer.content.decode()

    def test_finds_takedowns_by_state_ground_and_name(
        self, plugin: PlugIn, base: BaseModel, artist: User, admin: User, client_for: ClientFor
    ) -> None:
        taken_down(plugin, admin)
        restore(
            taken_down(make_plugin(artist, base, name="Other"), admin, Cause(Ground.RULES, "x")), admin, SORRY
        )
        client = client_for(admin)

        def found(**asked: str) -> tuple[bool, bool]:
            page = client.get(reverse("takedowns:takedowns"), asked).content.decode()
            return "Copied" in page, "Other" in page

        assert found() == (True, True)
        assert found(state="restored") == (False, True)
        assert found(ground="notice") == (True, False)
        assert found(q="othe") == (False, True)
        assert found(q="berta") == (True, False)

    def test_lifts_a_suspension_from_the_list(
        self, second_artist: User, admin: User, client_for: ClientFor
    ) -> None:
        suspension = Suspension.objects.create(person=second_artist, because="3 strikes")
        client, address = client_for(admin), reverse("takedowns:lift", args=[suspension.pk])
        assert address in client.get(reverse("takedowns:takedowns")).content.decode()

        client.post(address, {"reason": ""})
        assert Suspension.objects.open().exists()

        client.post(address, {"reason": "They promised."})
        assert not Suspension.objects.open().exists()


class TestSides:
    def test_its_artist_reads_notice_and_strikes_and_counters(
        self, claim: Claim, second_artist: User, client_for: ClientFor
    ) -> None:
        made = accepted(claim)
        client = client_for(second_artist)
        mine = client.get(reverse("takedowns:mine")).content.decode()
        assert made.get_absolute_url() in mine
        assert "1 strike" in mine
        page = client.get(made.get_absolute_url()).content.decode()
        assert PAPER["telephone"] in page
        address = reverse("takedowns:counter_notice", args=[made.pk])
        assert address in page
        assert client.get(address).status_code == 200

        answer = client.post(address, SIGNED | {"consents_to_jurisdiction": ""})
        assert answer.status_code == 422
        assert "It is my own." in answer.content.decode()
        assert client.post(address, SIGNED).status_code == 302

        made.refresh_from_db()
        assert made.state == TakedownState.COUNTERED
        assert client.post(address, SIGNED).status_code == 409

    def test_the_claimant_reads_the_counter_notice_and_goes_to_court(
        self, claim: Claim, artist: User, client_for: ClientFor
    ) -> None:
        made = accepted(claim)
        answering.counter(made, made.person, counter_notice(), "It is my own.")
        client, address = client_for(artist), reverse("takedowns:court", args=[made.pk])
        page = client.get(made.get_absolute_url()).content.decode()
        assert "It is my own." in page
        assert address in page
        assert made.get_absolute_url() in client.get(reverse("takedowns:mine")).content.decode()

        assert client.post(address, {"action": ""}).status_code == 422
        client.post(address, {"action": "Some court, 1-2-3"})

        made.refresh_from_db()
        assert made.state == TakedownState.IN_COURT

    def test_a_claim_says_that_its_plug_in_is_taken_down(
        self, claim: Claim, artist: User, client_for: ClientFor
    ) -> None:
        made = accepted(claim)

        assert made.get_absolute_url() in client_for(artist).get(claim.get_absolute_url()).content.decode()

    def test_a_suspended_person_reads_so(self, second_artist: User, client_for: ClientFor) -> None:
        Suspension.objects.create(person=second_artist, because="3 strikes")

        assert "suspended" in client_for(second_artist).get(reverse("takedowns:mine")).content.decode()

    def test_a_suspended_artist_is_led_from_the_desk_to_why(
        self, second_artist: User, client_for: ClientFor
    ) -> None:
        client, address = client_for(second_artist), reverse("catalog:desk")
        assert "suspended" not in client.get(address).content.decode()

        Suspension.objects.create(person=second_artist, because="3 strikes")

        assert "Your publishing is suspended" in client.get(address).content.decode()

    def test_the_counter_notice_is_asked_for_in_words_that_fit_a_letter_too(
        self, plugin: PlugIn, second_artist: User, admin: User, client_for: ClientFor
    ) -> None:
        made = taken_down(plugin, admin)

        address = reverse("takedowns:counter_notice", args=[made.pk])
        page = client_for(second_artist).get(address).content.decode()

        assert "Why it is a mistake" in page
        assert "What was taken down" in page
        assert "the claim" not in page

    def test_its_maker_and_admins_read_which_picture_it_was_and_the_claimant_does_not(
        self, plugin: PlugIn, user: User, artist: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        made = take_down_picture(picture, admin, Cause(Ground.NOTICE, "My face is in it.", artist))

        read = {
            person: picture.request.prompt in client_for(person).get(made.get_absolute_url()).content.decode()
            for person in (user, admin, artist)
        }

        assert read == {user: True, admin: True, artist: False}

    def test_the_dispute_that_holds_its_earnings_leads_to_it(
        self, claim: Claim, second_artist: User, client_for: ClientFor
    ) -> None:
        made = accepted(claim)
        assert made.dispute is not None

        page = client_for(second_artist).get(made.dispute.get_absolute_url()).content.decode()

        assert made.get_absolute_url() in page


def test_nobody_else_sees_it(
    plugin: PlugIn,
    admin: User,
    artist: User,
    user: User,
    model_owner: User,
    stranger: User,
    client: Client,
    client_for: ClientFor,
) -> None:
    made = taken_down(plugin, admin)
    pages = [reverse(f"takedowns:{name}", args=[made.pk]) for name in ("takedown", "counter_notice", "court")]

    for address in pages:
        assert client.get(address).status_code in {302, 405}
        for person in (artist, user, model_owner, stranger):
            assert client_for(person).get(address).status_code in {404, 405}
            assert client_for(person).post(address, {"action": "x"}).status_code in {404, 405}
    assert client.get(reverse("takedowns:mine")).status_code == 302
