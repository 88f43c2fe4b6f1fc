"""Whether a plug-in gives its own works back: pictures of their captions, compared with them as evidence compares.

A plug-in of few works may learn one by heart, and then gives it to whoever asks by its caption. The test is that of
"Extracting training data from diffusion models" (Carlini et al. 2023, arXiv 2301.13188, section 4.2): draw
with several seeds, and compare tile by tile. Where a picture comes near, the plain base draws the same prompt too. A thing
that is always drawn alike comes near to a work that was never learned.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.errors import require_positive, require_whole
from plugins_engine.evidence.tiles import picture_tiles, tile_distances
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import Weighted
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnProgress

GIVEN_BACK = "plugin.given_back"  # metadata of a plug-in's file


@dataclass(frozen=True)
class VerbatimConfig:
    """How many works are looked for, with how many pictures each, and how near counts as given back.

    Args:
        works: Works that are looked for, at even distances among all. The time grows with their number; 16 are few beside a
            training.
        seeds: Pictures drawn of each work's prompt, every one with a seed of its own. What is known by heart comes from any
            seed, so two are enough.
        steps: Denoising steps of each of these. Fewer than a picture for a person takes: what is drawn shows early.
        tiles: Tiles in each direction that pictures are compared by. The worst tile counts, so a ground that they share does
            not.
        within: Largest distance, 0 to 1, at which a work counts as given back: the one of `EvidenceConfig.reproduced_within`.
        seed: Of the first picture; the others follow it.
    """

    works: int = 16
    seeds: int = 2
    steps: int = 15
    tiles: int = 4
    within: float = 0.1
    seed: int = 77

    def __post_init__(self) -> None:
        require_whole("works", self.works, 1, 10_000)
        require_whole("seeds", self.seeds, 1, 1000)
        require_whole("steps", self.steps, 1, 999)
        require_whole("tiles", self.tiles, 1, 64)
        require_positive("within", self.within, at_most=1)


@dataclass(frozen=True)
class GivenBack:
    """How near pictures drawn with a plug-in come to its own works.

    Args:
        looked_at: Which works were looked for, by their place among all of them.
        distances: Of each of these, the distance 0 to 1 of the picture nearest to it.
        without: Of each, the plain base's distance if the plug-in came near; else None.
        seeds: Pictures drawn of each work's prompt.
        within: Largest distance that counts as given back.
    """

    looked_at: tuple[int, ...]
    distances: tuple[float, ...]
    without: tuple[float | None, ...]
    seeds: int
    within: float

    @property
    def works(self) -> tuple[int, ...]:
        """Give the works that the plug-in gives back and the plain base does not."""
        return tuple(
            work
            for work, near, plain in zip(self.looked_at, self.distances, self.without, strict=True)
            if plain is not None and near <= self.within < plain
        )

    @property
    def figures(self) -> dict[str, object]:
        """Say it for programs; the file and the market keep this."""
        return {
            "works": list(self.works),
            "looked_at": len(self.looked_at),
            "seeds": self.seeds,
            "within": self.within,
            "nearest": round(min(self.distances), 4),
        }

    @property
    def metadata(self) -> dict[str, str]:
        """Give what a plug-in's file says of it."""
        return {GIVEN_BACK: json.dumps(self.figures)}


def find_given_back(
    base: BaseCheckpoint,
    adapter: Adapter,
    works: Sequence[tuple[Image.Image, str]],
    config: VerbatimConfig | None = None,
    on_progress: OnProgress | None = None,
) -> GivenBack:
    """Draw works' prompts with a plug-in, and compare every picture with every work that is looked for.

    Args:
        base: What the plug-in is for.
        adapter: The plug-in, drawn with at weight 1.
        works: Pictures with the prompts that call them.
        config: How much is drawn; None: the defaults.
        on_progress: Called after every denoising step. What it raises stops the work.
    """
    config = config or VerbatimConfig()
    count = min(config.works, len(works))
    looked_at = [i * len(works) // count for i in range(count)]
    distances = _nearest(base, [works[i] for i in looked_at], [(adapter, 1.0)], config, on_progress)
    near = [place for place, distance in enumerate(distances) if distance <= config.within]
    plain = dict.fromkeys(range(count))
    if near:
        own = [works[looked_at[place]] for place in near]
        plain |= dict(zip(near, _nearest(base, own, [], config, on_progress), strict=True))
    return GivenBack(tuple(looked_at), tuple(distances), tuple(plain.values()), config.seeds, config.within)


def _nearest(
    base: BaseCheckpoint,
    works: Sequence[tuple[Image.Image, str]],
    plugins: Sequence[Weighted],
    config: VerbatimConfig,
    on_progress: OnProgress | None,
) -> list[float]:
    """Draw every work's prompt with several seeds, and give each work's distance to the picture nearest to it."""
    prompts = [prompt for _, prompt in works for _ in range(config.seeds)]
    drawn = generate_each(
        base, prompts, seed=config.seed, steps=config.steps, plugins=plugins, on_progress=on_progress
    )
    own = picture_tiles(base, [image for image, _ in works], config.tiles)
    found = tile_distances(own, picture_tiles(base, drawn, config.tiles)).min(axis=1)
    return [float(each) for each in found]
