"""Number formats: bfloat16 for work whose result need not be exact, where the processor is quicker in it.

Having the instructions is not enough: some processors multiply in them at half the speed of float32. So it is timed.
"""

import time
from contextlib import AbstractContextManager
from functools import cache

import torch
from torch import Tensor

from plugins_engine.model.base import BaseCheckpoint

_WORTH_IT = 1.3  # times quicker: less would be lost in converting the numbers, and could be chance


def quick_precision(base: BaseCheckpoint) -> str | None:
    """Name the precision that is quicker than the base's own float32, as accelerate calls it; None: there is none."""
    on_processor = base.device.type == "cpu" and base.dtype == torch.float32
    return "bf16" if on_processor and bfloat16_is_quicker() else None


def quickly(base: BaseCheckpoint) -> AbstractContextManager[object]:
    """Compute in the quick precision within the context."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick_precision(base) is not None)


@cache
def bfloat16_is_quicker() -> bool:
    """Say whether bfloat16 is worth it: this processor multiplies matrices much quicker in it. Timed once a process."""
    if not torch.cpu.get_capabilities().get("avx512_bf16"):
        return False
    generator = torch.Generator().manual_seed(0)
    factors = torch.randn(1024, 512, generator=generator), torch.randn(512, 512, generator=generator)
    shortened = factors[0].bfloat16(), factors[1].bfloat16()
    pairs = [(_seconds(*factors), _seconds(*shortened)) for _ in range(9)][1:]
    exact, short = (min(times) for times in zip(*pairs, strict=True))
    return bool(exact > _WORTH_IT * short)


def _seconds(left: Tensor, right: Tensor) -> float:
    begun = time.perf_counter()
    torch.mm(left, right)
    return time.perf_counter() - begun
