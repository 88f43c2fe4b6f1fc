"""How the market writes to people. What a mail says is in the `mails.py` of the app that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.formats import date_format

from market.accounts.models import User


def write_to(people: Iterable[User], subject: str, text: str, page: str) -> None:
    """Send each of them, by themselves, a mail that leads to a page, once the transaction commits."""
    body = f"{text}\n\n{settings.PUBLIC_URL}{page}\n"
    # A subject is one line, and a name may hold what is not.
    line = " ".join(subject.split())
    for address in dict.fromkeys(person.email for person in people):

        def send(address: str = address) -> None:
            send_mail(line, body, None, [address])

        # robust: what was done stays done where a mail cannot be sent.
        transaction.on_commit(send, robust=True)


def moment(when: datetime) -> str:
    """Say when in a mail or a refusal, where no page shows the time zone."""
    return f"{date_format(when, 'j F Y, H:i')} UTC"
