"""The demo that a first start is seeded with: people to sign in as, the embedded base, and plug-ins to try."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.db import transaction

from market.accounts.models import Role, User
from market.ledger.models import AccountKind, TransferKind
from market.ledger.operations import account, post

EUR = 1_000_000
USER_BALANCE = 20 * EUR


@dataclass(frozen=True)
class Person:
    """Someone of the demo."""

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


@transaction.atomic
def seed_people(password: str) -> list[User]:
    """Save the people that are missing, with their roles and opening balance; leave those that exist alone."""
    return [person_of(one, password) for one in PEOPLE]


def person_of(one: Person, password: str) -> User:
    existing = User.objects.filter(email=one.email).first()
    if existing is not None:
        return existing
    person = User.objects.create_user(one.email, password, display_name=one.name, roles=one.roles)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
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


def new_password() -> str:
    """Make the one password of all demo people: easy to type, another in every data directory."""
    return "-".join(["demo", secrets.token_hex(3), secrets.token_hex(3)])


def note_accounts(path: Path, password: str) -> str:
    """Keep the accounts where `./run` finds them to print, readable by the owner of the data directory only."""
    width = max(len(one.email) for one in PEOPLE)
    lines = [f"  {one.email:<{width}}  {one.what}" for one in PEOPLE]
    text = "\n".join(["Demo accounts, password of each:  " + password, *lines]) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as kept:
        kept.write(text)
    return text
