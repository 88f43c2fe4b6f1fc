"""Seed a first start with a demo: people to sign in as, the embedded base, and plug-ins to try."""

from __future__ import annotations

import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from market.accounts.models import Role, User
from market.accounts.roles import take_on
from market.basemodels.card import FILE_NAME, BadCard
from market.basemodels.models import BaseModel
from market.basemodels.registering import register_embedded
from market.ledger.models import AccountKind, TransferKind
from market.ledger.operations import account, post

log = logging.getLogger(__name__)

EUR = 1_000_000
USER_BALANCE = 20 * EUR


@dataclass(frozen=True)
class Person:
    """A person of the demo."""

    name: str
    email: str
    roles: tuple[Role, ...]
    what: str
    balance: int = 0


PEOPLE = (
    Person("Ada Artist", "artist@example.org", (Role.ARTIST,), "artist: uploads works, sells plug-ins"),
    Person("Berta Brush", "artist2@example.org", (Role.ARTIST,), "a second artist"),
    Person("Uma User", "user@example.org", (), "user with 20 EUR: makes pictures", USER_BALANCE),
    Person("Mona Modeller", "owner@example.org", (Role.MODEL_OWNER,), "model owner: earns the base's fee"),
    Person("Adele Admin", "admin@example.org", (Role.ADMIN,), "admin: sees the whole ledger"),
)
ARTISTS = 2  # the first of PEOPLE
MODEL_OWNER = 3


@transaction.atomic
def seed_people(password: str) -> list[User]:
    """Save the missing people, with their roles and opening balance. Leave existing ones alone."""
    return [person_of(one, password) for one in PEOPLE]


def person_of(one: Person, password: str) -> User:
    existing = User.objects.filter(email=one.email).first()
    if existing is not None:
        return existing
    admin = [role for role in one.roles if role == Role.ADMIN]  # given; the others are taken on
    person = User.objects.create_user(one.email, password, display_name=one.name, roles=admin)
    for role in one.roles:
        if role != Role.ADMIN:
            take_on(person, role)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    if person.is_admin:
        # Without a second factor an admin can do nothing.
        TOTP.activate(person, generate_totp_secret())
        RecoveryCodes.activate(person)
    if one.balance:
        post(
            key=f"demo-top-up:{one.email}",
            debit=account(AccountKind.GATEWAY_CLEARING),
            credit=account(AccountKind.WALLET, person),
            amount=one.balance,
            kind=TransferKind.TOP_UP,
            subject="demo",
        )
    return person


def author_of_works(name: str, password: str) -> User:
    """Give the demo's account of somebody who made works that come with the embedded model."""
    return person_of(Person(name, f"{slugify(name)}@example.org", (Role.ARTIST,), ""), password)


def register_base(owner: User | None = None) -> BaseModel | None:
    """Register the embedded base model, or bring it up to date. None in a checkout without one."""
    if not (settings.EMBEDDED_BASE_DIR / FILE_NAME).exists():
        return None
    try:
        return register_embedded(owner)
    except BadCard as wrong:
        log.warning("the embedded base model is not offered: %s", wrong)
        return None


def new_password() -> str:
    """Make the one password of all demo people: easy to type, and different in every data directory."""
    return "-".join(["demo", secrets.token_hex(3), secrets.token_hex(3)])


def note_accounts(path: Path, password: str) -> str:
    """Write the accounts to the file that `./run` prints, readable only by the owner of the data directory."""
    width = max(len(one.email) for one in PEOPLE)
    lines = [f"  {one.email:<{width}}  {one.what}" for one in PEOPLE]
    lines += [line for one in PEOPLE if Role.ADMIN in one.roles for line in _second_factor(one.email)]
    text = "\n".join(["Demo accounts, password of each:  " + password, *lines]) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as kept:
        kept.write(text)
    return text


def _second_factor(email: str) -> list[str]:
    """Say how an admin of the demo signs in: by an authenticator app with the key, or by codes for one sign-in each."""
    kept = {each.type: each.wrap() for each in Authenticator.objects.filter(user__email=email)}
    totp, codes = kept.get(Authenticator.Type.TOTP), kept.get(Authenticator.Type.RECOVERY_CODES)
    if totp is None or codes is None:
        return []
    unused = codes.get_unused_codes()
    half = len(unused) // 2
    return [
        f"  {email} signs in with a second factor: one of these codes, each good once,",
        f"    {' '.join(unused[:half])}",
        f"    {' '.join(unused[half:])}",
        f"    or an authenticator app with the key {decrypt(totp.instance.data['secret'])}",
    ]
