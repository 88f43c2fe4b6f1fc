"""API tokens: made on the account's pages, shown once, kept as a hash, revoked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import ApiToken, Scope, User
from market.accounts.tokens import (
    MAX_TOKENS,
    digest_of,
    find_token,
    is_well_formed,
    make_token,
    revoke_token,
)
from market.audit.models import AuditLine
from market.refusals import Refused
from tests.market.conftest import PASSWORD

SignIn = Callable[[User], Client]
TOKENS = "/me/tokens/"
SCANNED_FOR = re.compile(r"\bcpmt_[0-9A-Za-z]{38}\b")


def make(person: User, *scopes: Scope, **more: Any) -> tuple[ApiToken, str]:
    return make_token(person, **{"name": "script", "scopes": list(scopes), "expires_at": None} | more)


def signed_in_just_now(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_token_is_shown_when_it_is_made_and_never_again(user: User) -> None:
    client = signed_in_just_now(user)

    answer = client.post(TOKENS, {"name": "nightly script", "scopes": ["generate"], "days": "30"})

    words = SCANNED_FOR.findall(answer.content.decode())[0]
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    found = find_token(words)
    assert found is not None
    assert (found.person, found.name, found.scopes) == (user, "nightly script", ["read", "generate"])
    again = client.get(TOKENS).content.decode()
    assert words not in again
    assert "nightly script" in again
    assert words[-4:] in again


def test_a_page_that_was_signed_in_to_long_ago_asks_for_the_password_first(
    user: User, client_for: SignIn
) -> None:
    client = client_for(user)

    for answer in (client.get(TOKENS), client.post(TOKENS, {"name": "script", "days": ""})):
        assert answer.status_code == 302
        assert "reauthenticate" in answer["Location"]
    assert not user.api_tokens.exists()


def test_a_visitor_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get(TOKENS)["Location"].startswith("/accounts/login/")


def test_only_the_hash_is_kept(user: User) -> None:
    token, words = make(user)

    kept = ApiToken.objects.filter(pk=token.pk).values().get()
    assert kept["digest"] == digest_of(words)
    assert words not in str(kept)


def test_scanners_know_a_token_by_its_mark_and_its_check_letters(user: User) -> None:
    _, words = make(user)

    assert SCANNED_FOR.fullmatch(words)
    assert is_well_formed(words)
    swapped = words[:6] + words[7] + words[6] + words[8:]
    assert swapped == words or not is_well_formed(swapped)
    assert not is_well_formed(words[:-1])
    assert not is_well_formed("cpmt_ü" + words[6:])


def test_a_token_always_reads(user: User) -> None:
    token, _ = make(user, Scope.CLAIM)

    assert token.scopes == ["read", "claim"]
    assert token.allows(Scope.READ)
    assert not token.allows(Scope.GENERATE)


def test_a_name_is_needed_and_scopes_are_of_those_there_are(user: User) -> None:
    client = signed_in_just_now(user)

    answer = client.post(TOKENS, {"name": " ", "scopes": ["everything"], "days": "7"})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "This field is required" in page
    assert "everything is not one of the available choices" in page
    assert not user.api_tokens.exists()


def test_its_last_use_is_noted_at_most_once_a_minute(user: User) -> None:
    token, words = make(user)
    find_token(words)
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None

    find_token(words)

    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=first - timedelta(minutes=2))
    find_token(words)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at >= first


def test_a_revoked_token_is_found_no_more(user: User, client_for: SignIn) -> None:
    token, words = make(user)

    answer = client_for(user).post(f"{TOKENS}{token.pk}/revoke/")

    assert answer.status_code == 302
    assert find_token(words) is None
    assert revoke_token(token, user) is False


@pytest.mark.dates
def test_a_token_ends(user: User) -> None:
    _, words = make(user, expires_at=timezone.now() + timedelta(days=1))
    assert find_token(words) is not None

    _, ended = make(user, expires_at=timezone.now() + timedelta(seconds=0.5))
    time.sleep(0.6)

    assert find_token(ended) is None


def test_the_token_of_somebody_who_is_locked_out_is_refused(user: User) -> None:
    _, words = make(user)

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert find_token(words) is None


def test_a_stranger_cannot_revoke_it(user: User, stranger: User, client_for: SignIn) -> None:
    token, words = make(user)

    assert client_for(stranger).post(f"{TOKENS}{token.pk}/revoke/").status_code == 404

    assert find_token(words) is not None


def test_so_many_tokens_are_enough(user: User) -> None:
    for _ in range(MAX_TOKENS):
        make(user)

    with pytest.raises(Refused, match="Revoke one first"):
        make(user)

    revoke_token(user.api_tokens.all()[0], user)
    make(user)


def test_making_and_revoking_are_in_the_audit_log_without_the_token(user: User) -> None:
    token, words = make(user, Scope.MANAGE)
    revoke_token(token, user)

    lines = AuditLine.objects.filter(target=f"api-token:{token.pk}").order_by("pk")
    assert [line.action for line in lines] == ["token.made", "token.revoked"]
    assert lines[0].details["scopes"] == ["read", "manage"]
    assert words not in str([line.details for line in lines])


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": " "}, "accounts_apitoken_has_a_name"),
        ({"scopes": ["read", "everything"]}, "accounts_apitoken_scopes_known"),
        ({"scopes": ["generate"]}, "accounts_apitoken_always_reads"),
        ({"digest": "words"}, "accounts_apitoken_digest_shape"),
        ({"expires_at": timezone.now() - timedelta(days=900)}, "accounts_apitoken_expires_after_it_is_made"),
    ],
)
def test_the_database_refuses(user: User, changes: dict[str, Any], constraint: str) -> None:
    fields = {"person": user, "name": "n", "scopes": ["read"], "digest": "ab" * 32, "ending": "abcd"}

    with pytest.raises(IntegrityError, match=constraint):
        ApiToken.objects.create(**fields | changes)


def test_what_a_token_is_and_may_do_never_changes(user: User) -> None:
    token, _ = make(user)
    revoke_token(token, user)

    for changes in ({"scopes": ["read", "manage"]}, {"digest": "cd" * 32}, {"revoked_at": None}):
        with pytest.raises(DatabaseError, match="accounts_apitoken_guard"), transaction.atomic():
            ApiToken.objects.filter(pk=token.pk).update(**changes)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        token.delete()
