"""A person's own page."""

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from market.accounts.models import Role, User
from market.accounts.roles import take_on

SignIn = Callable[[User], Client]
ME = "/me/"


def test_a_visitor_is_asked_to_sign_in(client: Client, db: None) -> None:
    response = client.get(ME)

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_the_page_shows_roles_accepted_terms_and_the_way_to_a_second_factor(
    user: User, client_for: SignIn
) -> None:
    take_on(user, Role.ARTIST)

    page = client_for(user).get(ME).content.decode()

    assert "Artist, version" in page
    assert reverse("mfa_index") in page
    assert reverse("accounts:role", args=["model_owner"]) in page


def test_name_handle_and_lines_about_oneself_are_saved(user: User, client_for: SignIn) -> None:
    response = client_for(user).post(ME, {"display_name": "Uma U.", "handle": "uma", "about": "I draw."})

    assert response.status_code == 302
    user.refresh_from_db()
    assert (user.display_name, user.handle, user.about) == ("Uma U.", "uma", "I draw.")


def test_a_handle_that_is_taken_is_refused_and_the_form_keeps_what_was_typed(
    user: User, artist: User, client_for: SignIn
) -> None:
    response = client_for(user).post(
        ME, {"display_name": "Uma the Great", "handle": artist.handle, "about": ""}
    )

    assert response.status_code == 422
    page = response.content.decode()
    assert "already exists" in page
    assert 'value="Uma the Great"' in page
    assert f"<h1>{user.display_name}</h1>" in page


def test_a_form_cannot_give_roles(user: User, client_for: SignIn) -> None:
    client_for(user).post(ME, {"display_name": "U", "handle": "u", "about": "", "roles": "admin"})

    user.refresh_from_db()
    assert user.roles == ["user"]
