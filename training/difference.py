"""Trained weights as a difference to earlier ones, in four bits: a quarter of their size in half precision.

The committed weights of a training are large, and every version stays in the history. What they gained since the last
version is kept in blocks of 64 numbers: a number is one of 15 steps of its block's largest. That loses about a hundredth of
the difference's energy, less than a few steps of training change.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

BLOCK = 64
_MOST = 7  # steps either way


def packed(after: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give, of each tensor, ``name.steps`` (two to a byte) and ``name.scales`` (one to a block, float16).

    Raises: ValueError when the two do not hold the same tensors.
    """
    if {name: value.shape for name, value in after.items()} != {n: v.shape for n, v in before.items()}:
        raise ValueError(
            "the weights do not have the same tensors of the same shapes: there is no difference to keep"
        )
    held: dict[str, Tensor] = {}
    for name, value in after.items():
        flat = (value.float() - before[name].float()).flatten()
        blocks = torch.nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
        scales = (blocks.abs().amax(1, keepdim=True) / _MOST).half()
        exact = scales.float().clamp(min=torch.finfo(torch.float16).tiny)
        steps = (blocks / exact).round().clamp(-_MOST, _MOST).add(_MOST).to(torch.uint8).view(-1, 2)
        held[f"{name}.steps"] = (steps[:, 0] * 16 + steps[:, 1]).contiguous()
        held[f"{name}.scales"] = scales.flatten().contiguous()
    return held


def added(before: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add a packed difference to the weights it was made against. Gives float32 tensors.

    Raises: KeyError when the difference lacks one of them.
    """
    after: dict[str, Tensor] = {}
    for name, value in before.items():
        pairs = held[f"{name}.steps"]
        steps = torch.stack([pairs // 16, pairs % 16], dim=1).float().sub_(_MOST).view(-1, BLOCK)
        difference = (steps * held[f"{name}.scales"].float()[:, None]).flatten()[: value.numel()]
        after[name] = value.float() + difference.view(value.shape)
    return after
