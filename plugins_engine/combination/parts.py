"""What a combination is fitted to: plug-ins with prompts that call them, alone and together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from plugins_engine.adapters.adapter import Adapter, summed_vectors
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.concepts import calls, joined, trigger_phrase
from plugins_engine.errors import BadRequest
from plugins_engine.known import known_prompts
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import known_beside, require_fit

# Against all plug-ins together: their effects on what shall stay add up, so its weight grows with their number.
RETAINED_WEIGHT = 5.0
_AGAIN = 4  # pictures, at most, of one retained prompt


@dataclass(frozen=True)
class CombinationPart:
    """Prompts, and the plug-ins that they call.

    Args:
        prompts: As a person would write them, with the plug-ins' names. Many different ones say more than a few.
        adapters: One plug-in; several, side by side; or none, for prompts that shall stay as they are.
        weight: Of this part's error in what is minimised, above 0. For a plug-in's own part it is also its share among the
            plug-ins. Retained prompts also count as much as all plug-ins together, times five.
    """

    prompts: tuple[str, ...]
    adapters: tuple[Adapter, ...] = ()
    weight: float = 1.0

    @property
    def called(self) -> str:
        if not self.adapters:
            return "retained prompts"
        return " with ".join(each.name or "a plug-in without a name" for each in self.adapters)


def alone(parts: Sequence[CombinationPart]) -> list[CombinationPart]:
    """List the parts that call one plug-in alone: each plug-in's own."""
    return [part for part in parts if len(part.adapters) == 1]


def retained(parts: Sequence[CombinationPart]) -> list[CombinationPart]:
    """List the parts that call no plug-in: what shall stay as it is."""
    return [part for part in parts if not part.adapters]


def tokens_of(parts: Sequence[CombinationPart]) -> tuple[LearnedTokens, ...]:
    """List the learned tokens of all plug-ins, which a combination reads side by side."""
    return tuple(tokens for part in alone(parts) for tokens in part.adapters[0].tokens)


def vectors_of(parts: Sequence[CombinationPart]) -> dict[str, Tensor]:
    """Sum what all plug-ins add to biases and norms."""
    return summed_vectors([(part.adapters[0], 1.0) for part in alone(parts)])


def in_low_rank(base: BaseCheckpoint, parts: Sequence[CombinationPart]) -> list[CombinationPart]:
    """Give the parts with every plug-in's deltas as low-rank matrices, exact but for rounding. Raises BaseMismatch."""
    thin: dict[Adapter, Adapter] = {}
    for adapter in {each: None for part in parts for each in part.adapters}:
        require_fit(base, adapter)
        plain = all(isinstance(each, tuple) for each in adapter.layers.values())
        thin[adapter] = adapter if plain else known_beside(base, adapter).in_low_rank()
    return [replace(part, adapters=tuple(thin[each] for each in part.adapters)) for part in parts]


def pictures_of(parts: Sequence[CombinationPart], each: int, of_retained: int) -> list[int]:
    """Give how many pictures to draw for each part: `each` if it calls plug-ins, `of_retained` for all others together.

    A retained prompt is drawn a few times at most: a short list needs no more.
    """
    kept = max(2, of_retained // max(1, len(retained(parts))))
    return [each if part.adapters else min(kept, _AGAIN * len(part.prompts)) for part in parts]


def kept_by_erasers(base: BaseCheckpoint, adapters: Sequence[Adapter]) -> tuple[str, ...]:
    """List the prompts that a base knows and that name no concept of the erasers among the adapters; none without erasers."""
    taken = [adapter.metadata.get("plugin.extracted", "") for adapter in adapters if adapter.kind == "eraser"]
    if not taken:
        return ()
    return tuple(known_prompts(base.directory.path, without=[name for name in taken if name]))


def joint_parts(parts: Sequence[CombinationPart]) -> list[CombinationPart]:
    """Compose prompts that call two plug-ins at once: every character, or whatever else is no style, in every style.

    Prompts that call each alone teach nothing of a picture that shows both. A character's phrase is what calls it
    in its own prompts, up to a comma: "a fox, Ink style" and Clay make "a fox, Clay style".
    """
    single = [(part, part.adapters[0]) for part in alone(parts)]
    styles = [adapter for _, adapter in single if adapter.kind == "style"]
    return [
        CombinationPart(
            tuple(joined(phrase, _trigger(style)) for phrase in _phrases(part.prompts, _trigger(other))),
            (style, other),
        )
        for style in styles
        for part, other in single
        if other.kind != "style"
    ]


def joint_parts_of(prompts: Sequence[str], adapters: Sequence[Adapter]) -> list[CombinationPart]:
    """Join given prompts with the plug-ins that they name. Raises BadRequest for one that names fewer than two."""
    found: dict[tuple[Adapter, ...], list[str]] = {}
    for prompt in prompts:
        named = tuple(each for each in adapters if each.name and calls(each.name, prompt))
        if len(named) < 2:
            raise BadRequest(
                f'prompt "{prompt}": expected the names of at least two of {", ".join(a.name for a in adapters)}, '
                f"found {len(named)}"
            )
        found.setdefault(named, []).append(prompt)
    return [CombinationPart(tuple(some), named) for named, some in found.items()]


def _trigger(adapter: Adapter) -> str:
    return adapter.trigger or trigger_phrase(adapter.name, adapter.kind)


def _phrases(prompts: Sequence[str], trigger: str) -> list[str]:
    """Give the clauses that call a plug-in, each once; its trigger alone where none of them does."""
    clauses = [clause.strip() for prompt in prompts for clause in prompt.split(",") if calls(trigger, clause)]
    return list(dict.fromkeys(clauses)) or [trigger]
