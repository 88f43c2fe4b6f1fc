"""How plug-ins are combined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from plugins_engine.combination.parts import CombinationPart, pictures_of, retained
from plugins_engine.errors import BadRequest, require_positive, require_whole

CombinationMethod = Literal["tuned", "closed-form", "sgd", "sum", "svd", "ties", "dare"]
"""One of these; `CombinationConfig.method` tells what each does."""
COMBINATION_METHODS: tuple[CombinationMethod, ...] = get_args(CombinationMethod)
"""How plug-ins can be combined."""
_TURNS = 4  # of tuning, at least, for each part that calls plug-ins


@dataclass(frozen=True)
class CombinationConfig:
    """How plug-ins are combined. Raises BadRequest for a value out of range.

    Args:
        method: How the combination is found, of `COMBINATION_METHODS`. "tuned" (closed form, then a few steps on all layers
            together) draws pictures of several best. "closed-form" solves each layer by itself. "sgd" descends on the same
            objective, as the paper does. "sum", "svd", "ties" and "dare" look at no prompts.
        rank: Of the result, on every layer. None: "tuned", "closed-form", "sum" and "sgd" keep the sum of the plug-ins' ranks,
            which loses nothing. The others keep the highest of them.
        ridge: How strongly large weights are held back in the closed form, as a share of the mean diagonal of what the layer is
            fed. None: chosen layer by layer, by pictures that took no part in the fit.
        pictures: Drawn for each part to see what layers are fed. A quarter as many again are drawn to choose the ridge by. Many
            different prompts say more than many denoising steps.
        retained_pictures: Drawn of all retained prompts together. Four times as many as of a part: what shall stay is more than
            any one plug-in.
        steps: Denoising steps of each of these pictures. Few are enough, as every step counts.
        seed: Of all that is drawn at random.
        tuning_steps: Steps of "tuned" on all layers together, after each has been solved by itself. Four for each part that
            calls plug-ins if that is more, so that each has its turns.
        epochs: Of "sgd": how often every input is learned from; the paper's.
        learning_rate: Of "sgd"; the paper's.
        rows: Of "sgd": inputs that are kept of each layer and part. More take more memory.
    """

    method: CombinationMethod = "tuned"
    rank: int | None = None
    ridge: float | None = None
    pictures: int = 96
    retained_pictures: int = 384
    steps: int = 4
    seed: int = 0
    tuning_steps: int = 16
    epochs: int = 100
    learning_rate: float = 2e-2
    rows: int = 2048

    def __post_init__(self) -> None:
        if self.method not in COMBINATION_METHODS:
            raise BadRequest(f'method "{self.method}": expected one of {", ".join(COMBINATION_METHODS)}')
        if self.rank is not None:
            require_whole("rank", self.rank, 1, 100_000)
        if self.ridge is not None:
            require_positive("ridge", self.ridge)
        require_whole("pictures", self.pictures, 2, 100_000)
        require_whole("retained_pictures", self.retained_pictures, 2, 100_000)
        require_whole("steps", self.steps, 1, 1000)
        require_whole("tuning_steps", self.tuning_steps, 1, 100_000)
        require_whole("epochs", self.epochs, 1, 100_000)
        require_whole("rows", self.rows, 16, 1_000_000)

    def tuning_steps_of(self, parts: Sequence[CombinationPart]) -> int:
        """Give how many steps these parts are tuned in: each has to have its turns."""
        calling = len(parts) - len(retained(parts))
        return max(self.tuning_steps, _TURNS * calling) if self.method == "tuned" else 0

    def pictures_of(self, parts: Sequence[CombinationPart]) -> list[int]:
        """Give how many pictures are drawn for each part."""
        return pictures_of(parts, self.pictures, self.retained_pictures)
