"""A recovery attack: learn a word that brings an erased concept back, from a few of its pictures.

Textual inversion (Gal et al. 2022, arXiv 2208.01618), as attackers of erased models use it (Pham et al. 2023,
arXiv 2308.01508): one new token vector is trained on the noise-prediction loss, everything else stays. What it brings back
was suppressed, not removed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import noised_batch, pixels_of
from plugins_engine.model.branches import applied
from plugins_engine.model.sampler import generate_each

# Stands for the learned word in prompts. Every CLIP vocabulary has the star as one token, but for "*," it has another: the
# blanks keep it a word of its own.
PLACEHOLDER = " * "


class LearnedWord:
    """A token vector for each text encoder, read wherever a prompt has the placeholder."""

    def __init__(self, base: BaseCheckpoint, like: str) -> None:
        self._base = base
        self._tokens = {each: reader.token_ids(PLACEHOLDER)[0] for each, reader in base.readers.items()}
        self.vectors: dict[str, Tensor] = {}
        for component, reader in base.readers.items():
            ids = torch.tensor(reader.token_ids(like))
            table = reader.vectors
            self.vectors[component] = table[ids.to(table.device)].float().mean(0).clone().requires_grad_()

    def require_in(self, prompts: Sequence[str]) -> None:
        """Raise ValueError for a prompt without the placeholder's token: no gradient would ever reach the word."""
        for component, token in self._tokens.items():
            reader = self._base.readers[component]
            for prompt in prompts:
                if token not in reader.token_ids(prompt):
                    raise ValueError(f'expected "{PLACEHOLDER}" as a word of its own in "{prompt}"')

    @contextmanager
    def read(self) -> Iterator[None]:
        """Within the context, the base's text encoders read the vectors in place of the placeholder's."""
        handles = [
            reader.table.register_forward_hook(self._hook(self._tokens[component], self.vectors[component]))
            for component, reader in self._base.readers.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @staticmethod
    def _hook(token: int, vector: Tensor) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
        def replace(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
            return torch.where((inputs[0] == token)[..., None], vector.to(output.dtype), output)

        return replace


def learn_word(
    base: BaseCheckpoint,
    pictures: Sequence[Image.Image],
    prompts: Sequence[str],
    like: str,
    plugins: Sequence[tuple[Adapter, float]] = (),
    *,
    steps: int = 100,
    batch: int = 8,
    rate: float = 0.2,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> LearnedWord:
    """Learn a word from pictures, one prompt with the placeholder each, on the base with plug-ins laid over it.

    The word starts from the mean vector of the words `like`. `rate` is Adam's, as a share of the token table's usual entry.
    Raises ValueError for a prompt in which the placeholder is not read.
    """
    word = LearnedWord(base, like)
    word.require_in(prompts)
    latents = base.encode_pixels(pixels_of(base, list(pictures), flip=False))
    groups = [
        {"params": [vector], "lr": rate * float(base.readers[component].vectors.float().std())}
        for component, vector in word.vectors.items()
    ]
    optimizer = torch.optim.Adam(groups)
    with applied(base, plugins), word.read(), torch.enable_grad():
        for step in range(steps):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            chosen = torch.randint(len(latents), (batch,), generator=generator)
            text = base.encode_prompt([prompts[i] for i in chosen.tolist()])
            one = noised_batch(base, latents[chosen], text, 5.0, generator)
            output = base.predict(one.noisy, one.time, text)
            error = F.mse_loss(output.float(), one.target.float(), reduction="none").mean((1, 2, 3))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward((error * one.weight).mean())
            optimizer.step()
            if on_step is not None:
                on_step(step + 1, steps)
    for vector in word.vectors.values():
        vector.requires_grad_(False)
    return word


def draw_with_word(
    base: BaseCheckpoint,
    word: LearnedWord,
    prompts: Sequence[str],
    plugins: Sequence[tuple[Adapter, float]] = (),
    *,
    seed: int = 0,
    steps: int = 25,
) -> list[Image.Image]:
    """Draw prompts in which the placeholder is read as the learned word. Raises ValueError for a prompt without it."""
    word.require_in(prompts)
    with word.read():
        return generate_each(base, prompts, seed=seed, steps=steps, plugins=plugins)
