"""What a base does on other prompts: kept while it draws them, so that a plug-in can be held to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from plugins_engine.checkpoints import Checkpoint
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import Batch
from plugins_engine.model.text_encoding import PromptEmbedding

_BATCH, _BATCH_PIXELS = 32, 1024 * 1024  # pictures drawn at once, and the pixels that they may have together


@dataclass(frozen=True)
class PriorBank:
    """Noisy latents (n, c, h, w), their times (n,), the base's own predictions, and which text each was drawn from."""

    noisy: Tensor
    time: Tensor
    predicted: Tensor
    text: PromptEmbedding
    which: Tensor  # (n,) rows of `text`
    prompts: tuple[str, ...]  # what the rows of `text` were encoded from

    @classmethod
    def restored(cls, state: Mapping[str, Any], device: torch.device) -> "PriorBank":
        """Give the bank that has this `state`."""
        noisy, time, predicted, tokens = (
            state[name].to(device) for name in ("noisy", "time", "predicted", "tokens")
        )
        pooled = None if state["pooled"] is None else state["pooled"].to(device)
        text = PromptEmbedding(tokens, pooled, state["lengths"])
        return cls(noisy, time, predicted, text, state["which"], tuple(state["prompts"]))

    def state(self) -> dict[str, Any]:
        """Give it as a part of a checkpoint."""
        return {
            "noisy": self.noisy,
            "time": self.time,
            "predicted": self.predicted,
            "tokens": self.text.tokens,
            "pooled": self.text.pooled,
            "lengths": self.text.lengths,
            "which": self.which,
            "prompts": list(self.prompts),
        }

    @torch.no_grad()
    def read_as(self, base: BaseCheckpoint, prompts: Sequence[str]) -> "PriorBank":
        """Give the same latents and predictions, read from other prompts, or from the same by another reading."""
        return replace(self, text=base.encode_prompt(prompts), prompts=tuple(prompts))

    def draw(self, count: int, weight: float, generator: torch.Generator) -> Batch:
        """Draw some at random, evenly over the denoising."""
        chosen = torch.randint(len(self.which), (count,), generator=generator)
        return Batch(
            self.noisy[chosen],
            self.time[chosen],
            self.text.rows(self.which[chosen]),
            self.predicted[chosen],
            torch.full((count,), weight).to(self.noisy),
            tuple(self.prompts[i] for i in self.which[chosen].tolist()),
        )


def kept_bank(
    base: BaseCheckpoint, checkpoint: Checkpoint, part: str, gather: Callable[[], PriorBank]
) -> PriorBank:
    """Give a bank that an earlier attempt gathered, or gather it and keep it."""
    kept = checkpoint.read(part)
    if kept is not None:
        return PriorBank.restored(kept, base.device)
    bank = gather()
    checkpoint.write(part, bank.state())
    return bank


@torch.no_grad()
def gather_prior(
    base: BaseCheckpoint,
    prompts: Sequence[str],
    steps: int,
    seed: int,
    on_step: Callable[[int, int], None],
    guidance: float | None = None,
) -> PriorBank:
    """Draw each prompt once in a few steps and keep every latent passed through with the base's predictions.

    Both of guidance's predictions are kept: of the prompt, and, one in four, of the empty prompt.
    """
    read = (*prompts, "")
    text = base.encode_prompt(read)
    empty = len(prompts)
    noisy, time, predicted, which = [], [], [], []
    for index, rows, x, t, (with_prompt, without) in _drawing(
        base, text, empty, [], steps, seed, base.guidance(guidance), on_step
    ):
        some = torch.arange(len(rows))[index % 4 :: 4]
        noisy += [x, x[some]]
        predicted += [with_prompt, without[some]]
        which += [rows, torch.full((len(some),), empty)]
        time.append(t.expand(len(rows) + len(some)))
    return PriorBank(torch.cat(noisy), torch.cat(time), torch.cat(predicted), text, torch.cat(which), read)


@torch.no_grad()
def gather_lessons(
    base: BaseCheckpoint,
    prompts: Sequence[str],
    others: Sequence[str],
    steps: int,
    seed: int,
    on_step: Callable[[int, int], None],
    guidance: float | None = None,
) -> tuple[PriorBank, PriorBank]:
    """Draw each prompt once and keep what the base predicts for it, and for its other prompt, on the same latents.

    Both banks have the same noisy latents in the same order, and the text `prompts`. They are what the base does, and
    what a plug-in shall make of it.
    """
    text = base.encode_prompt([*prompts, "", *others])
    empty = len(prompts)
    own = text.rows(slice(empty))
    noisy, time, predicted, wanted, which = [], [], [], [], []
    drawing = _drawing(base, text, empty, [empty + 1], steps, seed, base.guidance(guidance), on_step)
    for _, rows, x, t, (with_prompt, _, other) in drawing:
        noisy.append(x)
        predicted.append(with_prompt)
        wanted.append(other)
        which.append(rows)
        time.append(t.expand(len(rows)))
    kept = torch.cat(noisy), torch.cat(time)
    return (
        PriorBank(*kept, torch.cat(predicted), own, torch.cat(which), tuple(prompts)),
        PriorBank(*kept, torch.cat(wanted), own, torch.cat(which), tuple(prompts)),
    )


def _drawing(
    base: BaseCheckpoint,
    text: PromptEmbedding,
    empty: int,
    beside: Sequence[int],
    steps: int,
    seed: int,
    guidance: float,
    on_step: Callable[[int, int], None],
) -> Iterator[tuple[int, Tensor, Tensor, Tensor, list[Tensor]]]:
    """Draw the first `empty` prompts of `text` in batches, and tell for every step what the base predicts.

    Yields the step's index, the rows (n,) of the text drawn, the noisy latents (n, c, h, w), the time, and the predictions.
    These are for the prompt, for the empty one, and for the row that lies each of `beside` further on.
    """
    size = base.resolution // base.pixels_per_latent
    batch = max(1, min(_BATCH, _BATCH_PIXELS // base.resolution**2))
    groups = [range(first, min(first + batch, empty)) for first in range(0, empty, batch)]
    for number, group in enumerate(groups):
        own = torch.tensor([*group])
        read = text.rows(torch.cat([own, torch.full_like(own, empty), *(own + offset for offset in beside)]))
        shape = (len(group), base.channels, size, size)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed * 1_000_003 + number)).to(
            base.device, base.dtype
        )
        way = base.steps(base.schedule.steady, steps, size, size)
        x = way.begin(noise)
        for index, t in enumerate(way.times):
            given = way.given(x, t)
            output = base.predict(given.repeat(2 + len(beside), 1, 1, 1), t, read, guidance=guidance).to(
                given.dtype
            )
            predictions = list(output.chunk(2 + len(beside)))
            yield index, own, given, t, predictions
            with_prompt, without = predictions[:2]
            steered = without + guidance * (with_prompt - without) if base.is_steered else with_prompt
            x = way.step(steered, t, x)
            on_step(number * steps + index + 1, len(groups) * steps)
