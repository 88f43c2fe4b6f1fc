"""What addition learns from: works as latents, captions that call the concept, batches of both with noise."""

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from plugins_engine.addition.buckets import Shape, bucket_for, buckets_of
from plugins_engine.concepts import calls, styled, trigger_phrase, without_article
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import Batch, noised_batch, pixels_of
from plugins_engine.model.text_encoding import PromptEmbedding


def training_prompt(caption: str, name: str, kind: str) -> str:
    """Join a work's caption and the concept's name: "a rose" → "a rose, FxEmoji style".

    A caption that has the name in it already is taken as it is.
    """
    caption = caption.strip().rstrip(".,")
    if calls(name, caption):
        return caption
    if not caption:
        return trigger_phrase(name, kind)
    return styled(caption, name) if kind == "style" else f"{name}, {caption}"


class CaptionedWorks:
    """Works and captions of one concept, drawn as batches of noisy latents with their prompts and targets.

    `flip` adds every work mirrored. With `buckets` works keep about their own proportions, and a batch has works of one shape. `batch` is
    the number of works in a batch; `seed` fixes all that is drawn. `order` has the works whose turns are next: with it, batches go on
    where others of the same works stopped.
    """

    def __init__(
        self,
        base: BaseCheckpoint,
        works: Sequence[tuple[Image.Image, str]],
        name: str,
        kind: str,
        *,
        batch: int,
        flip: bool,
        buckets: bool,
        min_snr: float,
        seed: int,
    ) -> None:
        self._base, self._name, self._kind = base, name, kind
        self._size, self._min_snr, self._seed = batch, min_snr, seed
        own = (base.resolution, base.resolution)
        shapes = buckets_of(base) if buckets else [own]
        self._latents = _encoded(base, [(image, bucket_for(image, shapes)) for image, _ in works], flip)
        self.captions = [training_prompt(caption, name, kind) for _, caption in works] * (2 if flip else 1)
        self._texts = _Texts(base)
        self.order: list[int] = []

    def batch(self, number: int) -> Batch:
        """Give batch `number`; every work comes as often as any other."""
        seed = self._seed * 1_000_003 + number
        generator, rng = torch.Generator().manual_seed(seed), random.Random(seed)
        chosen = self._next(generator)
        prompts = tuple(_vary(self.captions[i], self._name, self._kind, rng) for i in chosen)
        batch = noised_batch(
            self._base,
            torch.stack([self._latents[i] for i in chosen]),
            self._texts(prompts),
            self._min_snr,
            generator,
        )
        return replace(batch, prompts=prompts)

    def _next(self, generator: torch.Generator) -> list[int]:
        """Take the next works of one shape out of the order: the shape of the one whose turn it is."""
        places: list[int] = []
        while len(places) < self._size:
            if not self.order or places:
                self.order += torch.randperm(len(self._latents), generator=generator).tolist()
            shape = self._latents[self.order[0]].shape
            places = [place for place, i in enumerate(self.order) if self._latents[i].shape == shape]
        taken = dict.fromkeys(places[: self._size])
        chosen = [self.order[place] for place in taken]
        self.order = [i for place, i in enumerate(self.order) if place not in taken]
        return chosen


def _encoded(base: BaseCheckpoint, works: Sequence[tuple[Image.Image, Shape]], flip: bool) -> list[Tensor]:
    """Give each work's latents (c, h, w) in its shape; with `flip` those of the mirrored works follow."""
    found: dict[int, Tensor] = {}
    for shape in dict.fromkeys(shape for _, shape in works):
        places = [i for i, (_, each) in enumerate(works) if each == shape]
        places += [i + len(works) for i in places] if flip else []
        pixels = pixels_of(base, [image for image, each in works if each == shape], flip, shape)
        found |= dict(zip(places, base.encode_pixels(pixels), strict=True))
    return [found[i] for i in range(len(found))]


def _vary(prompt: str, name: str, kind: str, rng: random.Random) -> str:
    """Word a prompt otherwise at times, so that the name works alone and with or without an article."""
    draw = rng.random()
    if draw < 0.1:
        return trigger_phrase(name, kind)
    if draw < 0.3:
        return without_article(prompt)
    return prompt


class _Texts:
    """Embeddings of prompts, each encoded once. Training that changes how prompts are read encodes them again."""

    def __init__(self, base: BaseCheckpoint) -> None:
        self._base = base
        self._known: dict[str, PromptEmbedding] = {}

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str]) -> PromptEmbedding:
        for prompt in prompts:
            if prompt not in self._known:
                # Each by itself: what stands beside a prompt in a batch changes its last bits, and that depends on what came before.
                self._known[prompt] = self._base.encode_prompt([prompt])
        return PromptEmbedding.joined([self._known[prompt] for prompt in prompts])
