"""Hidden pictures: nobody sees or downloads them, their maker reads why, and they come back as they were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import Picture
from market.refusals import Refused
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, restore, take_down_picture
from tests.market.stage import make_combined, make_part
from tests.market.takedowns.conftest import NOTICE, SORRY, kinds_of, query, taken_down

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db

RULES = Cause(Ground.RULES, "It shows a person who has not agreed.")


def hidden() -> set[object]:
    return {each.pk for each in Picture.objects.kept() if each.hidden_because}


class TestOne:
    def test_it_is_neither_sent_nor_shown(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        picture, other = query(user, plugin, count=2)
        client = client_for(user)
        take_down_picture(picture, admin, RULES)

        answer = client.get(reverse("generation:file", args=[picture.pk]))
        page = client.get(picture.get_absolute_url()).content.decode()
        listed = client.get(reverse("generation:pictures")).content.decode()

        assert (answer.status_code, answer["Cache-Control"]) == (451, "no-store")
        assert "keeps to its rules" in page
        assert reverse("generation:file", args=[picture.pk]) not in page + listed
        assert "Hidden" in listed
        assert client.get(reverse("generation:file", args=[other.pk])).status_code == 200

    def test_a_browser_that_kept_it_asks_and_is_refused(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        client, address = client_for(user), reverse("generation:file", args=[picture.pk])
        first = client.get(address)
        kept = {"If-None-Match": first["ETag"]}
        assert "no-cache" in first["Cache-Control"]
        assert client.get(address, headers=kept).status_code == 304

        take_down_picture(picture, admin, RULES)

        assert client.get(address, headers=kept).status_code == 451

    def test_the_studio_and_the_job_show_a_placeholder(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        take_down_picture(picture, admin, RULES)

        for address in (reverse("generation:studio"), picture.request.job.get_absolute_url()):
            page = client_for(user).get(address).content.decode()
            assert reverse("generation:file", args=[picture.pk]) not in page
            assert "Hidden" in page

    def test_its_maker_cannot_delete_it_meanwhile(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        take_down_picture(picture, admin, RULES)

        client_for(user).post(reverse("generation:delete", args=[picture.pk]))

        picture.refresh_from_db()
        assert picture.deleted_at is None
        assert picture.file

    def test_restored_it_is_what_it_was(
        self, plugin: PlugIn, user: User, admin: User, client_for: ClientFor
    ) -> None:
        (picture,) = query(user, plugin)
        address, client = reverse("generation:file", args=[picture.pk]), client_for(user)
        before = b"".join(client.get(address).streaming_content)  # type: ignore[attr-defined]  # the test client's response has it

        restore(take_down_picture(picture, admin, RULES), admin, SORRY)

        assert b"".join(client.get(address).streaming_content) == before  # type: ignore[attr-defined]  # as above
        assert hidden() == set()

    def test_done_twice_it_is_one_takedown(self, plugin: PlugIn, user: User, admin: User) -> None:
        (picture,) = query(user, plugin)

        assert take_down_picture(picture, admin, RULES) == take_down_picture(picture, admin, RULES)
        assert Takedown.objects.count() == 1

    def test_only_an_admin_who_is_no_side_hides_it(
        self, plugin: PlugIn, user: User, artist: User, stranger: User
    ) -> None:
        (picture,) = query(user, plugin)

        for person in (user, artist, stranger):
            with pytest.raises(Refused):
                take_down_picture(picture, person, RULES)


class TestAllOfAPlugIn:
    def test_all_that_it_drew_is_hidden_also_through_what_was_combined_from_it(
        self, base: BaseModel, plugin: PlugIn, artist: User, second_artist: User, user: User, admin: User
    ) -> None:
        part = make_part(second_artist, base, "Part")
        combined = make_combined(artist, base, "Both", ("Part", 5000))
        concerned = [*query(user, part, count=2), *query(user, combined)]
        query(user, plugin)

        made = taken_down(part, admin, pictures=True)
        assert hidden() == {each.pk for each in concerned}

        restore(made, admin, SORRY)
        assert hidden() == set()

    def test_it_can_be_asked_for_later(self, plugin: PlugIn, user: User, admin: User) -> None:
        (picture,) = query(user, plugin)
        taken_down(plugin, admin)
        assert hidden() == set()

        made = taken_down(plugin, admin, pictures=True)

        assert hidden() == {picture.pk}
        assert kinds_of(made) == ["taken_down", "pictures_hidden"]

    def test_a_picture_hidden_twice_comes_back_with_the_last_restoring(
        self, plugin: PlugIn, user: User, admin: User
    ) -> None:
        (picture,) = query(user, plugin)
        all_of_it = taken_down(plugin, admin, NOTICE, pictures=True)
        this_one = take_down_picture(picture, admin, RULES)

        restore(all_of_it, admin, SORRY)
        assert hidden() == {picture.pk}

        restore(this_one, admin, SORRY)
        assert hidden() == set()
