"""Claims that a model learned from an artist's works: their papers, their evidence, their history."""

from market.claims.models.claims import MAX_PROMPTS, PROMPT_LENGTH, RIGHTS_LENGTH, Claim, ClaimQuerySet
from market.claims.models.evidence import ClaimPicture, EvidencePair, EvidenceReport, PictureSort
from market.claims.models.history import TEXT_LENGTH, ClaimMessage, ClaimStep, StepKind
from market.claims.models.notices import CounterNotice, Notice
from market.claims.models.states import ANSWERABLE, LIVE_CLAIMS, ClaimState

__all__ = [
    "ANSWERABLE",
    "LIVE_CLAIMS",
    "MAX_PROMPTS",
    "PROMPT_LENGTH",
    "RIGHTS_LENGTH",
    "TEXT_LENGTH",
    "Claim",
    "ClaimMessage",
    "ClaimPicture",
    "ClaimQuerySet",
    "ClaimState",
    "ClaimStep",
    "CounterNotice",
    "EvidencePair",
    "EvidenceReport",
    "Notice",
    "PictureSort",
    "StepKind",
]
