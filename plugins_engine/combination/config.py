"""How plug-ins are combined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from plugins_engine.combination.parts import CombinationPart, pictures_of, retained
from plugins_engine.errors import BadRequest, require_positive, require_whole

CombinationMethod = Literal["tuned", "closed-form", "sgd", "sum", "svd", "ties", "dare"]
COMBINATION_METHODS: tuple[CombinationMethod, ...] = get_args(CombinationMethod)
_TURNS = 4  # of tuning, at least, for each part that calls plug-ins


@dataclass(frozen=True)
class CombinationConfig:
    """How plug-ins are combined.

    rank: of the result on every layer; None: tuned, closed form, sum and sgd keep the sum of the parts', the others
        take the highest of them.
    ridge: λ as a share of the mean diagonal of ΣG; None: chosen layer by layer, on other pictures than the fit's.
    pictures, steps: drawn for each part to see what layers are fed; a quarter as many again to choose the ridge on. Many
        different prompts say more than many denoising steps. retained_pictures: of all retained prompts together.
    tuning_steps: of "tuned", on all layers together after each has been solved in closed form; four for each part that calls
        plug-ins if that is more.
    epochs, learning_rate, rows: of "sgd"; the paper's 100 epochs and 2e-2.
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
