"""How a plug-in is trained."""

from dataclasses import dataclass, field, fields
from typing import Any

from plugins_engine.adapters.learned_tokens import MAX_VECTORS
from plugins_engine.errors import BadBase, BadRequest, require_positive, require_whole
from plugins_engine.model.base import LAYER_KINDS, BaseCheckpoint

MAX_RANK = 256


@dataclass(frozen=True)
class AdditionConfig:
    """How a plug-in is trained. The defaults are customary for Stable Diffusion; `for_base` takes what a base asks for.

    steps: optimiser steps.
    batch, prior_batch: works and prior samples a step.
    prior_weight: of the loss that keeps other prompts as they are.
    layers: keys of `base.LAYER_KINDS`.
    token_steps: optimiser steps of the tokens alone, before the others.
    tokens: vectors that the name is read as; 0: none. At least as many as the name has tokens of its own.
    token_rate: learning rate of the tokens, as a share of a usual entry of the text encoder's table.
    text_rank, text_rate: rank and learning rate of the text encoders' factors; rank 0: none.
    verbatim_works, verbatim_seeds: works that are looked for among drawings with the plug-in, and drawings of each one's
        prompt (`verbatim.VerbatimConfig`); no works: it is not said whether the plug-in gives one back.
    min_snr: cap of the signal-to-noise weight (arXiv 2303.09556) for bases that predict noise; those that predict
        velocity are trained on the plain velocity error.
    """

    rank: int = 16
    learning_rate: float = 1e-4
    steps: int = 1000
    batch: int = 4
    prior_batch: int = 4
    prior_weight: float = 1.0
    prior_pictures: int = 64
    prior_steps: int = 10
    layers: tuple[str, ...] = ("attention", "feed_forward", "projection", "time")
    min_snr: float = 5.0
    flip: bool = True
    seed: int = 0
    mixed_precision: str | None = None  # None: as the base was loaded
    prior_prompts: tuple[str, ...] = field(default=())
    token_steps: int = 0
    tokens: int = 0
    token_rate: float = 0.0
    text_rank: int = 0
    text_rate: float = 0.0
    verbatim_works: int = 16
    verbatim_seeds: int = 2

    def __post_init__(self) -> None:
        require_whole("rank", self.rank, 1, MAX_RANK)
        require_whole("steps", self.steps, 1, 100_000)
        require_whole("batch", self.batch, 1, 1024)
        require_whole("prior_batch", self.prior_batch, 0, 1024)
        require_whole("prior_pictures", self.prior_pictures, 1, 4096)
        require_whole("prior_steps", self.prior_steps, 1, 1000)
        require_whole("token_steps", self.token_steps, 0, 100_000)
        require_whole("tokens", self.tokens, 0, MAX_VECTORS)
        require_whole("text_rank", self.text_rank, 0, MAX_RANK)
        require_whole("verbatim_works", self.verbatim_works, 0, 10_000)
        require_whole("verbatim_seeds", self.verbatim_seeds, 1, 1000)
        if self.token_steps and not self.tokens:
            raise BadRequest(f"token_steps {self.token_steps}: expected tokens above 0 to train, found none")
        if self.tokens:
            require_positive("token_rate", self.token_rate, at_most=1)
        if self.text_rank:
            require_positive("text_rate", self.text_rate, at_most=1)
        require_positive("learning_rate", self.learning_rate, at_most=1)
        require_positive("prior_weight", self.prior_weight, at_most=1000)
        if not isinstance(self.layers, tuple):
            raise BadRequest(f"layers {self.layers}: expected a list of some of {', '.join(LAYER_KINDS)}")
        if unknown := [kind for kind in self.layers if kind not in LAYER_KINDS]:
            raise BadRequest(f"layers {', '.join(unknown)}: expected some of {', '.join(LAYER_KINDS)}")
        if self.mixed_precision not in (None, "no", "fp16", "bf16"):
            raise BadRequest(f'mixed_precision "{self.mixed_precision}": expected no, fp16 or bf16')

    @classmethod
    def for_base(cls, base: BaseCheckpoint, **chosen: Any) -> "AdditionConfig":
        """Give what is chosen, else what the base's card says under `addition`, else the defaults.

        Raises BadBase for a card of another base or one that says something else than these fields, BadRequest for a choice
        out of range.
        """
        of = base.card.get("fingerprint", base.fingerprint)
        if of != base.fingerprint:
            raise BadBase(
                f"{base.card_path}: expected the card of base {base.fingerprint[:12]}, found that of {str(of)[:12]}: take the "
                "card away, or put the weights that it is of beside it"
            )
        said = base.card.get("addition", {})
        names = {each.name for each in fields(cls)}
        try:
            if not isinstance(said, dict) or not names.issuperset(said):
                raise BadRequest(f"expected an object of {', '.join(sorted(names))}")
            said = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
            cls(**said)
        except (BadRequest, TypeError) as error:
            raise BadBase(f"{base.card_path}: addition: {error}") from error
        return cls(**{**said, **chosen})
