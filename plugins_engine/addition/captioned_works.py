"""What addition learns from: works as latents, captions that call the concept, batches of both with noise."""

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image

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

    `flip` adds every work mirrored. `batch` is the number of works in a batch; `seed` fixes all that is drawn. `order` has the works
    that come before any comes again: with it, batches go on where others of the same works stopped.
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
        min_snr: float,
        seed: int,
    ) -> None:
        self._base, self._name, self._kind = base, name, kind
        self._size, self._min_snr, self._seed = batch, min_snr, seed
        self._latents = base.encode_pixels(pixels_of(base, [image for image, _ in works], flip))
        self.captions = [training_prompt(caption, name, kind) for _, caption in works] * (2 if flip else 1)
        self._texts = _Texts(base)
        self.order: list[int] = []

    def batch(self, number: int) -> Batch:
        """Give batch `number`; every work comes once before any comes again."""
        seed = self._seed * 1_000_003 + number
        generator, rng = torch.Generator().manual_seed(seed), random.Random(seed)
        while len(self.order) < self._size:
            self.order += torch.randperm(len(self._latents), generator=generator).tolist()
        chosen, self.order = self.order[: self._size], self.order[self._size :]
        prompts = tuple(_vary(self.captions[i], self._name, self._kind, rng) for i in chosen)
        batch = noised_batch(
            self._base, self._latents[chosen], self._texts(prompts), self._min_snr, generator
        )
        return replace(batch, prompts=prompts)


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
