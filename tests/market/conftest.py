"""The cast: people that every test of the market knows, each with a verified email address."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.db import connection
from django.test import Client

from market import services
from market.accounts.models import Role, User
from market.ledger.verification import verify

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


@contextmanager
def application_role() -> Iterator[None]:
    """Go on as the role that the embedded application connects as."""
    call_command("ledger_role", services.DATABASE_ROLE, stdout=io.StringIO())
    owner = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = services.DATABASE_ROLE
    yield
    connection.close()
    connection.settings_dict["USER"] = owner


@pytest.fixture
def client_for(db: None) -> Callable[[User], Client]:
    """Return a function that gives a browser session in which the person is signed in."""

    def sign_in(person: User) -> Client:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        if person.is_admin:
            prove_second_factor(client, person)
        return client

    return sign_in


def prove_second_factor(client: Client, person: User) -> None:
    """Have a person set a second factor up, and say in their session that they gave a code."""
    give_second_factor(person)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0}]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()


def give_second_factor(person: User) -> None:
    Authenticator.objects.get_or_create(
        user=person, type=Authenticator.Type.TOTP, defaults={"data": {"secret": "JBSWY3DPEHPK3PXP"}}
    )


@pytest.fixture
def ledger_verifies(db: None) -> Iterator[None]:
    """Verify the whole ledger at the end of the test: whatever broke in it, no money did."""
    yield
    assert verify().findings == []
