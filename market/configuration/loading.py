"""Check an environment as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market.configuration.api import API
from market.configuration.carrying import CARRYING
from market.configuration.claims import CLAIMS
from market.configuration.disputes import DISPUTES
from market.configuration.domains import DOMAINS
from market.configuration.extractions import EXTRACTIONS
from market.configuration.fees import FEES
from market.configuration.files import FILES
from market.configuration.general import GENERAL
from market.configuration.mail import MAIL
from market.configuration.payments import GATEWAYS, PAYMENTS
from market.configuration.payouts import PAYOUTS
from market.configuration.services import SERVICES
from market.configuration.spelling import misspelt
from market.configuration.takedowns import TAKEDOWNS
from market.configuration.trading import TRADE
from market.configuration.values import Configuration
from market.configuration.web import WEB
from market.configuration.workers import WORKERS

GROUPS = (
    GENERAL,
    WEB,
    SERVICES,
    FILES,
    WORKERS,
    EXTRACTIONS,
    CARRYING,
    FEES,
    PAYMENTS,
    PAYOUTS,
    API,
    CLAIMS,
    DISPUTES,
    TAKEDOWNS,
    TRADE,
    DOMAINS,
    MAIL,
)
VARIABLES = tuple(variable for group in GROUPS for variable in group.variables)
BY_NAME = {variable.name: variable for variable in VARIABLES}


class ConfigurationError(Exception):
    """Say which variables are wrong, what was expected and what was found, one a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def load(environment: Mapping[str, str]) -> Configuration:
    """Check an environment and return its configuration; raise ConfigurationError with every problem found."""
    problems = misspelt(environment, BY_NAME)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        given = environment.get(variable.name)
        try:
            values[variable.name] = variable.parse(variable.default if given is None else given)
        except ValueError as wrong:
            found = "" if variable.secret else f", found {given!r}"
            problems.append(f"{variable.name}: {wrong}{found}.")
    if problems:
        raise ConfigurationError(problems)
    configuration = Configuration(values)
    problems = contradictions(configuration)
    if problems:
        raise ConfigurationError(problems)
    return configuration


def contradictions(configuration: Configuration) -> list[str]:
    """Return the problems that only show when variables are read together."""
    problems = []
    unknown = set(configuration.words("PAYMENT_GATEWAYS")) - GATEWAYS
    if unknown:
        known = " or ".join(sorted(GATEWAYS))
        problems.append(f"PAYMENT_GATEWAYS: expected {known}, found {', '.join(sorted(unknown))}.")
    if bool(configuration.text("S3_ACCESS_KEY")) != bool(configuration.text("S3_SECRET_KEY")):
        problems.append("S3_ACCESS_KEY, S3_SECRET_KEY: expected both or neither.")
    return problems
