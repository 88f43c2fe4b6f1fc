"""Reproduction: pictures of a base that come near to a work, and prompts whose pictures all agree."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plugins_engine.checkpoints import Checkpoints, checkpoint_of
from plugins_engine.errors import BadRequest
from plugins_engine.evidence.config import CaptionedPictures, EvidenceConfig, require_enough
from plugins_engine.evidence.tiles import picture_tiles, tile_distances
from plugins_engine.measure.metrics import Rate
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnStep, Progress


@dataclass(frozen=True)
class Nearest:
    """The drawn picture that comes nearest to one work.

    Args:
        distance: 0 to 1: root mean square difference of the worst tile.
        prompt: What was drawn.
        seed: What it was drawn from.
        picture: The picture itself.
    """

    distance: float
    prompt: str
    seed: int
    picture: Image.Image


@dataclass(frozen=True)
class Agreement:
    """How many of one prompt's pictures all agree with each other.

    Args:
        prompt: What was drawn.
        clique: The most pictures that are all within the distance of each other.
        seeds: How many were drawn.
    """

    prompt: str
    clique: int
    seeds: int


@dataclass(frozen=True)
class Reproduction:
    """What came near to works, what to controls, and how far the pictures of a prompt agree.

    Args:
        works: Of each work, the drawn picture nearest to it.
        controls: Of each control, the same.
        agreement: Of each prompt, how many of its pictures agree.
        within: The distance that counts as near.
    """

    works: tuple[Nearest, ...]
    controls: tuple[Nearest, ...]
    agreement: tuple[Agreement, ...]
    within: float

    def reproduced(self, found: Sequence[Nearest]) -> Rate:
        return Rate(sum(each.distance <= self.within for each in found), len(found))


def find_reproductions(
    base: BaseCheckpoint,
    works: CaptionedPictures,
    controls: CaptionedPictures,
    prompts: Sequence[str],
    config: EvidenceConfig | None = None,
    on_step: OnStep | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> Reproduction:
    """Draw every prompt with many seeds, and compare every picture with every work and every control.

    Raises BadRequest for too few of anything.

    Args:
        base: What is measured, as it is: lay a release's eraser over it first (`applied`) to measure the release.
        works: Pictures that the base may have learned from, each with its caption; at least one.
        controls: Comparable pictures that it never saw, each with its caption; at least eight.
        prompts: What to draw; each once, without the empty ones.
        config: How much is drawn; None: the defaults.
        on_step: Told of every denoising step: step, steps, what is being done, None. What it raises stops the work.
        checkpoints: Where each prompt's pictures are kept, so that the same call does not draw them again; None: nowhere.
    """
    config = config or EvidenceConfig()
    require_enough(works, controls)
    prompts = [prompt for prompt in dict.fromkeys(each.strip() for each in prompts) if prompt]
    if not prompts:
        raise BadRequest("expected at least one prompt to draw, found none")
    asked = [(prompt, seed) for prompt in prompts for seed in range(config.seeds)]
    checkpoint = checkpoint_of(
        checkpoints, "reproduction", lambda: {"base": base.state, "prompts": prompts, "config": config}
    )
    drawings: list[Image.Image] = []
    for number, prompt in enumerate(prompts):
        if (kept := checkpoint.pictures(str(number))) is not None:
            drawings += kept
            continue

        def report(progress: Progress, done: int = number) -> None:
            if on_step is not None:
                steps = progress.steps
                on_step(done * steps + progress.step, len(prompts) * steps, "drawing", None)

        own = generate_each(
            base,
            [prompt] * config.seeds,
            seed=config.seed,
            steps=config.steps,
            guidance=config.guidance,
            on_progress=report,
        )
        checkpoint.keep_pictures(str(number), own)
        drawings += own
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
        tiles = drawn[number * config.seeds : (number + 1) * config.seeds]
        close = tile_distances(tiles, tiles) <= config.reproduced_within
        agreement.append(Agreement(prompt, largest_clique(close), config.seeds))
    return Reproduction(nearest[0], nearest[1], tuple(agreement), config.reproduced_within)


def largest_clique(close: NDArray[np.bool_]) -> int:
    """Give the size of the largest set whose members are all close to each other, from a symmetric (n, n) matrix."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(close)))
    graph.add_edges_from((i, j) for i, j in itertools.combinations(range(len(close)), 2) if close[i, j])
    clique, _ = nx.max_weight_clique(graph, weight=None)
    return len(clique)
