"""The loop that trains a base: a level rate that falls at the end, averaged weights, checkpoints."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoint
from training.muon import muon_and_adamw, set_rate
from training.progress import ProgressLine

COOLDOWN = 0.3  # the rate is level, then falls to nothing over this last share of the steps
LEARNING_RATE = 2e-3
AVERAGE = 0.998
KEPT_EVERY = 50  # steps


def fit(
    path: Path,
    module: nn.Module,
    loss_of: Callable[[int], Tensor],
    steps: int,
    *,
    ends: Sequence[str],
    until: int | None = None,
) -> None:
    """Train a module, or go on from its checkpoint, on a schedule of ``steps`` steps; stop early at ``until``.

    loss_of: gives a step's loss. ends: parameters where the module meets the world (`muon_and_adamw`).
    """
    parameters = list(module.parameters())
    device = parameters[0].device
    optimizers = muon_and_adamw(module, LEARNING_RATE, ends)
    average = checkpoint.Ema(module, AVERAGE)
    start = 0
    if state := checkpoint.load(path):
        module.load_state_dict(state["model"])
        for optimizer, held in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(held)
        average.values = [value.to(device) for value in state["average"]]
        start = state["step"]
    module.train()
    level = int(steps * (1 - COOLDOWN))
    line = ProgressLine(path.stem, steps, start)
    for step in range(start, min(steps, until or steps)):
        warmth = (step - start + 1) / (20 if start else 100)
        rate = LEARNING_RATE * min(1.0, warmth, (steps - step) / max(steps - level, 1))
        set_rate(optimizers, rate)
        loss = loss_of(step)
        module.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        average.update(module, step)
        line.update(step + 1, loss=loss.item(), rate=rate)
        if (step + 1) % KEPT_EVERY == 0 or step + 1 == steps:
            checkpoint.save(
                path,
                {
                    "model": module.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "average": average.values,
                    "step": step + 1,
                },
            )
    line.close()


def load_averaged(path: Path, module: nn.Module) -> nn.Module:
    """Load the averaged weights of a checkpoint into a module, frozen.

    Raises: FileNotFoundError when there is none.
    """
    state = checkpoint.load(path)
    if state is None:
        raise FileNotFoundError(f"no {path}: run `python -m training {path.stem}` first")
    module.load_state_dict(state["model"])
    for parameter, value in zip(module.parameters(), state["average"], strict=True):
        parameter.data.copy_(value)
    return module.eval().requires_grad_(False)
