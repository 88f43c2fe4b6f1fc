"""Learned tokens: vectors that a text encoder reads where a prompt calls a plug-in's name.

Textual inversion (Gal et al. 2022, arXiv 2208.01618), but as a difference from what stands there without the plug-in. So a
plug-in's weight says how much of it counts, and the name keeps its ordinary meaning where the plug-in is off.
"""

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from plugins_engine.errors import BadAdapter

MAX_VECTORS = 75  # what CLIP reads of a prompt
MAX_WORDS = 200  # characters
ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


@dataclass(frozen=True, eq=False)
class LearnedTokens:
    """What one name means with a plug-in, for each text encoder: ordinary + weight · (vectors - ordinary).

    Raises BadAdapter.

    Args:
        words: The name, which calls it in a prompt as whole words, in whatever case (`calls`).
        vectors: By text encoder ("text_encoder", "text_encoder_2", …), (n, width) each, float32, on the CPU.
        ordinary: The same for the name without the plug-in: the embeddings of its own n first tokens. The last one is repeated
            if there are fewer. Empty: not known, and so taken from the base that it is used with.
        weight: Negative steers away. Where several are on, tokens that differ in the weight alone add up; others stand side by
            side.
    """

    words: str
    vectors: Mapping[str, Tensor]
    ordinary: Mapping[str, Tensor] = field(default_factory=dict)
    weight: float = 1.0

    def __post_init__(self) -> None:
        called = f'learned tokens "{self.words[:60]}"'
        if not self.words.strip() or not self.words.isprintable() or len(self.words) > MAX_WORDS:
            raise BadAdapter(
                f"{called}: expected the words that call them in a prompt, of at most {MAX_WORDS} printable characters"
            )
        if not math.isfinite(self.weight):
            raise BadAdapter(f"{called}: expected a finite weight, found {self.weight}")
        object.__setattr__(self, "weight", float(self.weight))
        object.__setattr__(self, "words", unicodedata.normalize("NFC", self.words.strip()))
        for name in ("vectors", "ordinary"):
            object.__setattr__(self, name, _checked(getattr(self, name), f"{called}, {name}"))
        if not self.vectors:
            raise BadAdapter(f"{called}: expected vectors of at least one text encoder, found none")
        counts = {len(each) for each in self.vectors.values()}
        if len(counts) > 1:
            raise BadAdapter(f"{called}: expected as many for each text encoder, found {sorted(counts)}")
        shapes = [
            {key: tuple(each.shape) for key, each in some.items()} for some in (self.vectors, self.ordinary)
        ]
        if self.ordinary and shapes[0] != shapes[1]:
            raise BadAdapter(
                f"{called}: expected ordinary vectors of the shapes {shapes[0]}, found {shapes[1]}"
            )

    def __len__(self) -> int:
        """Give the number of positions that the name takes in a prompt."""
        return len(next(iter(self.vectors.values())))

    @cached_property
    def origin(self) -> str:
        """SHA-256 of all but the weight."""
        digest = hashlib.sha256(b"plugins_engine tokens v1\n")
        digest.update(f"{len(self.words.encode())} {self.words}\n".encode())
        for kind, held in (("vectors", self.vectors), ("ordinary", self.ordinary)):
            for encoder, each in held.items():
                digest.update(f"{kind} {encoder} {tuple(each.shape)}\n".encode())
                digest.update(each.numpy().astype("<f4", copy=False).tobytes())
        return digest.hexdigest()

    def scaled(self, factor: float) -> "LearnedTokens":
        return replace(self, weight=self.weight * factor)

    def effective(self) -> dict[str, Tensor]:
        """Give the vectors that stand in a prompt at the plug-in's full weight. Raises BadAdapter where the ordinary ones are missing."""
        if self.weight == 1:
            return dict(self.vectors)
        if not self.ordinary:
            raise BadAdapter(
                f'learned tokens "{self.words}" of weight {self.weight:g}: expected what stands there without them, which a '
                f"base says; use them with their base first"
            )
        return {
            encoder: torch.lerp(self.ordinary[encoder], each, self.weight)
            for encoder, each in self.vectors.items()
        }


@dataclass(frozen=True, eq=False)
class NameInForce:
    """A name that means something else in prompts for now.

    shifts: by text encoder, (n, width): what is added at the name's positions, times the weight.
    origin: names of one origin add up, others stand side by side.
    """

    words: str
    shifts: Mapping[str, Tensor]
    weight: float
    origin: str

    def __len__(self) -> int:
        return len(next(iter(self.shifts.values())))


Named = TypeVar("Named", LearnedTokens, NameInForce)


def side_by_side(names: Iterable[Named]) -> tuple[Named, ...]:
    """Add up the weights of names of one origin, and order all by words and origin, whatever order they come in."""
    found: dict[tuple[str, str], Named] = {}
    for each in names:
        key = (each.words.casefold(), each.origin)
        found[key] = replace(each, weight=found[key].weight + each.weight) if key in found else each
    return tuple(found[key] for key in sorted(found))


def _checked(held: Mapping[str, Tensor], called: str) -> dict[str, Tensor]:
    checked = {}
    for encoder in sorted(held):
        if encoder not in ENCODERS:
            raise BadAdapter(f"{called}: expected those of {', '.join(ENCODERS)}, found {encoder}")
        each = held[encoder]
        if not each.is_floating_point():
            raise BadAdapter(f"{called}: expected floating point numbers for {encoder}, found {each.dtype}")
        each = each.detach().to("cpu", torch.float32).contiguous()
        if each.ndim != 2 or 0 in each.shape or len(each) > MAX_VECTORS:
            raise BadAdapter(
                f"{called}: expected 1 to {MAX_VECTORS} rows (n, width) for {encoder}, found {tuple(each.shape)}"
            )
        if not torch.isfinite(each).all():
            raise BadAdapter(f"{called}: expected finite numbers for {encoder}, found NaN or infinity")
        checked[encoder] = each
    return checked
