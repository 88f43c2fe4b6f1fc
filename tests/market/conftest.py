"""The cast: people that every test of the market knows, each with a verified email address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from market.accounts.models import Role, User

PASSWORD = "correct-horse-battery-staple"  # the password of people who exist in tests only


def make_person(name: str, *roles: Role) -> User:
    """Save a person with a verified address NAME@example.org and the given roles."""
    person = User.objects.create_user(
        f"{name.replace(' ', '.').lower()}@example.org", PASSWORD, display_name=name, roles=roles
    )
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


@pytest.fixture
def artist(db: None) -> User:
    return make_person("Ada Artist", Role.ARTIST)


@pytest.fixture
def second_artist(db: None) -> User:
    return make_person("Berta Brush", Role.ARTIST)


@pytest.fixture
def user(db: None) -> User:
    return make_person("Uma User")


@pytest.fixture
def model_owner(db: None) -> User:
    return make_person("Mona Modeller", Role.MODEL_OWNER)


@pytest.fixture
def admin(db: None) -> User:
    return make_person("Adele Admin", Role.ADMIN)


@pytest.fixture
def stranger(db: None) -> User:
    return make_person("Sam Stranger", Role.ARTIST, Role.MODEL_OWNER)


@pytest.fixture
def client_for(db: None) -> Callable[[User], Client]:
    """Return a function that gives a browser session in which the person is signed in."""

    def sign_in(person: User) -> Client:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
