"""An artist's domain: named, proved by a token that is found there, and looked at again and again."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import transaction

from market.accounts.models import User
from market.catalog.models.artists import DOMAIN, DOMAIN_LENGTH, DomainProof, ProofWay
from market.outside import fetching, names
from market.outside.names import Unreachable
from market.outside.rel_me import links_to_me
from market.refusals import Refused, invalid

RECORD = "copyright-plug-in-market="
_PARAMETER = "me"
_RESERVED = ("local", "localhost", "internal", "test", "invalid", "onion", "arpa", "lan", "home", "corp")


def domain_of(text: str) -> str:
    """Read the domain that somebody typed, as a name or an address. Raises Refused."""
    typed = text.strip()
    try:
        host = urlsplit(typed if "//" in typed else f"//{typed}").hostname or ""
        domain = host.rstrip(".").encode("idna").decode()
    except (UnicodeError, ValueError):
        domain = ""
    # A name as long as this is none, and would take a regular expression long.
    if len(domain) > DOMAIN_LENGTH or not re.fullmatch(DOMAIN, domain):
        raise invalid("Give the name of a domain, such as example.org.", field="domain")
    if domain.rsplit(".", 1)[-1] in _RESERVED or domain == urlsplit(settings.PUBLIC_URL).hostname:
        raise invalid(f"{domain} cannot be a domain of yours.", field="domain")
    return domain


def name_domain(person: User, text: str) -> DomainProof:
    """Keep which domain an artist says is theirs, with a new token. The same domain again keeps its own. Raises Refused."""
    domain = domain_of(text)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        same = DomainProof.objects.filter(person=person, domain=domain).first()
        if same:
            return same
        DomainProof.objects.filter(person=person).delete()
        return DomainProof.objects.create(person=person, domain=domain)


def drop_domain(person: User) -> bool:
    return bool(DomainProof.objects.filter(person=person).delete()[0])


def ask_for_check(proof: DomainProof) -> None:
    """Have the domain looked at by the next round. Raises Refused."""
    if not settings.DOMAINS.checked:
        raise Refused("This market does not look at domains at present.")
    if not proof.ask():
        raise Refused("It was checked within the last minute. Wait a moment.")


def record_of(proof: DomainProof) -> str:
    """The TXT record that proves it."""
    return f"{RECORD}{proof.token}"


def link_of(proof: DomainProof) -> str:
    """The address that a rel="me" link on the domain's page leads to: the artist's page, with the token."""
    return f"{settings.PUBLIC_URL}{proof.person.get_absolute_url()}?{_PARAMETER}={proof.token}"


def check_domains() -> int:
    """Look at domains whose time has come, one after the other and not for long. Give how many were looked at."""
    rules = settings.DOMAINS
    if not rules.checked:
        return 0
    ends = time.monotonic() + rules.check_seconds
    looked_at = 0
    for proof in DomainProof.objects.due().select_related("person")[:20]:
        if proof.claim():
            _check(proof, until=time.monotonic() + rules.check_seconds)
            looked_at += 1
        if time.monotonic() >= ends:
            break
    return looked_at


def _check(proof: DomainProof, *, until: float) -> None:
    problem = ""
    for way, looks in ((ProofWay.DNS, _has_record), (ProofWay.LINK, _has_link)):
        try:
            if looks(proof, until):
                proof.found(way)
                return
        except Unreachable as reason:
            problem = str(reason)
    proof.missed(problem or f"Neither a record of {proof.domain} nor a link on its front page has the token.")


def _has_record(proof: DomainProof, until: float) -> bool:
    return record_of(proof) in (each.strip() for each in names.texts_of(proof.domain, until=until))


def _has_link(proof: DomainProof, until: float) -> bool:
    page = fetching.front_page(proof.domain, until=until)
    return any(_leads_here(proof, link) for link in links_to_me(page))


def _leads_here(proof: DomainProof, link: str) -> bool:
    """Whether a link leads to this market with the token. The handle may have changed since it was written."""
    if not link.startswith(f"{settings.PUBLIC_URL}/artists/"):
        return False
    try:
        return parse_qs(urlsplit(link).query).get(_PARAMETER) == [proof.token]
    except ValueError:
        return False
