"""Many pictures for the judge, in bfloat16 where the processor is quicker in it: on some that nearly halves the time."""

from collections.abc import Sequence

from PIL import Image

from plugins_engine import Adapter, BaseCheckpoint, generate_each
from plugins_engine.model.precision import quickly

STEPS = 10  # the judge is as right about these as about the product's 25


def draw(
    base: BaseCheckpoint, prompts: Sequence[str], seed: int, plugins: Sequence[tuple[Adapter, float]] = ()
) -> list[Image.Image]:
    """Draw one picture of each prompt; picture i has the seed `seed` + i."""
    with quickly(base):
        return generate_each(base, prompts, seed=seed, steps=STEPS, plugins=plugins)
