"""The domain name system: the public addresses of a host, and the texts that a domain publishes."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import dns.exception
import dns.resolver

_ORDINARY = ip_network("2000::/3")
# Tunnels: an IPv4 address of any sort may be within.
_TUNNELS = (ip_network("2002::/16"), ip_network("2001::/32"))
MOST_TEXTS = 100


class Unreachable(Exception):
    """Says why a server was not asked, or gave no answer, in words for the person who named it."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is that of a server on the internet, and of none on this machine or in a network of ours."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address not in _ORDINARY or any(address in each for each in _TUNNELS):
        return False
    return address.is_global


def public_addresses(host: str, *, until: float) -> list[str]:
    """Give a host's addresses. Raises Unreachable where it has none, or one that is not public, before anything is asked there."""
    found = [each for kind in ("A", "AAAA") for each in ask(host, kind, until=until)]
    if not found:
        raise Unreachable(f"{host} has no address.")
    if not all(is_public(ip_address(each)) for each in found):
        raise Unreachable(f"{host} has an address that is not public.")
    return found


def texts_of(domain: str, *, until: float) -> list[str]:
    """Give the TXT records of a domain."""
    return ask(domain, "TXT", until=until)[:MOST_TEXTS]


def ask(name: str, kind: str, *, until: float) -> list[str]:
    """Ask for the records of a name, of one kind. None is no error; no answer is Unreachable."""
    left = until - time.monotonic()
    if left <= 0:
        raise Unreachable(f"{name} took too long to answer.")
    try:
        answer = dns.resolver.resolve(f"{name}.", kind, lifetime=left)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise Unreachable(f"The name {name} could not be looked up.") from error
    if kind == "TXT":
        return [b"".join(each.strings).decode(errors="replace") for each in answer]
    return [str(each.address) for each in answer]
