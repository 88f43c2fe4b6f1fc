"""Training that begins from a plug-in instead of from nothing."""

from dataclasses import dataclass, field

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import completed, known_beside, require_fit

BEGUN_FROM = "plugin.begun_from"
"""The metadata key of the SHA-256 of the tensors that a training began from."""


@dataclass(frozen=True)
class Begun:
    """What a training begins from: factors by layer, tokens, and what the file then says of it. Empty: nothing."""

    layers: dict[str, LowRank] = field(default_factory=dict)
    tokens: tuple[LearnedTokens, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def begun_from(base: BaseCheckpoint, adapter: Adapter, name: str, config: AdditionConfig) -> Begun:
    """Give what a training of the concept begins from.

    Raises BadRequest if the config trains less than the plug-in changes: nothing of it may be left out. Raises BaseMismatch.
    """
    require_fit(base, adapter)
    called = adapter.name or "the plug-in to begin from"
    if adapter.vectors:
        raise BadRequest(
            f"{called}: expected layers alone, found changes of biases or norms, which are not trained"
        )
    low = known_beside(base, completed(base, adapter)).in_low_rank()
    trained = set(base.adaptable_layers(config.layers)) | (
        set(base.text_layers) if config.text_rank else set()
    )
    if left := sorted(set(low.layers) - trained):
        raise BadRequest(
            f"{called}: expected layers that are trained, found {len(left)} others, such as {left[0]}"
        )
    for of_text, rank, setting in ((False, config.rank, "rank"), (True, config.text_rank, "text_rank")):
        ranks = [each[1].shape[0] for layer, each in low.factors.items() if is_of_text(layer) == of_text]
        if max(ranks, default=0) > rank:
            raise BadRequest(
                f"{called}: its rank is {max(ranks)}, and this training has {setting} {rank}: set it to as many at least"
            )
    own = tuple(each for each in low.tokens if each.words.casefold() == name.casefold())
    if len(own) < len(low.tokens):
        raise BadRequest(f"{called}: expected tokens called {name}, found some called {low.tokens[0].words}")
    if own and not config.tokens:
        raise BadRequest(
            f"{called}: it has learned tokens, and this training has none: set tokens to {len(own[0])}"
        )
    return Begun(dict(low.factors), own, {BEGUN_FROM: adapter.tensors_sha256})
