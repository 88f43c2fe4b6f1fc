"""Base models, where their weights come from, and what was found when those were checked."""

from market.basemodels.models.bases import (
    FINGERPRINT,
    MAX_FEE_MICROS,
    SMALLEST_SIDE,
    BaseModel,
    BaseModelQuerySet,
    BaseRelease,
    Licence,
)
from market.basemodels.models.checks import BaseCheck, BaseSample
from market.basemodels.models.past import PastFee, PastPrice, PastPriceQuerySet
from market.basemodels.models.uploads import BaseUpload, BaseUploadFile, BaseUploadPart

__all__ = [
    "FINGERPRINT",
    "MAX_FEE_MICROS",
    "SMALLEST_SIDE",
    "BaseCheck",
    "BaseModel",
    "BaseModelQuerySet",
    "BaseRelease",
    "BaseSample",
    "BaseUpload",
    "BaseUploadFile",
    "BaseUploadPart",
    "Licence",
    "PastFee",
    "PastPrice",
    "PastPriceQuerySet",
]
