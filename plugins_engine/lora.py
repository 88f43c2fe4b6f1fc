"""Train low-rank factors on a base's UNet, with peft's layers and accelerate's devices."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import LoraConfig, LoraModel
from torch import Tensor

from plugins_engine import delta
from plugins_engine.base import BaseModel
from plugins_engine.delta import LowRank
from plugins_engine.errors import BrokenPicture
from plugins_engine.precision import quick_precision
from plugins_engine.priors import Batch

_PRECISION = {torch.float16: "fp16", torch.bfloat16: "bf16"}
_WARM_UP = 10  # steps


def accelerator_for(base: BaseModel, mixed_precision: str | None = None) -> Accelerator:
    """Make the accelerator for a base's device; the precision is the base's own unless another is named."""
    precision = mixed_precision or _PRECISION.get(base.dtype, "no")
    # Accelerate keeps the first precision of a process for good and refuses any other; a worker serves several bases.
    AcceleratorState._reset_state()  # noqa: SLF001  # there is no public way
    return Accelerator(cpu=base.device.type == "cpu", mixed_precision=precision)


def quick_accelerator(base: BaseModel) -> Accelerator:
    """Make the accelerator for training whose result need not be exact."""
    return accelerator_for(base, quick_precision(base))


class TrainableLora:
    """Low-rank factors in a UNet, with their optimiser. Made, and taken out again, by `trainable`."""

    def __init__(
        self, base: BaseModel, lora: LoraModel, accelerator: Accelerator, learning_rate: float, steps: int
    ) -> None:
        self._base, self._lora, self._accelerator = base, lora, accelerator
        self._learning_rate, self._steps, self._done = learning_rate, steps, 0
        self._parameters = [p for p in lora.parameters() if p.requires_grad]
        self._optimizer = accelerator.prepare(
            torch.optim.AdamW(self._parameters, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.99))
        )
        self._unet = accelerator.prepare_model(base.unet) if accelerator.num_processes > 1 else base.unet

    def predict(self, batch: Batch) -> Tensor:
        """Give what the UNet predicts with the factors, (n, c, h, w)."""
        size = self._base.resolution
        conditions = self._base.added_conditions(batch.text.pooled, size, size)
        with self._accelerator.autocast():
            output: Tensor = self._unet(
                batch.noisy, batch.time, encoder_hidden_states=batch.text.tokens, added_cond_kwargs=conditions
            ).sample
        return output

    def step(self, batch: Batch, count: int) -> Tensor:
        """Take a step on the batch's weighted squared errors, summed and divided by `count`; give the errors (n,).

        The rate warms up, then falls to nothing on a cosine over the steps that `trainable` was told of. Raises
        BrokenPicture when the numbers overflow.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate * _rate(self._done, self._steps)
        self._done += 1
        output = self.predict(batch)
        error = F.mse_loss(output.float(), batch.target.float(), reduction="none").mean((1, 2, 3))
        self._optimizer.zero_grad(set_to_none=True)
        self._accelerator.backward((error * batch.weight).sum() / count)
        self._accelerator.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        if not torch.isfinite(error).all():
            raise BrokenPicture("training overflowed: lower the learning rate, or train in float32")
        return error.detach()

    def factors(self) -> dict[str, LowRank]:
        """Give every layer's (B, A), alpha / rank folded into B; layers that were never moved from zero too."""
        layers: dict[str, LowRank] = {}
        for name, module in self._layers():
            up, down = module.lora_B["default"].weight, module.lora_A["default"].weight
            scale = float(module.scaling["default"])
            layers[name] = (
                up.detach().flatten(1).float().cpu() * scale,
                down.detach().flatten(1).float().cpu(),
            )
        return layers

    @torch.no_grad()
    def set_factors(self, layers: Mapping[str, LowRank]) -> None:
        """Start the named layers from given deltas of at most the factors' rank; what is left of the rank stays as it was.

        The columns of B beyond the given ones are zero, so that the layer's delta is the given one exactly.
        """
        for name, module in self._layers():
            if name not in layers:
                continue
            up, down = layers[name]
            new, old = module.lora_B["default"].weight, module.lora_A["default"].weight
            rank = delta.rank((up, down))
            if rank > old.shape[0]:
                raise ValueError(f"{name}: expected a rank of at most {old.shape[0]}, found {rank}")
            new.zero_()
            new.flatten(1)[:, :rank] = up.to(new) / float(module.scaling["default"])
            old.flatten(1)[:rank] = down.to(old)

    def _layers(self) -> Iterator[tuple[str, Any]]:
        for name, module in self._lora.model.named_modules():
            if hasattr(module, "lora_A") and "default" in module.lora_A:
                yield name, module


@contextmanager
def trainable(
    base: BaseModel,
    layers: Sequence[str],
    *,
    rank: int,
    learning_rate: float,
    steps: int,
    seed: int,
    accelerator: Accelerator | None = None,
) -> Iterator[TrainableLora]:
    """Lay fresh factors of zero effect into a base's layers; afterwards the base is as it was, whatever was raised."""
    torch.manual_seed(seed)  # the factors' initial values
    lora = LoraModel(
        base.unet, {"default": LoraConfig(r=rank, lora_alpha=rank, target_modules=list(layers))}, "default"
    )
    try:
        yield TrainableLora(base, lora, accelerator or accelerator_for(base), learning_rate, steps)
    finally:
        lora.unload()
        base.unet.requires_grad_(False).eval()


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))
