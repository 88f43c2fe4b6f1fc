"""Send mail to people. The words of a mail are in the `mails.py` of the app that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.formats import date_format

from market.accounts.models import User


def write_to(people: Iterable[User], subject: str, text: str, page: str) -> None:
    """Send each person a mail of their own with a link to a page, once the transaction commits."""
    body = f"{text}\n\n{settings.PUBLIC_URL}{page}\n"
    # A subject is one line, but a name may hold line breaks.
    line = " ".join(subject.split())
    for address in dict.fromkeys(person.email for person in people):

        def send(address: str = address) -> None:
            send_mail(line, body, None, [address])

        # robust: what was done stays done even if the mail cannot be sent.
        transaction.on_commit(send, robust=True)


def moment(when: datetime) -> str:
    """Write a time for a mail or a refusal, with its time zone: no page around it says which one."""
    return f"{date_format(when, 'j F Y, H:i')} UTC"
