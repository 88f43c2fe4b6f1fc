"""How much evidence is gathered, and of what."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from plugins_engine.errors import BadRequest, require_positive, require_whole

MIN_CONTROLS = 8  # fewer say nothing of what is usual
CaptionedPictures = Sequence[tuple[Image.Image, str]]
"""Pictures, each with its caption."""


@dataclass(frozen=True)
class EvidenceConfig:
    """How much is drawn and measured.

    Args:
        seeds: Pictures drawn of each prompt, 2 to 1000. A base draws what it has by heart from any seed, so many agree. The
            time grows with their number.
        steps: Denoising steps of each of these pictures.
        guidance: How closely they follow their prompt; None: the base's own.
        tiles: Tiles in each direction that pictures are compared by; it has to divide the base's size. The worst tile counts,
            so a ground that pictures share does not.
        reproduced_within: Largest distance, 0 to 1, at which a work counts as reproduced and drawn pictures count as agreeing.
        levels: Noise levels at which a base's error on a picture is taken. Each picture meets the same noise; more make the
            error steadier.
        seed: Of all that is drawn at random.
    """

    seeds: int = 16
    steps: int = 25
    guidance: float | None = None
    tiles: int = 4
    reproduced_within: float = 0.1
    levels: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("seeds", self.seeds, 2, 1000)
        require_whole("steps", self.steps, 1, 999)
        require_whole("tiles", self.tiles, 1, 64)
        require_whole("levels", self.levels, 1, 1000)
        require_positive("reproduced_within", self.reproduced_within, at_most=1)


def require_enough(works: CaptionedPictures, controls: CaptionedPictures) -> None:
    """Raise BadRequest if works or controls are too few to say anything."""
    if not works:
        raise BadRequest("expected at least one work, found none")
    if len(controls) < MIN_CONTROLS:
        raise BadRequest(
            f"expected at least {MIN_CONTROLS} controls, works that the base never saw, found {len(controls)}"
        )
