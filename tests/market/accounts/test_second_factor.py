"""Admins act with a second factor alone, wherever they act."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from market.accounts.models import Role, Scope, User
from market.accounts.second_factor import OF_TOKENS
from market.accounts.tokens import make_token
from market.audit.models import AuditLine
from market.audit.recording import name_of
from tests.market.api.conftest import ProgramOf, program_of
from tests.market.conftest import PASSWORD, give_second_factor, make_person

__all__ = ["program_of"]

SECRET = "JBSWY3DPEHPK3PXP"
ADMINS_PAGES = (
    "/reports/",
    "/reports/payouts/",
    "/admin/",
    "/admin/accounts/user/",
    "/claims/",
    "/me/tokens/",
    "/",
)


@pytest.fixture(autouse=True)
def no_attempts_counted_yet() -> None:
    """Used codes and limits on attempts are kept in the cache, which outlives a test."""
    cache.clear()


def code(secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def signed_in(person: User) -> Client:
    """Give a session that nobody proved a second factor in."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("page", ADMINS_PAGES)
def test_an_admin_without_a_second_factor_is_led_to_set_one_up(admin: User, page: str) -> None:
    answer = signed_in(admin).get(page)

    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp"))


@pytest.mark.parametrize("page", ADMINS_PAGES)
def test_an_admin_who_gave_no_code_in_this_session_is_asked_for_one(admin: User, page: str) -> None:
    give_second_factor(admin)
    answer = signed_in(admin).get(page)

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("mfa_reauthenticate"))


def test_nothing_is_done_by_an_admin_without_one(admin: User, artist: User) -> None:
    client = signed_in(admin)

    client.post(reverse("payments:payout_make_batch"))
    client.post(reverse("admin:accounts_user_change", args=[artist.pk]), {"display_name": "Changed"})

    artist.refresh_from_db()
    assert artist.display_name == "Ada Artist"
    assert client.post(reverse("accounts:tokens"), {"name": "one"}).status_code == 302
    assert not admin.api_tokens.exists()


@pytest.mark.dates
def test_an_admin_signs_in_with_password_and_code(admin: User, client: Client) -> None:
    give_second_factor(admin)

    client.post(reverse("account_login"), {"login": admin.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.post(reverse("mfa_authenticate"), {"code": code()})

    assert client.get("/reports/").status_code == 200


@pytest.mark.dates
def test_a_code_that_is_asked_for_later_leads_to_what_the_admin_came_for(admin: User) -> None:
    give_second_factor(admin)
    client = signed_in(admin)
    asked = client.get("/reports/payouts/")["Location"]

    wrong = client.post(asked, {"code": "000000"})
    assert wrong.status_code == 200
    answer = client.post(asked, {"code": code(), "next": "/reports/payouts/"})

    assert answer["Location"] == "/reports/payouts/"
    assert client.get("/reports/payouts/").status_code == 200


@pytest.mark.dates
@pytest.mark.django_db(transaction=True)
def test_the_code_with_which_it_is_set_up_counts_and_a_session_elsewhere_has_to_give_its_own(
    client: Client,
) -> None:
    admin = make_person("Adele Admin", Role.ADMIN)
    elsewhere = signed_in(admin)
    client.post(reverse("account_login"), {"login": admin.email, "password": PASSWORD})
    password_again = client.get(reverse("mfa_activate_totp"))["Location"]
    client.post(password_again, {"password": PASSWORD})
    client.get(reverse("mfa_activate_totp"))
    client.post(reverse("mfa_activate_totp"), {"code": code(client.session["mfa.totp.secret"])})

    assert client.get("/reports/").status_code == 200
    assert elsewhere.get("/reports/")["Location"].startswith(reverse("mfa_reauthenticate"))


def test_whoever_removes_it_is_no_acting_admin_any_more(
    admin: User, client_for: Callable[[User], Client]
) -> None:
    client = client_for(admin)
    assert client.get("/reports/").status_code == 200

    Authenticator.objects.filter(user=admin).delete()

    assert client.get("/reports/")["Location"] == reverse("mfa_activate_totp")


def test_whoever_runs_the_server_takes_a_lost_one_and_the_log_says_so(
    admin: User, client_for: Callable[[User], Client], capsys: pytest.CaptureFixture[str]
) -> None:
    client = client_for(admin)

    call_command("forget_second_factor", admin.email.upper())

    assert client.get("/reports/")["Location"] == reverse("mfa_activate_totp")
    assert "They set up another when they sign in" in capsys.readouterr().out
    line = AuditLine.objects.get(action="person.second_factor_forgotten")
    assert (line.person, line.target) == (None, name_of(admin))
    for email, reason in (
        (admin.email, "has no second factor"),
        ("nobody@example.org", "Nobody has the email"),
    ):
        with pytest.raises(CommandError, match=reason):
            call_command("forget_second_factor", email)


def test_everybody_else_goes_on_without_one(artist: User) -> None:
    assert signed_in(artist).get("/desk/").status_code == 200
    assert Client().get("/").status_code == 200


def test_an_admins_token_is_taken_only_if_it_was_made_after_the_second_factor(
    admin: User, artist: User, program_of: ProgramOf
) -> None:
    _, words = make_token(admin, name="early", scopes=[Scope.READ], expires_at=None)
    early = Client(headers={"Authorization": f"Bearer {words}"})
    answer = early.get("/api/v1/me")
    assert (answer.status_code, answer.json()["detail"]) == (403, OF_TOKENS)

    assert program_of(admin).get("me").status_code == 200

    assert early.get("/api/v1/me").status_code == 403
    assert program_of(artist).get("me").status_code == 200
