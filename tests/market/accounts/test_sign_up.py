"""Signing up, verifying the address, signing in, resetting the password, a second factor."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from tests.market.conftest import PASSWORD

NEW = {"display_name": "Nora New", "email": "Nora@Example.org", "password1": PASSWORD}


@pytest.fixture(autouse=True)
def no_attempts_counted_yet() -> None:
    """Limits on attempts are kept in the cache, which outlives a test."""
    cache.clear()


def link_in(message: str, part: str) -> str:
    found = re.search(rf"https?://[^/\s]+(/[^\s]*{part}[^\s]*)", message)
    assert found, message
    return found[1]


@pytest.mark.django_db
def test_somebody_new_signs_up_verifies_their_address_and_is_a_user(client: Client) -> None:
    client.post(reverse("account_signup"), NEW)
    person = User.objects.get(email="nora@example.org")
    assert (person.display_name, person.handle, person.roles) == ("Nora New", "nora-new", ["user"])
    assert not EmailAddress.objects.get(user=person).verified

    client.post(link_in(str(mail.outbox[0].body), "confirm-email"))

    assert EmailAddress.objects.get(user=person).verified


@pytest.mark.django_db
def test_an_unverified_address_does_not_sign_in(client: Client) -> None:
    client.post(reverse("account_signup"), NEW)

    other = Client()
    other.post(reverse("account_login"), {"login": NEW["email"], "password": PASSWORD})

    assert "_auth_user_id" not in other.session


def test_a_person_signs_in_by_email_in_any_case(client: Client, artist: User) -> None:
    client.post(reverse("account_login"), {"login": artist.email.upper(), "password": PASSWORD})

    assert client.session["_auth_user_id"] == str(artist.pk)


def test_a_wrong_password_is_refused_and_the_form_says_so(client: Client, artist: User) -> None:
    response = client.post(reverse("account_login"), {"login": artist.email, "password": "wrong"})

    assert "_auth_user_id" not in client.session
    assert "not correct" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["short", "1234567890123", "password12"])
def test_a_weak_password_is_refused(client: Client, password: str) -> None:
    client.post(reverse("account_signup"), NEW | {"password1": password})

    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_name_of_nothing_but_signs_is_refused(client: Client) -> None:
    response = client.post(reverse("account_signup"), NEW | {"display_name": " -- "})

    assert "at least one letter or digit" in response.content.decode()
    assert not User.objects.exists()


def test_signing_up_with_a_known_address_does_not_tell_that_it_is_known(client: Client, artist: User) -> None:
    known = client.post(reverse("account_signup"), NEW | {"email": artist.email})
    fresh = Client().post(reverse("account_signup"), NEW)

    assert known.status_code == fresh.status_code == 302
    assert known["Location"] == fresh["Location"]
    assert User.objects.filter(email=artist.email).count() == 1


def test_a_lost_password_is_reset_by_mail(client: Client, artist: User) -> None:
    client.post(reverse("account_reset_password"), {"email": artist.email})
    form = client.get(link_in(str(mail.outbox[0].body), "password/reset/key"), follow=True)
    fresh = "another-horse-battery-staple"

    client.post(form.request["PATH_INFO"], {"password1": fresh, "password2": fresh})

    artist.refresh_from_db()
    assert artist.check_password(fresh)


def test_a_second_factor_can_be_set_up_and_is_asked_for(client: Client, artist: User) -> None:
    Authenticator.objects.create(
        user=artist, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"}
    )

    response = client.post(reverse("account_login"), {"login": artist.email, "password": PASSWORD})

    assert response["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed, which is what takes a sign-up or sign-in its time."""
    passwords: list[str] = []
    really_encode = MD5PasswordHasher.encode

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        passwords.append(password)
        return really_encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return passwords


def test_signing_up_takes_as_long_with_a_known_address_as_with_a_new_one(
    client: Client, artist: User, hashed: list[str]
) -> None:
    hashed.clear()
    client.post(reverse("account_signup"), NEW | {"email": artist.email})
    known, mails = len(hashed), len(mail.outbox)
    hashed.clear()
    Client().post(reverse("account_signup"), NEW)

    assert known == len(hashed) == 1
    assert mails == len(mail.outbox) - mails == 1


def test_signing_in_takes_as_long_with_an_unknown_address_as_with_a_wrong_password(
    client: Client, artist: User, hashed: list[str]
) -> None:
    hashed.clear()
    client.post(reverse("account_login"), {"login": artist.email, "password": "wrong"})
    known = len(hashed)
    hashed.clear()
    Client().post(reverse("account_login"), {"login": "nobody@example.org", "password": "wrong"})

    assert known == len(hashed) > 0


def test_a_stranger_who_guesses_passwords_locks_themselves_out_and_not_the_owner(
    client: Client, artist: User
) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(7):
        guessed = stranger.post(reverse("account_login"), {"login": artist.email, "password": "wrong"})
    assert "Too many failed" in guessed.content.decode()
    stranger.post(reverse("account_login"), {"login": artist.email, "password": PASSWORD})
    assert "_auth_user_id" not in stranger.session

    client.post(reverse("account_login"), {"login": artist.email, "password": PASSWORD})

    assert client.session["_auth_user_id"] == str(artist.pk)


def test_a_stranger_who_asks_for_resets_leaves_the_owner_theirs(client: Client, artist: User) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    asked = [stranger.post(reverse("account_reset_password"), {"email": artist.email}) for _ in range(7)]
    assert asked[-1].status_code == 429
    mail.outbox.clear()

    client.post(reverse("account_reset_password"), {"email": artist.email})

    assert len(mail.outbox) == 1
