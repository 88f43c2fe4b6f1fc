"""How a plug-in is trained."""

from dataclasses import dataclass, field, fields
from typing import Any

from plugins_engine.adapters.learned_tokens import MAX_VECTORS
from plugins_engine.errors import BadBase, BadRequest, require_positive, require_whole
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.families import LAYER_KINDS

MAX_RANK = 256


@dataclass(frozen=True)
class AdditionConfig:
    """How a plug-in is trained.

    The defaults are customary for Stable Diffusion; `for_base` takes what a base asks for. Raises BadRequest for a value out of
    range.

    Args:
        rank: Rank of the factors on every adapted layer of the UNet, 1 to 256. A higher one can hold more, and the file grows
            with it. 16 is customary for one concept.
        learning_rate: Rate at which the UNet's factors learn, above 0, at most 1. It warms up over ten steps and falls to
            nothing on a cosine. 1e-4 suits large bases; small ones want far more, the embedded one 5e-3.
        steps: Optimiser steps in which everything is trained together, 1 to 100,000. 1000 are customary; a base that learns
            faster says so on its card.
        batch: Works that one step learns from. Memory and the time of a step grow with it, and steps become steadier. 4 is
            customary where memory is short.
        prior_batch: Samples of what the base predicts for other prompts. Each step is held to so many. As many as works by
            default. 0: it is held to nothing, and the plug-in may be seen where its name is not called.
        prior_weight: Weight of the error on each of these samples, above 0; that of a work is 1. More keeps other prompts
            closer to what they were, and lets the plug-in learn less.
        prior_pictures: Pictures that the base draws before the training to gather the samples from, one a prompt chosen at
            random. Prompts are repeated if there are fewer. More cover more of what the base knows, and take longer to draw.
        prior_steps: Denoising steps of each of these pictures. Every step gives samples, so few are enough.
        layers: Which layers of the UNet are adapted, as keys of `LAYER_KINDS`. All kinds by default, as a style is no matter of
            one of them.
        min_snr: Cap of the weight that the signal-to-noise ratio gives a sample (arXiv 2303.09556), for bases that predict
            noise; 5 is the paper's. Bases that predict velocity are trained on the plain velocity error.
        flip: Whether each work is learned from mirrored too. That doubles few works. Turn it off for what must not be mirrored,
            such as lettering.
        buckets: Whether works are learned from in shapes near their own (aspect ratio buckets), instead of cut square.
        seed: Of all that is drawn at random. The same works, config and machine give the same plug-in.
        mixed_precision: Number format of the training: "no" (float32), "fp16" or "bf16". None: the one that the base was loaded
            in.
        prior_prompts: Prompts to hold the plug-in to. Those that name the concept are left out. Empty: all that the base is
            known to know (`known_prompts`).
        token_steps: Optimiser steps in which the tokens are trained alone, before all else. What the works have in common then
            goes into them, and less is left to the factors, which every prompt meets. 0: all begin together.
        tokens: Vectors that the concept's name is read as (textual inversion), at least as many as the name has tokens of its
            own. 0: the name is read as the base reads it.
        token_rate: Rate at which the tokens learn, as a share of a usual entry of the text encoder's table, so that one rate
            fits every base. Above 0, at most 1, where there are tokens.
        text_rank: Rank of the factors on the text encoders, at most 256. 0: there are none, and prompts are read as before. A base
            without CLIP takes 0 alone.
        text_rate: Rate at which the text encoders' factors learn, above 0, at most 1, where there are any. Every prompt meets
            them, so it is best a low one.
        verbatim_works: Works that are looked for among pictures drawn with the finished plug-in, at even distances among all; see
            `VerbatimConfig`. 0: nothing says whether the plug-in gives a work back.
        verbatim_seeds: Pictures drawn of each such work's prompt. More find more, and take as much longer.
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
    buckets: bool = True
    seed: int = 0
    mixed_precision: str | None = None
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

        Raises BadBase for a card of another base or one with other fields than these, BadRequest for a choice out of range.
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
