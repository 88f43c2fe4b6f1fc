"""Number formats: bfloat16 for work whose result need not be exact, where the processor multiplies in it."""

from contextlib import AbstractContextManager

import torch

from plugins_engine.base import BaseModel


def quick_precision(base: BaseModel) -> str | None:
    """Name the precision that is quicker than the base's own float32, as accelerate calls it; None: there is none."""
    quicker = (
        base.device.type == "cpu"
        and base.dtype == torch.float32
        and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    )
    return "bf16" if quicker else None


def quickly(base: BaseModel) -> AbstractContextManager[object]:
    """Compute in the quick precision within the context."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick_precision(base) is not None)
