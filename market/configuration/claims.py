"""Deadlines of claims, and how many an artist may make."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

CLAIMS = Group(
    "Claims",
    [
        Variable(
            "CLAIM_ANSWER_DAYS",
            "integer",
            "How many days the owner of a base model, or of a plug-in, has to answer a claim once its evidence is there.",
            integer(4, 365),
            "14",
        ),
        Variable(
            "CLAIM_APPEAL_DAYS",
            "integer",
            "How many days an artist has to appeal against a rejection.",
            integer(4, 365),
            "14",
        ),
        Variable(
            "CLAIM_MAX_OPEN",
            "integer",
            "How many claims an artist may have that are not decided yet, drafts among them.",
            integer(1, 10_000),
            "10",
        ),
        Variable(
            "CLAIM_UNFOUNDED_MAX",
            "integer",
            "After so many claims that admins rejected within CLAIM_UNFOUNDED_DAYS, an artist makes none until the first of them is older.",
            integer(1, 1000),
            "3",
        ),
        Variable("CLAIM_UNFOUNDED_DAYS", "integer", "See CLAIM_UNFOUNDED_MAX.", integer(1, 3650), "180"),
    ],
)


@dataclass(frozen=True)
class ClaimRules:
    """Deadlines of claims, and how many an artist may make."""

    answer_days: int
    appeal_days: int
    max_open: int
    unfounded_max: int
    unfounded_days: int

    @classmethod
    def read(cls, given: Configuration) -> ClaimRules:
        return cls(
            answer_days=given.number("CLAIM_ANSWER_DAYS"),
            appeal_days=given.number("CLAIM_APPEAL_DAYS"),
            max_open=given.number("CLAIM_MAX_OPEN"),
            unfounded_max=given.number("CLAIM_UNFOUNDED_MAX"),
            unfounded_days=given.number("CLAIM_UNFOUNDED_DAYS"),
        )
