"""Lay plug-ins over a base for a while, without touching its weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.learned_tokens import LearnedTokens, NameInForce
from plugins_engine.errors import BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.prompt_reading import ids_of_name

Weighted = tuple[Adapter, float]
"""A plug-in and how much of it counts."""
Forward = Callable[..., Tensor]


def made_for(base: BaseCheckpoint, layers: dict[str, LowRank], **said: Any) -> Adapter:
    """Make an adapter of a base's layers that says which base it is for; `said` is the rest of Adapter's fields."""
    return Adapter(
        layers=layers,
        base_fingerprint=base.fingerprint,
        architecture=base.architecture,
        convolutions=frozenset(layer for layer in layers if base.layers[layer].is_convolution),
        **said,
    )


def require_fit(base: BaseCheckpoint, adapter: Adapter) -> None:
    """Raise BaseMismatch unless the adapter was made for this base, or does not say and fits its layers."""
    called = adapter.name or "this plug-in"
    if adapter.base_fingerprint and adapter.base_fingerprint != base.fingerprint:
        raise BaseMismatch(
            f"{called} was made for base {adapter.base_fingerprint[:12]}, this base is {base.fingerprint[:12]}: use its "
            f"own base, or a version of the plug-in for this one"
        )
    if adapter.architecture and not adapter.base_fingerprint and adapter.architecture != base.architecture:
        raise BaseMismatch(f"{called} was made for {adapter.architecture}, this base is {base.architecture}")
    for tokens in adapter.tokens:
        _require_read(base, tokens, called)
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


def completed(base: BaseCheckpoint, adapter: Adapter) -> Adapter:
    """Give the adapter with what stands at its learned tokens without it, if it does not say so itself."""
    tokens = tuple(
        each if each.ordinary else replace(each, ordinary=ordinary_vectors(base, each.words, len(each)))
        for each in adapter.tokens
    )
    return replace(adapter, tokens=tokens) if tokens else adapter


def ordinary_vectors(base: BaseCheckpoint, words: str, count: int) -> dict[str, Tensor]:
    """Give what stands at the positions of a name without a plug-in, by text encoder, (count, width) each."""
    found = {}
    for component, (tokenizer, encoder) in base.named_encoders.items():
        table = encoder.get_input_embeddings().weight
        ids = torch.tensor(ids_of_name(tokenizer, words, count), device=table.device)
        found[component] = table[ids].detach().to("cpu", torch.float32)
    return found


@contextmanager
def applied(base: BaseCheckpoint, plugins: Sequence[Weighted]) -> Iterator[None]:
    """Within the context, every adapted layer computes W x + Σ weight · B (A x), and learned tokens are read where they are called.

    W itself is never written, so afterwards the base is the same to the bit, whatever was raised inside. Plug-ins of
    weight 0 are left out altogether. Text has to be encoded within the context too.
    """
    for adapter, _ in plugins:
        require_fit(base, adapter)
    with base.lock, _put_back() as replaced:
        for name, (up, down) in _branches(plugins).items():
            module = base.module(name)
            _replace(
                module,
                _with_branch(module, up.to(base.device, base.dtype), down.to(base.device, base.dtype)),
                replaced,
            )
        found = [
            named(base, each, weight) for adapter, weight in plugins if weight != 0 for each in adapter.tokens
        ]
        before = base.laid_over
        base.laid_over = (*before, *plugins)
        try:
            with in_force(base, found):
                yield
        finally:
            base.laid_over = before


@contextmanager
def in_force(base: BaseCheckpoint, names: Sequence[NameInForce]) -> Iterator[None]:
    """Within the context, prompts are read with these names, and with those that are in force already."""
    with base.lock:
        before = base.names
        base.names = (*before, *names)
        try:
            yield
        finally:
            base.names = before


@contextmanager
def remembering(base: BaseCheckpoint, text: Sequence[Tensor]) -> Iterator[None]:
    """Within the context, cross-attention computes the keys and values of some prompt embeddings once and keeps them.

    They do not change from step to step. `text` must be the very tensors that the UNet is given.
    """
    with base.lock, _put_back() as replaced:
        for module in base.unet.modules():
            if isinstance(module, Attention) and module.is_cross_attention:
                for layer in (module.to_k, module.to_v):
                    _replace(layer, _remembering(layer.forward, text), replaced)
        yield


def named(base: BaseCheckpoint, tokens: LearnedTokens, weight: float) -> NameInForce:
    """Give what learned tokens at a weight make of their name on a base."""
    ordinary = tokens.ordinary or ordinary_vectors(base, tokens.words, len(tokens))
    shifts = {encoder: each - ordinary[encoder] for encoder, each in tokens.vectors.items()}
    return NameInForce(tokens.words, shifts, weight * tokens.weight, tokens.origin)


def _require_read(base: BaseCheckpoint, tokens: LearnedTokens, called: str) -> None:
    """Raise BaseMismatch unless every text encoder of the base can read the tokens."""
    widths = {
        component: int(encoder.get_input_embeddings().embedding_dim)
        for component, (_, encoder) in base.named_encoders.items()
    }
    found = {component: int(each.shape[1]) for component, each in tokens.vectors.items()}
    if found != widths:
        raise BaseMismatch(
            f'{called} has learned tokens for "{tokens.words}" of {_listed(found)}, this base ({base.architecture}) reads '
            f"{_listed(widths)}"
        )


def _listed(widths: dict[str, int]) -> str:
    return " and ".join(f"{width} numbers in {component}" for component, width in widths.items())


@contextmanager
def _put_back() -> Iterator[list[tuple[nn.Module, Forward | None]]]:
    """Give a list for what is replaced, and put it all back at the end, the last one first."""
    replaced: list[tuple[nn.Module, Forward | None]] = []
    try:
        yield replaced
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
