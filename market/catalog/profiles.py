"""What artists say of themselves on their page: a text, and links."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from market.accounts.models import User
from market.catalog.models.artists import LINK_LENGTH, MAX_LINKS, ProfileLink
from market.refusals import Reason, invalid

_https = URLValidator(schemes=["https"])


def links_in(lines: Sequence[str]) -> list[str]:
    """Read addresses, one a line; blank lines are none. Raises Refused with what is wrong in each."""
    links = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    wrong = []
    if len(links) > MAX_LINKS:
        wrong.append(Reason(f"At most {MAX_LINKS} links; there are {len(links)}.", "links"))
    for link in links:
        try:
            _https(link)
        except ValidationError:
            wrong.append(Reason(f"“{link[:60]}” is no address that begins with https://.", "links"))
        if len(link) > LINK_LENGTH:
            wrong.append(Reason(f"“{link[:60]}…” is longer than {LINK_LENGTH} characters.", "links"))
    if wrong:
        raise invalid(*wrong)
    return links


def describe_artist(person: User, *, about: str, links: Sequence[str]) -> None:
    """Keep what an artist's page says."""
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(about=about)
        ProfileLink.objects.filter(person=person).delete()
        ProfileLink.objects.bulk_create(
            ProfileLink(person=person, position=position, address=address)
            for position, address in enumerate(links, start=1)
        )
