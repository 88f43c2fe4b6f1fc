"""Evidence that a base learned from works: what it reproduces, and how well it predicts them.

Two tests, after Carlini et al. 2023, "Extracting training data from diffusion models" (arXiv 2301.13188):

- *Reproduction* (their sections 4.1 and 4.2): draw prompts with many seeds. A work is reproduced where a drawing comes
  closer to it than a threshold, and a drawing is memorised where many seeds agree on it.
- *Membership* (their section 5.1): a base predicts what it was trained on with less error. How much less is only known
  beside controls, comparable works that it never saw, so errors are calibrated by theirs (the offline likelihood ratio of
  Carlini et al. 2022, arXiv 2112.03570).

Works and controls are measured alike, and everything found of works is reported beside what is found of controls. The numbers
are evidence, not a verdict: works of one artist are alike, and so are drawings of one thing.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from plugins_engine.addition.captioned_works import noised_batch, pixels_of
from plugins_engine.errors import BadRequest, require_positive, require_whole
from plugins_engine.measure.metrics import Rate
from plugins_engine.model.base import BaseModel, PromptEmbedding
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnStep, Progress

MIN_CONTROLS = 8  # fewer say nothing of what is usual
Array = NDArray[np.float64]
CaptionedPictures = Sequence[tuple[Image.Image, str]]


@dataclass(frozen=True)
class EvidenceConfig:
    """How much is drawn and measured.

    seeds: drawings of each prompt, in `steps` denoising steps at `guidance` (None: the base's own).
    tiles: a picture is compared tile by tile, tiles x tiles of them, and the worst counts, so that a shared ground does not.
    reproduced_within: largest distance, 0 to 1, at which a work counts as reproduced and drawings count as agreeing.
    levels: noise levels at which a base's error on a work is taken; each work meets the same noise.
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


@dataclass(frozen=True)
class Nearest:
    """The drawing that comes nearest to one work: its distance, 0 to 1, its prompt and seed, and the picture."""

    distance: float
    prompt: str
    seed: int
    picture: Image.Image


@dataclass(frozen=True)
class Agreement:
    """How many of one prompt's drawings all agree with each other: the largest clique among `seeds` of them."""

    prompt: str
    clique: int
    seeds: int


@dataclass(frozen=True)
class Reproduction:
    """For each work and each control the drawing nearest to it; for each prompt how far its drawings agree."""

    works: tuple[Nearest, ...]
    controls: tuple[Nearest, ...]
    agreement: tuple[Agreement, ...]
    within: float

    def reproduced(self, found: Sequence[Nearest]) -> Rate:
        return Rate(sum(each.distance <= self.within for each in found), len(found))


@dataclass(frozen=True)
class Roc:
    """How well scores tell works from controls: the area, 0.5 for not at all, with its 95% interval.

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
    """Scores of works and of controls: by how many standard deviations the base's error is below the controls' mean.

    A control's own score leaves it out of the mean.
    """

    works: tuple[float, ...]
    controls: tuple[float, ...]
    roc: Roc


def find_reproductions(
    base: BaseModel,
    works: CaptionedPictures,
    controls: CaptionedPictures,
    prompts: Sequence[str],
    config: EvidenceConfig | None = None,
    on_step: OnStep | None = None,
) -> Reproduction:
    """Draw every prompt with many seeds and compare every drawing with every work and every control.

    Raises BadRequest for too few of anything.
    """
    config = config or EvidenceConfig()
    _require(works, controls)
    prompts = [prompt for prompt in dict.fromkeys(each.strip() for each in prompts) if prompt]
    if not prompts:
        raise BadRequest("expected at least one prompt to draw, found none")
    asked = [(prompt, seed) for prompt in prompts for seed in range(config.seeds)]
    drawings: list[Image.Image] = []
    for number, prompt in enumerate(prompts):

        def report(progress: Progress, done: int = number) -> None:
            if on_step is not None:
                steps = progress.steps
                on_step(done * steps + progress.step, len(prompts) * steps, "drawing", None)

        drawings += generate_each(
            base,
            [prompt] * config.seeds,
            seed=config.seed,
            steps=config.steps,
            guidance=config.guidance,
            on_progress=report,
        )
    drawn = picture_tiles(base, drawings, config.tiles)
    nearest = []
    for pictures in (works, controls):
        distances = tile_distances(picture_tiles(base, [image for image, _ in pictures], config.tiles), drawn)
        best = distances.argmin(axis=1)
        nearest.append(
            tuple(
                Nearest(float(distances[i, j]), asked[j][0], config.seed + asked[j][1], drawings[j])
                for i, j in enumerate(best)
            )
        )
    agreement = []
    for number, prompt in enumerate(prompts):
        own = drawn[number * config.seeds : (number + 1) * config.seeds]
        close = tile_distances(own, own) <= config.reproduced_within
        agreement.append(Agreement(prompt, largest_clique(close), config.seeds))
    return Reproduction(nearest[0], nearest[1], tuple(agreement), config.reproduced_within)


def find_membership(
    base: BaseModel,
    works: CaptionedPictures,
    controls: CaptionedPictures,
    config: EvidenceConfig | None = None,
    on_step: OnStep | None = None,
) -> Membership:
    """Compare the base's error on works with its error on controls, each under its own caption.

    What is compared is the logarithm of the error with the caption over the error without it: how much the caption helps
    is less a matter of how plain a picture is than the error itself. Raises BadRequest for too few of anything.
    """
    config = config or EvidenceConfig()
    _require(works, controls)
    errors = log_errors(base, [*works, *controls], config, on_step)
    gain = errors[:, 0] - errors[:, 1]
    return calibrated(gain[: len(works)], gain[len(works) :])


def calibrated(works: Array, controls: Array) -> Membership:
    """Turn what was measured of works (n,) and of controls (m,), low for what a base knows, into scores and their ROC."""
    scores = tuple(_score(each, controls) for each in works)
    left_out = tuple(_score(each, np.delete(controls, i)) for i, each in enumerate(controls))
    return Membership(scores, left_out, roc(scores, left_out))


def log_errors(
    base: BaseModel, pictures: CaptionedPictures, config: EvidenceConfig, on_step: OnStep | None = None
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

    It holds all areas that lie no further from the one found than 1.96 of their own standard errors, those of Hanley and McNeil (1982)
    as for equal numbers of works and controls. So it has a width also where all works score above all controls.
    """
    fewer = (works + controls) / 2 - 1

    def too_far(other: float) -> bool:
        shape = 1 + fewer * ((1 - other) / (2 - other) + other / (1 + other))
        variance = other * (1 - other) * shape / (works * controls)
        return (area - other) ** 2 > 1.959964**2 * variance

    def bound(end: float) -> float:
        """Halve the way from the area, which is in, to an end of the scale, which is out or the bound itself."""
        inside, outside = area, end
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if too_far(middle) else (middle, outside)
        return outside

    return bound(0.0), bound(1.0)


def tile_distances(first: Array, second: Array) -> Array:
    """Give the distances (n, m) of pictures as tiles, (n, tiles, values) and (m, tiles, values), values 0 to 1.

    The distance of two tiles is the root mean square difference of their values, that of two pictures their worst tile's.
    """
    worst = np.zeros((len(first), len(second)))
    for a, b in zip(first.swapaxes(0, 1), second.swapaxes(0, 1), strict=True):
        squares = (a**2).mean(1)[:, None] + (b**2).mean(1)[None] - 2 * (a @ b.T) / a.shape[1]
        worst = np.maximum(worst, squares)
    distances: Array = np.sqrt(np.maximum(worst, 0.0))
    return distances


def largest_clique(close: NDArray[np.bool_]) -> int:
    """Give the size of the largest set whose members are all close to each other, from a symmetric (n, n) matrix."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(close)))
    graph.add_edges_from((i, j) for i, j in itertools.combinations(range(len(close)), 2) if close[i, j])
    clique, _ = nx.max_weight_clique(graph, weight=None)
    return len(clique)


def picture_tiles(base: BaseModel, pictures: Sequence[Image.Image], tiles: int) -> Array:
    """Cut pictures at the base's size into tiles: (n, tiles x tiles, values), 0 to 1."""
    size = base.resolution
    if size % tiles:
        raise BadRequest(f"tiles {tiles}: expected a divisor of the base's {size} pixels")
    pixels = (pixels_of(base, pictures, flip=False) + 1) / 2
    cut = pixels.unfold(2, size // tiles, size // tiles).unfold(3, size // tiles, size // tiles)
    found: Array = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2).numpy().astype(np.float64)
    return found


def _score(value: float, controls: Array) -> float:
    return float((controls.mean() - value) / max(controls.std(ddof=1), 1e-12))


def _require(works: CaptionedPictures, controls: CaptionedPictures) -> None:
    if not works:
        raise BadRequest("expected at least one work, found none")
    if len(controls) < MIN_CONTROLS:
        raise BadRequest(
            f"expected at least {MIN_CONTROLS} controls, works that the base never saw, found {len(controls)}"
        )
