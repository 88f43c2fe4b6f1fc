"""API tokens: made, shown once, found by their hash, and revoked."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from market.accounts.models import ApiToken, Scope, User
from market.audit.recording import record
from market.refusals import invalid

MARK = "cpmt_"
"""The start of every token, so that anybody who finds one in a file knows what it is."""
SECRET_LENGTH, CHECK_LENGTH = 32, 6
MAX_TOKENS = 20
"""The most tokens of one person. The API counts its limits by token."""
NOTED_EVERY = timedelta(minutes=1)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_token(
    person: User, *, name: str, scopes: list[Scope], expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Make a token. Give its row and the only copy of its text."""
    words = _new_words()
    with transaction.atomic():
        # One after the other, so that the limit holds.
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        if ApiToken.objects.usable().filter(person=person).count() >= MAX_TOKENS:
            raise invalid(f"You have {MAX_TOKENS} tokens in use, the most at a time. Revoke one first.")
        token = ApiToken.objects.create(
            person=person,
            name=name,
            scopes=[each.value for each in Scope if each == Scope.READ or each in scopes],
            digest=digest_of(words),
            ending=words[-4:],
            expires_at=expires_at,
        )
        record(
            "token.made",
            by=person,
            target=token,
            details={"scopes": token.scopes, "expires_at": token.expires_at},
        )
    return token, words


def revoke_token(token: ApiToken, by: User) -> bool:
    """Take a token out of use for good. False: it was already."""
    with transaction.atomic():
        revoked = token.revoke()
        if revoked:
            record("token.revoked", by=by, target=token)
    return revoked


def find_token(words: str) -> ApiToken | None:
    """Find the valid token with this text, and note its use. None if there is none, or its person is locked out."""
    if not is_well_formed(words):
        return None
    token = ApiToken.objects.usable().select_related("person").filter(digest=digest_of(words)).first()
    if token is None or not token.person.is_active:
        return None
    token.note_use(every=NOTED_EVERY)
    return token


def digest_of(words: str) -> str:
    """Hash a token. It is as random as a key, so one round is enough, unlike for a password."""
    return hashlib.sha256(words.encode()).hexdigest()


def is_well_formed(words: str) -> bool:
    """Tell by its prefix and its check letters whether this can be a token at all."""
    if not (words.isascii() and words.startswith(MARK)):
        return False
    body = words[len(MARK) :]
    return len(body) == SECRET_LENGTH + CHECK_LENGTH and body[SECRET_LENGTH:] == _check(body[:SECRET_LENGTH])


def _new_words() -> str:
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
    return f"{MARK}{secret}{_check(secret)}"


def _check(secret: str) -> str:
    """Give the CRC-32 of a secret in base 62.

    With it a string that only looks like a token is found out without a database query.
    """
    number, letters = zlib.crc32(secret.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[digit] + letters
    return letters


def ends_in(days: int | None) -> datetime | None:
    return None if days is None else timezone.now() + timedelta(days=days)
