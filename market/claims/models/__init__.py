"""Disputes about who may sell a plug-in, and claims that a model learned from an artist's works."""

from market.claims.models.claims import (
    ANSWERABLE,
    LIVE_CLAIMS,
    MAX_PROMPTS,
    PROMPT_LENGTH,
    Claim,
    ClaimMessage,
    ClaimState,
    ClaimStep,
    StepKind,
)
from market.claims.models.disputes import DECIDED, Dispute, DisputeState, Freeze
from market.claims.models.evidence import ClaimPicture, EvidencePair, EvidenceReport, PictureSort
from market.claims.models.notices import CounterNotice, Notice

__all__ = [
    "ANSWERABLE",
    "DECIDED",
    "LIVE_CLAIMS",
    "MAX_PROMPTS",
    "PROMPT_LENGTH",
    "Claim",
    "ClaimMessage",
    "ClaimPicture",
    "ClaimState",
    "ClaimStep",
    "CounterNotice",
    "Dispute",
    "DisputeState",
    "EvidencePair",
    "EvidenceReport",
    "Freeze",
    "Notice",
    "PictureSort",
    "StepKind",
]
