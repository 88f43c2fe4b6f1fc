"""Say before anything is trained what cannot become a good plug-in."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pictures.still import on_white
from plugins_engine.addition.lora import new_tokens
from plugins_engine.errors import BadPrompt, BadRequest, LongCaption
from plugins_engine.known import Known
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import in_force, named

SIDE = 24  # pixels that works are compared at
LEAST_DIFFERENCE = 10.0  # of 255, root mean square: JPEG and rescaling change one picture by up to 8, a shift by a pixel in 64 by 15


def require_new_name(name: str, kind: str, known: Known) -> None:
    """Raise BadRequest for a name that a base lists among what it draws already."""
    found = known.find(name, kind) if known.listed else None
    if found is not None:
        raise BadRequest(
            f'"{name}" is a {kind} that this base draws already ("{found}"), so the name would mean both in a prompt; choose '
            "another name, or say that it may be known"
        )


def require_different(pictures: Sequence[Image.Image]) -> None:
    """Raise BadRequest for several works that are all one picture: training would learn only that picture."""
    if len(pictures) < 2:
        return
    small = np.stack([_small(picture) for picture in pictures])
    # Of pictures that are all near the first, no two are far from each other.
    distance = np.sqrt(((small - small[0]) ** 2).mean(axis=1))
    if distance.max() < LEAST_DIFFERENCE:
        raise BadRequest(
            f"all {len(pictures)} works are the same picture: made small, none differs from the first by more than "
            f"{distance.max():.1f} of 255; give works that differ"
        )


def require_readable(base: BaseCheckpoint, prompts: Sequence[str], name: str, tokens: int) -> None:
    """Raise LongCaption for the first of the works' prompts that is longer than a base reads, with `tokens` learned for the name."""
    learned = [named(base, new_tokens(base, name, tokens), 1.0)] if tokens else []
    with in_force(base, learned):
        for number, prompt in enumerate(prompts):
            try:
                base.require_readable(prompt)
            except BadPrompt as error:
                raise LongCaption(number, len(prompts), str(error)) from None


def require_text_layers(base: BaseCheckpoint, rank: int) -> None:
    """Raise BadRequest if factors are asked for on text encoders of which no layer is adapted."""
    if rank and not base.text_layers:
        raise BadRequest(
            f"text_rank {rank}: this base reads prompts without CLIP, and plug-ins adapt layers of no other text encoder; leave it at 0, or "
            "let tokens be learned"
        )


def _small(picture: Image.Image) -> np.ndarray:
    small = on_white(picture).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).reshape(-1)
