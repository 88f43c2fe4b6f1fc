"""Administrators grant roles in Django's administration; nobody else gets in."""

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from market.accounts.models import Role, User

SignIn = Callable[[User], Client]


def change_url(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


def form_for(person: User, roles: list[str]) -> dict[str, object]:
    return {
        "email": person.email,
        "display_name": person.display_name,
        "handle": person.handle,
        "about": "",
        "roles": roles,
        "is_active": "on",
        "role_acceptances-TOTAL_FORMS": 0,
        "role_acceptances-INITIAL_FORMS": 0,
    }


def test_an_administrator_names_another(admin: User, user: User, client_for: SignIn) -> None:
    response = client_for(admin).post(change_url(user), form_for(user, ["admin"]))

    assert response.status_code == 302
    user.refresh_from_db()
    assert user.roles == [Role.USER, Role.ADMIN]
    assert user.is_staff


def test_an_administrator_takes_a_role_away(admin: User, artist: User, client_for: SignIn) -> None:
    client_for(admin).post(change_url(artist), form_for(artist, ["user"]))

    artist.refresh_from_db()
    assert artist.roles == [Role.USER]


def test_nobody_else_gets_into_the_administration(artist: User, stranger: User, client_for: SignIn) -> None:
    for person in (artist, stranger):
        response = client_for(person).post(change_url(person), form_for(person, ["admin"]))
        assert response.status_code in {302, 403}
        person.refresh_from_db()
        assert not person.has_role(Role.ADMIN)


def test_every_list_of_the_administration_opens(admin: User, artist: User, client_for: SignIn) -> None:
    client = client_for(admin)
    pages = [
        "accounts_user", "accounts_roleacceptance", "basemodels_basemodel", "catalog_concept", "catalog_plugin",
        "catalog_rightsaffirmation", "catalog_uploadrefusal",
    ]  # fmt: skip

    for page in pages:
        assert client.get(reverse(f"admin:{page}_changelist"), {"q": "ada"}).status_code == 200, page


def test_sign_in_to_the_administration_is_the_markets_own(client: Client, db: None) -> None:
    response = client.get(reverse("admin:index"), follow=True)

    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))
