"""How artists' domains are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import boolean, integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

DOMAINS = Group(
    "Domains of artists",
    [
        Variable(
            "DOMAIN_CHECKS",
            "boolean",
            "Whether the sweeper asks the domains that artists name, by DNS and https. 0 on a machine that must ask nobody.",
            boolean,
            "1",
        ),
        Variable(
            "DOMAIN_CHECK_DAYS",
            "integer",
            "How many days after a check a verified domain is looked at again.",
            integer(1, 365),
            "7",
        ),
        Variable(
            "DOMAIN_LAPSE_CHECKS",
            "integer",
            "After so many checks in a row without its token, a day apart, a verified domain lapses.",
            integer(1, 30),
            "3",
        ),
        Variable(
            "DOMAIN_TRIES",
            "integer",
            "How often, an hour apart, a domain is looked at that is not verified yet. Then its artist has to ask.",
            integer(1, 1000),
            "48",
        ),
        Variable(
            "DOMAIN_CHECK_SECONDS",
            "integer",
            "How many seconds one look at a domain may take.",
            integer(1, 60),
            "10",
        ),
    ],
)


@dataclass(frozen=True)
class DomainRules:
    """How artists' domains are looked at."""

    checked: bool
    check_days: int
    lapse_checks: int
    tries: int
    check_seconds: int

    @classmethod
    def read(cls, given: Configuration) -> DomainRules:
        return cls(
            checked=given.flag("DOMAIN_CHECKS"),
            check_days=given.number("DOMAIN_CHECK_DAYS"),
            lapse_checks=given.number("DOMAIN_LAPSE_CHECKS"),
            tries=given.number("DOMAIN_TRIES"),
            check_seconds=given.number("DOMAIN_CHECK_SECONDS"),
        )
