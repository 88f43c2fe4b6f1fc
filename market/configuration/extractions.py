"""What an extraction has to reach, and a release to keep."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

EXTRACTIONS = Group(
    "Extractions",
    [
        Variable(
            "EXTRACTION_MAX_TARGET",
            "integer",
            "Percent of pictures in which an extracted concept may still be seen when it is asked for. An extraction that misses "
            "this, or one of the next three, is approved only with a reason.",
            integer(0, 100),
            "5",
        ),
        Variable(
            "EXTRACTION_MIN_RETAINED",
            "integer",
            "Percent of what the judge saw of all else before that it has to see after an extraction.",
            integer(0, 100),
            "95",
        ),
        Variable(
            "EXTRACTION_MAX_RESTORATION_CHANGE",
            "integer",
            "Percent of pictures by which a concept that its plug-in restores may be seen less, or more, often than before.",
            integer(0, 100),
            "1",
        ),
        Variable(
            "EXTRACTION_MAX_RECOVERED",
            "integer",
            "Percent of pictures in which the recovery attack may bring an extracted concept back.",
            integer(0, 100),
            "27",
        ),
        Variable(
            "RELEASE_MIN_KEPT",
            "integer",
            "Percent of what a base alone draws rightly of all that was not taken out, of styles and of subjects, that its releases are to "
            "keep. Reports warn below it, and an extraction after which less is predicted to be kept is approved only with a reason.",
            integer(0, 100),
            "90",
        ),
    ],
)


@dataclass(frozen=True)
class ExtractionLimits:
    """What an extraction has to reach, and a release to keep, in percent of pictures."""

    max_target: int
    min_retained: int
    max_restoration_change: int
    max_recovered: int
    release_min_kept: int

    @classmethod
    def read(cls, given: Configuration) -> ExtractionLimits:
        return cls(
            max_target=given.number("EXTRACTION_MAX_TARGET"),
            min_retained=given.number("EXTRACTION_MIN_RETAINED"),
            max_restoration_change=given.number("EXTRACTION_MAX_RESTORATION_CHANGE"),
            max_recovered=given.number("EXTRACTION_MAX_RECOVERED"),
            release_min_kept=given.number("RELEASE_MIN_KEPT"),
        )
