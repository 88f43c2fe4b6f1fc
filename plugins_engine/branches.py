"""Lay plug-ins over a base for a while, without touching its weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional

from plugins_engine import delta
from plugins_engine.adapter import Adapter
from plugins_engine.base import BaseModel
from plugins_engine.delta import LowRank
from plugins_engine.errors import BaseMismatch

Weighted = tuple[Adapter, float]
Forward = Callable[..., Tensor]


def made_for(base: BaseModel, layers: dict[str, LowRank], **said: Any) -> Adapter:
    """Make an adapter of a base's layers that says which base it is for; `said` is the rest of Adapter's fields."""
    return Adapter(
        layers=layers,
        base_fingerprint=base.fingerprint,
        architecture=base.architecture,
        convolutions=frozenset(layer for layer in layers if base.layers[layer].is_convolution),
        **said,
    )


def require_fit(base: BaseModel, adapter: Adapter) -> None:
    """Raise BaseMismatch unless the adapter was made for this base, or does not say and fits its layers."""
    called = adapter.name or "this plug-in"
    if adapter.base_fingerprint and adapter.base_fingerprint != base.fingerprint:
        raise BaseMismatch(
            f"{called} was made for base {adapter.base_fingerprint[:12]}, this base is {base.fingerprint[:12]}: use its "
            f"own base, or a version of the plug-in for this one"
        )
    if adapter.architecture and not adapter.base_fingerprint and adapter.architecture != base.architecture:
        raise BaseMismatch(f"{called} was made for {adapter.architecture}, this base is {base.architecture}")
    for layer, (up, down) in adapter.layers.items():
        shape = base.layers.get(layer)
        if shape is None:
            raise BaseMismatch(
                f"{called} adapts the layer {layer}, which this base ({base.architecture}) does not have"
            )
        found = (up.shape[0], down.shape[1])
        if found != (shape.out_features, shape.in_features):
            raise BaseMismatch(
                f"{called} adapts {layer} as a {found[0]}x{found[1]} matrix, in this base ({base.architecture}) it is "
                f"{shape.out_features}x{shape.in_features}"
            )


@contextmanager
def applied(base: BaseModel, plugins: Sequence[Weighted], text: Sequence[Tensor] = ()) -> Iterator[None]:
    """Within the context, every adapted layer computes W x + Σ weight · B (A x).

    W itself is never written, so afterwards the base is the same to the bit, whatever was raised inside. Plug-ins of
    weight 0 are left out altogether. `text` are prompt embeddings for which cross-attention keys and values are
    computed once and kept: they do not change from step to step. It must be those very tensors that the UNet is given.
    """
    for adapter, _ in plugins:
        require_fit(base, adapter)
    with base.lock:
        replaced: list[tuple[nn.Module, Forward | None]] = []
        try:
            for name, (up, down) in _branches(plugins).items():
                module = base.unet.get_submodule(name)
                _replace(
                    module,
                    _with_branch(module, up.to(base.device, base.dtype), down.to(base.device, base.dtype)),
                    replaced,
                )
            if text:
                for module in base.unet.modules():
                    if isinstance(module, Attention) and module.is_cross_attention:
                        for layer in (module.to_k, module.to_v):
                            _replace(layer, _remembering(layer.forward, text), replaced)
            yield
        finally:
            for module, before in reversed(replaced):
                if before is None:
                    module.__dict__.pop("forward", None)  # not there yet when an interrupt came first
                else:
                    module.__dict__["forward"] = before


def _branches(plugins: Sequence[Weighted]) -> dict[str, LowRank]:
    """Join all plug-ins' deltas of a layer into one, their weights folded in."""
    held: dict[str, list[LowRank]] = {}
    for adapter, weight in plugins:
        if weight != 0:
            for layer, factors in adapter.layers.items():
                held.setdefault(layer, []).append(delta.scale(factors, weight))
    return {layer: delta.concatenate(deltas) for layer, deltas in held.items()}


def _replace(module: nn.Module, forward: Forward, replaced: list[tuple[nn.Module, Forward | None]]) -> None:
    """Shadow a module's forward by an attribute of the instance, and note what was there."""
    replaced.append((module, module.__dict__.get("forward")))
    module.__dict__["forward"] = forward


def _with_branch(module: nn.Module, up: Tensor, down: Tensor) -> Forward:
    plain: Forward = module.forward
    if isinstance(module, nn.Conv2d):
        up_kernel, down_kernel = up[:, :, None, None], down[:, :, None, None]
        stride = module.stride

        def convolve(x: Tensor) -> Tensor:  # (n, in, h, w) → (n, rank, h, w) → (n, out, h, w)
            low = functional.conv2d(x, down_kernel, stride=stride)
            return plain(x) + functional.conv2d(low, up_kernel)

        return convolve

    def forward(x: Tensor) -> Tensor:  # (…, in) → (…, rank) → (…, out)
        return plain(x) + functional.linear(functional.linear(x, down), up)

    return forward


def _remembering(forward: Forward, text: Sequence[Tensor]) -> Forward:
    """Keep the outputs for the tensors in `text`, told apart by identity, not by value."""
    kept: dict[int, Tensor] = {}
    known = {id(each) for each in text}

    def remembered(x: Tensor) -> Tensor:
        if id(x) not in known or torch.is_grad_enabled():
            return forward(x)
        if id(x) not in kept:
            kept[id(x)] = forward(x)
        return kept[id(x)]

    return remembered
