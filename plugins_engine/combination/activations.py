"""What a base's layers are fed while it draws: second moments of their inputs, and samples of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.concepts import in_turn
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import generate_each


@dataclass
class LayerInputs:
    """The inputs X (in, n) that one or several layers were fed together.

    gram: X Xᵀ / n, (in, in), float64. rows: some of the inputs, at most as many as asked for, (m, in), float32.
    """

    gram: Tensor
    count: int = 0
    rows: Tensor = field(default_factory=lambda: torch.empty(0))


def gather_inputs(
    base: BaseCheckpoint,
    layers: Sequence[str],
    prompts: Sequence[str],
    plugins: Sequence[tuple[Adapter, float]] = (),
    *,
    pictures: int,
    steps: int,
    seed: int,
    guidance: float | None = None,
    rows: int = 0,
    on_picture: Callable[[int], None] | None = None,
) -> dict[str, LayerInputs]:
    """Draw `pictures` pictures of the prompts in turn, with the plug-ins, and keep what each layer was fed.

    Every denoising step counts, of the prompt and of guidance's empty one alike, as a base goes through both when it
    draws. Layers that are fed the same tensor (q, k and v of a self-attention; every k and v that reads the text)
    share one LayerInputs.
    """
    gathering = _Gathering(base, layers, rows, seed)
    wanted = in_turn(prompts, pictures)
    batch = 16
    with gathering.hooked():
        for first in range(0, pictures, batch):
            some = wanted[first : first + batch]
            generate_each(
                base, some, seed=seed + first, steps=steps, guidance=guidance, plugins=plugins, batch=batch
            )
            if on_picture is not None:
                on_picture(min(first + batch, pictures))
    return gathering.finished()


class _Gathering:
    """Hooks on layers that sum up the outer products of their inputs."""

    def __init__(self, base: BaseCheckpoint, layers: Sequence[str], rows: int, seed: int) -> None:
        self._base, self._layers, self._rows = base, list(layers), rows
        self._generator = torch.Generator().manual_seed(seed)
        # layer → the layer under whose name their inputs are kept
        readers = [layer for layer in base.reading_layers if layer in set(layers)]
        self._group_of = dict.fromkeys(readers, readers[0] if readers else "")
        self._held: dict[str, LayerInputs] = {}
        # The tensor last seen and its group: kept alive, so that identity means the same tensor.
        self._last: tuple[Tensor, str] | None = None

    @contextmanager
    def hooked(self) -> Iterator[None]:
        handles = [
            self._base.module(layer).register_forward_pre_hook(self._hook(layer)) for layer in self._layers
        ]
        try:
            yield
        finally:
            self._last = None
            for handle in handles:
                handle.remove()

    def finished(self) -> dict[str, LayerInputs]:
        for inputs in self._held.values():
            inputs.gram /= max(inputs.count, 1)
        return {layer: self._held[self._group_of[layer]] for layer in self._layers}

    def _hook(self, layer: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def see(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            given: Tensor = arguments[0]
            if layer not in self._group_of:
                same = self._last is not None and self._last[0] is given
                self._group_of[layer] = self._last[1] if same and self._last is not None else layer
            group = self._group_of[layer]
            self._last = given, group
            if group == layer:
                self._add(layer, _rows(module, given))

        return see

    def _add(self, layer: str, x: Tensor) -> None:
        if layer not in self._held:
            self._held[layer] = LayerInputs(torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64))
        inputs = self._held[layer]
        exact = x.double()
        inputs.gram += exact.T @ exact
        if self._rows:
            self._sample(inputs, x)
        inputs.count += len(x)

    def _sample(self, inputs: LayerInputs, x: Tensor) -> None:
        """Keep a sample of all rows seen so far, each call's rows in proportion to their number."""
        share = len(x) / (inputs.count + len(x))
        kept = inputs.rows if inputs.rows.numel() else x[:0]
        fresh = min(len(x), max(1, round(self._rows * share)))
        chosen = torch.randperm(len(x), generator=self._generator)[:fresh]
        stay = torch.randperm(len(kept), generator=self._generator)[: self._rows - fresh]
        inputs.rows = torch.cat([kept[stay], x[chosen]])


def _rows(module: nn.Module, given: Tensor) -> Tensor:
    """Give what a layer's matrix is multiplied with, (n, in): of a convolution, the patch at every position."""
    x = given.detach().to("cpu", torch.float32)
    if not isinstance(module, nn.Conv2d):
        return x.flatten(0, -2)
    assert not isinstance(module.padding, str)  # noqa: S101  # no UNet says it in words
    patches = functional.unfold(
        x, module.kernel_size, dilation=module.dilation, padding=module.padding, stride=module.stride
    )
    return patches.transpose(1, 2).flatten(0, 1)
