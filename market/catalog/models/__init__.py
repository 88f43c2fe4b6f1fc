"""What artists bring to the market: concepts, their works, and the plug-ins made from them."""

from market.catalog.models.concepts import Concept, ConceptKind, RightsAffirmation
from market.catalog.models.plugins import PlugIn, PlugInSample, PlugInState, PlugInVersion
from market.catalog.models.works import UploadRefusal, Work

__all__ = [
    "Concept",
    "ConceptKind",
    "PlugIn",
    "PlugInSample",
    "PlugInState",
    "PlugInVersion",
    "RightsAffirmation",
    "UploadRefusal",
    "Work",
]
