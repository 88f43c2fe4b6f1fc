"""Membership: how much better a base predicts works than comparable ones that it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from pictures.still import on_white
from plugins_engine.checkpoints import Checkpoints, checkpoint_of, pictures_digest
from plugins_engine.evidence.config import CaptionedPictures, EvidenceConfig, require_enough
from plugins_engine.evidence.tiles import Array
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import noised_batch, pixels_of
from plugins_engine.model.text_encoding import PromptEmbedding
from plugins_engine.progress import OnStep


@dataclass(frozen=True)
class Roc:
    """How well scores tell works from controls.

    Args:
        area: Under the curve: the chance that a work scores above a control, 0.5 where they are alike.
        low: Lower end of its 95% interval.
        high: Upper end.
        curve: (share of controls, share of works) at or above each threshold, from (0, 0) to (1, 1).
    """

    area: float
    low: float
    high: float
    curve: tuple[tuple[float, float], ...]

    def found_at(self, false_positives: float) -> float:
        """Give the share of works found where at most this share of controls is."""
        return max(works for controls, works in self.curve if controls <= false_positives)


@dataclass(frozen=True)
class Membership:
    """By how much better a base predicts works than controls.

    Args:
        works: Of each work, by how many standard deviations the base's error lies below the controls' mean.
        controls: Of each control, the same, with itself left out of the mean.
        roc: How well these scores tell works from controls.
    """

    works: tuple[float, ...]
    controls: tuple[float, ...]
    roc: Roc


def find_membership(
    base: BaseCheckpoint,
    works: CaptionedPictures,
    controls: CaptionedPictures,
    config: EvidenceConfig | None = None,
    on_step: OnStep | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> Membership:
    """Compare the base's error on works with its error on controls, each under its own caption.

    It compares the logarithm of the error with the caption over the error without it. How much the caption helps depends
    less on how plain a picture is than the error itself does. Raises BadRequest for too few of anything.

    Args:
        base: What is measured, as it is: lay a release's eraser over it first (`applied`) to measure the release.
        works: Pictures that the base may have learned from, each with its caption; at least one.
        controls: Comparable pictures that it never saw, each with its caption; at least eight.
        config: How much is measured; None: the defaults.
        on_step: Told of every picture: step, steps, what is being done, None. What it raises stops the work.
        checkpoints: Where what was measured is kept, so that the same call does not measure it again; None: nowhere.
    """
    config = config or EvidenceConfig()
    require_enough(works, controls)
    errors = _kept_errors(base, [*works, *controls], config, on_step, checkpoints)
    gain = errors[:, 0] - errors[:, 1]
    return calibrated(gain[: len(works)], gain[len(works) :])


def _kept_errors(
    base: BaseCheckpoint,
    pictures: CaptionedPictures,
    config: EvidenceConfig,
    on_step: OnStep | None,
    checkpoints: Checkpoints | None,
) -> Array:
    checkpoint = checkpoint_of(
        checkpoints,
        "membership",
        lambda: {
            "base": base.state,
            "pictures": pictures_digest([on_white(image) for image, _ in pictures]),
            "captions": [caption for _, caption in pictures],
            "config": config,
        },
    )
    if (kept := checkpoint.read("errors")) is not None:
        found: Array = kept["errors"].numpy()
        return found
    errors = log_errors(base, pictures, config, on_step)
    checkpoint.write("errors", {"errors": torch.from_numpy(errors)})
    return errors


def calibrated(works: Array, controls: Array) -> Membership:
    """Turn measures of works (n,) and of controls (m,), low for what a base knows, into scores and their ROC."""
    scores = tuple(_score(each, controls) for each in works)
    left_out = tuple(_score(each, np.delete(controls, i)) for i, each in enumerate(controls))
    return Membership(scores, left_out, roc(scores, left_out))


def log_errors(
    base: BaseCheckpoint, pictures: CaptionedPictures, config: EvidenceConfig, on_step: OnStep | None = None
) -> Array:
    """Give the logarithm of the base's error on each picture with its caption, and without, over noise levels: (n, 2)."""
    captions = [caption for _, caption in pictures]
    latents = base.encode_pixels(pixels_of(base, [image for image, _ in pictures], flip=False))
    text = base.encode_prompt([*captions, ""])
    found = []
    for i in range(len(pictures)):
        # The same noise and times for every picture: what differs is the picture.
        generator = torch.Generator().manual_seed(config.seed)
        own = text.rows(torch.full((config.levels,), i))
        empty = text.rows(torch.full((config.levels,), len(captions)))
        clean = latents[i : i + 1].expand(config.levels, -1, -1, -1)
        one = noised_batch(base, clean, own, 5.0, generator)
        read = PromptEmbedding.joined([own, empty])
        with torch.no_grad():
            output = base.predict(one.noisy.repeat(2, 1, 1, 1), one.time.repeat(2), read)
        target = one.target.repeat(2, 1, 1, 1).float()
        errors = F.mse_loss(output.float(), target, reduction="none").mean((1, 2, 3)).clamp(min=1e-12).log()
        found.append([float(half.mean()) for half in errors.chunk(2)])
        if on_step is not None:
            on_step(i + 1, len(pictures), "measuring", None)
    return np.asarray(found)


def roc(works: Sequence[float], controls: Sequence[float]) -> Roc:
    """Give the curve and its area, with an interval."""
    positive, negative = np.asarray(works, dtype=np.float64), np.asarray(controls, dtype=np.float64)
    larger = (positive[:, None] > negative[None]).mean()
    area = float(larger + (positive[:, None] == negative[None]).mean() / 2)
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    curve = [(0.0, 0.0)]
    curve += [(float((negative >= t).mean()), float((positive >= t).mean())) for t in thresholds]
    return Roc(area, *area_interval(area, len(positive), len(negative)), tuple(curve))


def area_interval(area: float, works: int, controls: int) -> tuple[float, float]:
    """Give the 95% interval of an area under the curve: method 5 of Newcombe (2006, doi:10.1002/sim.2324).

    It holds all areas that lie within 1.96 of their own standard errors of the one found. The errors are those of Hanley and McNeil
    (1982) for equal numbers of works and controls. So it has a width even if all works score above all controls.
    """
    fewer = (works + controls) / 2 - 1

    def too_far(other: float) -> bool:
        shape = 1 + fewer * ((1 - other) / (2 - other) + other / (1 + other))
        variance = other * (1 - other) * shape / (works * controls)
        return (area - other) ** 2 > 1.959964**2 * variance

    def bound(end: float) -> float:
        """Halve the way from the area, which is inside, to an end of the scale, which is outside or the bound itself."""
        inside, outside = area, end
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if too_far(middle) else (middle, outside)
        return outside

    return bound(0.0), bound(1.0)


def _score(value: float, controls: Array) -> float:
    return float((controls.mean() - value) / max(controls.std(ddof=1), 1e-12))
