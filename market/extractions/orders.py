"""The order of an extraction, by the owner of a base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from market.catalog.models import LEARNED_KINDS
from market.catalog.models.concepts import MAX_ALIASES, NAME_LENGTH, name_validator
from market.extractions.models import MAX_RETAINED, PICTURES, PROMPT_LENGTH, Method
from market.refusals import Reason, invalid, outside

ANCHOR_LENGTH = 100


@dataclass(frozen=True)
class ExtractionOrder:
    """What to take out, and how. An empty anchor, or no retained prompts, leaves that choice to the engine."""

    name: str
    kind: str
    anchor: str = ""
    aliases: Sequence[str] = ()
    retained: Sequence[str] = ()
    method: str = Method.HYBRID
    pictures: int = 100

    def __post_init__(self) -> None:
        """Raise Refused with everything that is wrong."""
        object.__setattr__(self, "name", " ".join(self.name.split()))
        object.__setattr__(self, "anchor", self.anchor.strip())
        for listed in ("aliases", "retained"):
            object.__setattr__(self, listed, [each.strip() for each in getattr(self, listed) if each.strip()])
        if reasons := list(self._faults()):
            raise invalid(*reasons)

    def _faults(self) -> Iterator[Reason]:
        yield from _misnamed(self.name, "name")
        if self.kind not in dict(LEARNED_KINDS):
            yield Reason(f"A concept is a {' or a '.join(dict(LEARNED_KINDS))}.", "kind")
        if len(self.anchor) > ANCHOR_LENGTH:
            yield Reason(f"What is drawn in its place has at most {ANCHOR_LENGTH} letters.", "anchor")
        if len(self.aliases) > MAX_ALIASES:
            yield Reason(f"These are {len(self.aliases)} names; at most {MAX_ALIASES} are taken.", "aliases")
        for alias in self.aliases:
            yield from _misnamed(alias, "aliases", least=1)
        if len(self.retained) > MAX_RETAINED:
            yield Reason(
                f"These are {len(self.retained)} prompts; at most {MAX_RETAINED} are taken.", "retained"
            )
        for number, prompt in enumerate(self.retained, start=1):
            if len(prompt) > PROMPT_LENGTH:
                yield Reason(
                    f"Prompt {number} has {len(prompt)} letters; at most {PROMPT_LENGTH} are taken. Shorten it.",
                    "retained",
                )
        if self.method not in Method.values:
            yield Reason(f"The methods are {', '.join(Method.values)}.", "method")
        yield from outside("pictures", self.pictures, *PICTURES)


def _misnamed(name: str, field: str, *, least: int = 2) -> Iterator[Reason]:
    if not least <= len(name) <= NAME_LENGTH:
        yield Reason(f"“{name[:20]}”: a name has from {least} to {NAME_LENGTH} letters.", field)
    try:
        name_validator(name)
    except ValidationError as error:
        yield Reason(str(error.messages[0]), field)
