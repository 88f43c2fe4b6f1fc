"""What is taken out of base models, the resulting releases, and the effect on plug-ins."""

from market.extractions.models.builds import BuildPart, BuildPicture, BuildState, ReleaseBuild
from market.extractions.models.extractions import (
    MAX_RETAINED,
    PICTURES,
    REASON_LENGTH,
    Extraction,
    ExtractionPicture,
    ExtractionState,
    Method,
    adapter_path,
    key_of,
)
from market.extractions.models.grids import PROMPT_LENGTH, GridPicture, picture_path
from market.extractions.models.retests import (
    Retest,
    RetestPicture,
    Retraining,
    RetrainingPicture,
    RetrainingState,
)

__all__ = [
    "MAX_RETAINED",
    "PICTURES",
    "PROMPT_LENGTH",
    "REASON_LENGTH",
    "BuildPart",
    "BuildPicture",
    "BuildState",
    "Extraction",
    "ExtractionPicture",
    "ExtractionState",
    "GridPicture",
    "Method",
    "ReleaseBuild",
    "Retest",
    "RetestPicture",
    "Retraining",
    "RetrainingPicture",
    "RetrainingState",
    "adapter_path",
    "key_of",
    "picture_path",
]
