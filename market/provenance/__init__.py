"""What a picture's file says about its making. It is written into generated pictures, and read back from any PNG."""

from market.provenance.marks import is_made_here
from market.provenance.png import BadPng, embed, extract
from market.provenance.record import AI_GENERATED, BadRecord, PlugInCredit, Record
from market.provenance.training_mining import reservation_in

__all__ = [
    "AI_GENERATED",
    "BadPng",
    "BadRecord",
    "PlugInCredit",
    "Record",
    "embed",
    "extract",
    "is_made_here",
    "reservation_in",
]
