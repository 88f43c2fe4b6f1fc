"""How much a program may ask of the API."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

API = Group(
    "API",
    [
        Variable(
            "API_REQUESTS_PER_MINUTE",
            "integer",
            "How many requests to the API an API token may make in a minute.",
            integer(1, 1_000_000),
            "300",
        ),
        Variable(
            "API_WRITES_PER_MINUTE",
            "integer",
            "How many of these may be other than reading. Parts of base models are not among them.",
            integer(1, 1_000_000),
            "60",
        ),
    ],
)


@dataclass(frozen=True)
class ApiLimits:
    """How many requests a token may make."""

    requests_per_minute: int
    writes_per_minute: int

    @classmethod
    def read(cls, given: Configuration) -> ApiLimits:
        return cls(
            requests_per_minute=given.number("API_REQUESTS_PER_MINUTE"),
            writes_per_minute=given.number("API_WRITES_PER_MINUTE"),
        )
