"""Sign-ins to admins' accounts are in the log, failed ones too; nobody else's are."""

from __future__ import annotations

import pytest
from allauth.account import signals as account
from allauth.mfa import signals as second_factor
from django.core.cache import cache
from django.test import Client

from market.accounts.models import User
from tests.market.audit.conftest import Written
from tests.market.conftest import PASSWORD, prove_second_factor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_attempts_are_remembered() -> None:
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD) -> None:
    client.post("/accounts/login/", {"login": email, "password": password}, REMOTE_ADDR="198.51.100.7")


def test_an_admins_sign_in_is_recorded(client: Client, admin: User, written: Written) -> None:
    sign_in(client, admin.email)

    (line,) = written("person.signed_in")
    assert (line.person, line.acting_as, line.target) == (admin, "admin", f"person:{admin.pk}")
    assert line.address == "198.51.100.7"


@pytest.mark.parametrize("email", ["adele.admin@example.org", "Adele.Admin@Example.org"])
def test_a_failed_sign_in_to_an_admins_account_is_recorded_without_what_was_typed(
    client: Client, admin: User, written: Written, email: str
) -> None:
    sign_in(client, email, "a wrong password")

    (line,) = written("person.sign_in_failed")
    assert (line.person, line.acting_as, line.target) == (None, "visitor", f"person:{admin.pk}")
    assert line.address == "198.51.100.7"
    assert line.details == {}


def test_others_sign_in_unrecorded(client: Client, user: User, artist: User, written: Written) -> None:
    before = written()
    sign_in(client, user.email, "a wrong password")
    sign_in(client, "nobody@example.org", "a wrong password")
    sign_in(client, artist.email)

    assert written() == before


def test_a_failed_second_factor_of_an_admin_is_recorded(admin: User, user: User, written: Written) -> None:
    for person in (admin, user):
        second_factor.authentication_failed.send(sender=object, request=None, user=person, authenticator=None)

    assert [line.target for line in written("person.second_factor_failed")] == [f"person:{admin.pk}"]


def test_what_an_admin_signs_in_with_is_not_changed_without_a_line(
    client: Client, admin: User, user: User, written: Written
) -> None:
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    prove_second_factor(client, admin)
    new = "another-long-password"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    admin.refresh_from_db()
    assert admin.check_password(new)
    (line,) = written("person.password_changed")
    assert (line.person, line.details) == (admin, {})
    assert (
        client.post("/admin/password_change/", {"old_password": new})["Location"]
        == "/accounts/password/change/"
    )
    account.password_reset.send(sender=object, request=None, user=user)
    assert written("person.password_reset") == []
