"""What people order: pictures, and before that their price. A valid order can be built; an invalid one says what is wrong."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import regex

from market.basemodels.drawing import Size, own_size, samplers_of, why_not
from market.basemodels.models import BaseModel
from market.generation import limits
from market.refusals import Reason, invalid, outside

DEFAULT_WEIGHT = 1.0
NO_PROMPT = "Say what to draw."

# Characters that no prompt needs and that can hide text from a reader. They are control characters, changes of writing
# direction, tags (plane 14), surrogates and code points that are no characters. Joiners stay: Persian and emoji need them.
_HIDDEN = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Noncharacter_Code_Point}\u200b\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)

# How other programs name a plug-in in the text. Here it has a price, which stands where it is chosen.
_NETWORK = regex.compile(r"<\s*(?:lora|lyco|hypernet)\s*:", regex.IGNORECASE)


_BRACKETS = regex.compile(r"\\.|(?P<open>\()|(?P<weight>:\s*-?\d*\.?\d+\s*\))|(?P<close>\))", regex.DOTALL)


def has_weights(text: str) -> bool:
    """Whether words in a prompt are weighted: `(fox:1.3)`, as workers read it."""
    waiting = 0
    for found in _BRACKETS.finditer(text):
        if found["weight"] and waiting:
            return True
        waiting += bool(found["open"]) - (waiting > 0 and bool(found["close"] or found["weight"]))
    return False


@dataclass(frozen=True, kw_only=True)
class QuoteOrder:
    """What a price depends on. `plugins` are (plug-in id, weight).

    steps: None for no more than a base's fee includes.
    size: `WIDTHxHEIGHT` in pixels; empty for the base's own.
    """

    base: BaseModel
    count: int = 1
    plugins: tuple[tuple[int, float], ...] = ()
    steps: int | None = None
    size: str = ""

    def __post_init__(self) -> None:
        """Raise Refused with everything that is wrong."""
        if reasons := list(self.faults()):
            raise invalid(*reasons)

    def faults(self) -> Iterator[Reason]:
        if self.count < 1:
            yield Reason("Ask for at least one picture.", "count")
        if self.count > limits.MAX_PICTURES:
            yield Reason(f"At most {limits.MAX_PICTURES} pictures at a time.", "count")
        for _, weight in self.plugins:
            if not 0 <= weight <= limits.MAX_WEIGHT:  # which is never true of NaN
                yield Reason(weight_expected(f", not {weight:g}"), "plugins")
        if len(self.plugins) > limits.MAX_PLUGINS:
            yield Reason(
                f"At most {limits.MAX_PLUGINS} plug-ins fit in one picture; these are {len(self.plugins)}. Remove some.",
                "plugins",
            )
        ids = [pk for pk, _ in self.plugins]
        if len(set(ids)) != len(ids):
            yield Reason("A plug-in is chosen twice. Give it one weight instead.", "plugins")
        if self.steps is not None:
            yield from outside("steps", self.steps, *limits.STEPS)
        read = Size.read(self.size)
        if self.size and read is None:
            yield Reason(f"A size is written as 512x768, not “{self.size[:20]}”.", "size")
        elif read and (words := why_not(self.base, read)):
            yield Reason(words, "size")

    @property
    def picture(self) -> Size:
        """The size that is drawn."""
        return Size.read(self.size) or own_size(self.base)


@dataclass(frozen=True, kw_only=True)
class GenerationOrder(QuoteOrder):
    """Pictures to be drawn. Without a seed a random one is chosen. Prompts become one line of text in normal form.

    sampler: one of `samplers_of` the base; empty for the base's own.
    """

    prompt: str
    negative_prompt: str = ""
    steps: int
    guidance: float
    sampler: str = ""
    seed: int = field(default_factory=lambda: secrets.randbelow(limits.MAX_SEED - limits.MAX_PICTURES))

    def __post_init__(self) -> None:
        for name in ("prompt", "negative_prompt"):
            words = unicodedata.normalize("NFC", getattr(self, name)).split()
            object.__setattr__(self, name, " ".join(words))
        super().__post_init__()

    def faults(self) -> Iterator[Reason]:
        yield from super().faults()
        if not self.prompt:
            yield Reason(NO_PROMPT, "prompt")
        for name in ("prompt", "negative_prompt"):
            text = getattr(self, name)
            if len(text) > limits.MAX_PROMPT:
                said = "A prompt has at most" if name == "prompt" else "At most"
                yield Reason(f"{said} {limits.MAX_PROMPT} characters. Shorten it.", name)
            if _NETWORK.search(text):
                yield Reason(
                    "Choose the plug-in in the list, with its weight, and call it by its name: a plug-in written as <lora:…> in the text is not "
                    "used.",
                    name,
                )
            if not self.base.takes_weighted_words and has_weights(text):
                yield Reason(
                    f"{self.base.name} reads no weights such as (fox:1.3): they would change nothing. Say in words what matters.",
                    name,
                )
            if _HIDDEN.search(text):
                yield Reason(
                    "This text holds control characters, which nobody can see. Type it anew instead of pasting it.",
                    name,
                )
        if self.negative_prompt and not self.base.takes_negative_prompts:
            yield Reason(
                f"{self.base.name} cannot be steered away from words. Say in the prompt what to draw, and leave the negative prompt empty.",
                "negative_prompt",
            )
        offered = samplers_of(self.base)
        if self.sampler and self.sampler not in offered:
            yield Reason(
                f"{self.base.name} has no sampler “{self.sampler[:20]}”. Choose one of {', '.join(offered)}.",
                "sampler",
            )
        yield from outside("guidance", self.guidance, *limits.GUIDANCE)
        yield from outside("seed", self.seed, 0, limits.MAX_SEED)


def weight_expected(found: str) -> str:
    return f"A weight is a number from 0 to {limits.MAX_WEIGHT:g}{found}."


def recommended(base: BaseModel | None) -> dict[str, Any]:
    """Give the initial values of an order for a base."""
    return {
        "count": 1,
        "steps": min(base.default_steps, limits.STEPS[1]) if base else 25,
        "guidance": base.default_guidance if base else 3.0,
    }
