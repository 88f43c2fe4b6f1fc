"""What artists bring to the market: concepts, their works, and the plug-ins made from them."""

from market.catalog.models.artists import DomainProof, ProfileLink, ProofWay
from market.catalog.models.bans import BannedUse, UseKind
from market.catalog.models.concepts import LEARNED_KINDS, Concept, ConceptKind, RightsAffirmation
from market.catalog.models.coowners import CoOwnerStep, CoOwnerTerms
from market.catalog.models.looks import LookPoint, PictureLook
from market.catalog.models.plugins import (
    BarredVersion,
    PastPlugInPrice,
    PlugIn,
    PlugInState,
    PriceChange,
)
from market.catalog.models.popularity import Popularity
from market.catalog.models.releases import ErasedConcept, VersionOnRelease
from market.catalog.models.sketches import PlugInSketch, SketchKey
from market.catalog.models.suspensions import Suspension
from market.catalog.models.vectors import ConceptVector
from market.catalog.models.versions import (
    ChangelogLine,
    PlugInOriginal,
    PlugInPart,
    PlugInSample,
    PlugInVersion,
)
from market.catalog.models.works import UploadRefusal, Work

__all__ = [
    "LEARNED_KINDS",
    "BannedUse",
    "BarredVersion",
    "ChangelogLine",
    "CoOwnerStep",
    "CoOwnerTerms",
    "Concept",
    "ConceptKind",
    "ConceptVector",
    "DomainProof",
    "ErasedConcept",
    "LookPoint",
    "PastPlugInPrice",
    "PictureLook",
    "PlugIn",
    "PlugInOriginal",
    "PlugInPart",
    "PlugInSample",
    "PlugInSketch",
    "PlugInState",
    "PlugInVersion",
    "Popularity",
    "PriceChange",
    "ProfileLink",
    "ProofWay",
    "RightsAffirmation",
    "SketchKey",
    "Suspension",
    "UploadRefusal",
    "UseKind",
    "VersionOnRelease",
    "Work",
]
