"""Lay plug-ins over a base for a while, without touching its weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from plugins_engine.adapters import delta, kinds
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.families import said_family
from plugins_engine.adapters.kinds import Decomposed, Delta
from plugins_engine.adapters.learned_tokens import LearnedTokens, NameInForce
from plugins_engine.errors import BaseMismatch
from plugins_engine.model.base import BaseCheckpoint

Weighted = tuple[Adapter, float]
"""A plug-in and how much of it counts."""
Forward = Callable[..., Tensor]


def made_for(base: BaseCheckpoint, layers: Mapping[str, Delta], **said: Any) -> Adapter:
    """Make an adapter of a base's layers that says which base it is for; `said` is the rest of Adapter's fields."""
    return Adapter(
        layers=layers,
        base_fingerprint=base.fingerprint,
        architecture=base.architecture,
        kernels=_kernels(base, layers),
        family=said_family({"modelspec.architecture": base.architecture}),
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
    own = said_family({"modelspec.architecture": base.architecture})
    if adapter.family and own and adapter.family != own:
        raise BaseMismatch(
            f"{called} was made for {adapter.family}, this base is {own} ({base.architecture})"
        )
    if adapter.architecture and not adapter.base_fingerprint and adapter.architecture != base.architecture:
        raise BaseMismatch(f"{called} was made for {adapter.architecture}, this base is {base.architecture}")
    for tokens in adapter.tokens:
        _require_read(base, tokens, called)
    for _, why in misfits(base, adapter):
        raise BaseMismatch(f"{called} {why}")


def misfits(base: BaseCheckpoint, adapter: Adapter) -> Iterator[tuple[str, str]]:
    """Give each layer and parameter of an adapter that a base lacks, or has in another shape, and that in words."""
    said = f"this base ({base.architecture})"
    for layer, each in adapter.layers.items():
        shape = base.layers.get(layer)
        if shape is None:
            yield layer, f"adapts the layer {layer}, which {said} does not have"
            continue
        found = kinds.shape_of(each)
        kernel = adapter.kernels.get(layer, shape.kernel)
        if found != (shape.out_features, shape.in_features):
            matrix = f"{shape.out_features}x{shape.in_features}"
            yield layer, f"adapts {layer} as a {found[0]}x{found[1]} matrix, in {said} it is {matrix}"
        elif kernel != (shape.kernel or (1, 1)) and kernel is not None:
            there = "x".join(map(str, shape.kernel)) if shape.kernel else "a linear layer"
            yield (
                layer,
                f"adapts {layer} as a convolution of {kernel[0]}x{kernel[1]}, in {said} it is {there}",
            )
    for parameter, vector in adapter.vectors.items():
        held = vector_at(base, parameter)
        if held is None:
            yield parameter, f"changes {parameter}, which {said} does not have"
        elif held.shape != vector.shape:
            yield parameter, f"changes {len(vector)} numbers of {parameter}, in {said} there are {len(held)}"


def vector_at(base: BaseCheckpoint, parameter: str) -> Tensor | None:
    """Give a bias, or a norm's weight, by its name; None: the base has none of that name."""
    layer, _, part = parameter.rpartition(".")
    try:
        found = getattr(base.module(layer), part, None)
    except (AttributeError, KeyError):
        return None
    return found if isinstance(found, Tensor) and found.ndim == 1 else None


def _kernels(base: BaseCheckpoint, layers: Mapping[str, Delta]) -> dict[str, tuple[int, int]]:
    return {layer: kernel for layer in layers if (kernel := base.layers[layer].kernel) is not None}


def completed(base: BaseCheckpoint, adapter: Adapter) -> Adapter:
    """Give the adapter with what its file left to its base: kernels, and what stands at its learned tokens without it.

    The adapter has to fit (`require_fit`).
    """
    tokens = tuple(
        each if each.ordinary else replace(each, ordinary=ordinary_vectors(base, each.words, len(each)))
        for each in adapter.tokens
    )
    return replace(adapter, tokens=tokens, kernels=_kernels(base, adapter.layers))


def known_beside(base: BaseCheckpoint, adapter: Adapter) -> Adapter:
    """Give the adapter with deltas that are known without the base: DoRA's become full differences."""
    layers: dict[str, Delta] = {
        layer: each.beside(matrix_of(base, layer)) if isinstance(each, Decomposed) else each
        for layer, each in adapter.layers.items()
    }
    return replace(adapter, layers=layers, kernels=_kernels(base, layers))


def matrix_of(base: BaseCheckpoint, layer: str) -> Tensor:
    """Give a layer's weight as a matrix, on the CPU in float32."""
    weight = base.module(layer).weight
    assert isinstance(weight, Tensor)  # noqa: S101  # every adapted layer has one
    return weight.detach().to("cpu", torch.float32).flatten(1)


def ordinary_vectors(base: BaseCheckpoint, words: str, count: int) -> dict[str, Tensor]:
    """Give what stands at the positions of a name without a plug-in, by text encoder, (count, width) each."""
    found = {}
    for component, reader in base.readers.items():
        table = reader.vectors
        ids = torch.tensor(reader.ids_of_name(words, count), device=table.device)
        found[component] = table[ids].detach().to("cpu", torch.float32)
    return found


@contextmanager
def applied(base: BaseCheckpoint, plugins: Sequence[Weighted]) -> Iterator[None]:
    """Within the context, every adapted layer computes W x + Σ weight · ΔW x, and learned tokens are read where they are called.

    Low-rank deltas are never multiplied out: ΔW x = B (A x).

    W itself is never written, so afterwards the base is the same to the bit, whatever was raised inside. Plug-ins of
    weight 0 are left out altogether. Text has to be encoded within the context too.
    """
    for adapter, _ in plugins:
        require_fit(base, adapter)
    with base.lock, _put_back() as replaced:
        for name, branch in branches_of(base, plugins).items():
            module = base.module(name)
            _replace(module, _with_branch(module, branch.to(base.device, base.dtype)), replaced)
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
    """Within the context, the layers that are given the text compute what they make of some embeddings once and keep it.

    It does not change from step to step. `text` must be the very tensors that the denoiser is given.
    """
    with base.lock, _put_back() as replaced:
        for name in base.reading_layers:
            layer = base.module(name)
            _replace(layer, _remembering(layer.forward, text), replaced)
        yield


def named(base: BaseCheckpoint, tokens: LearnedTokens, weight: float) -> NameInForce:
    """Give what learned tokens at a weight make of their name on a base."""
    ordinary = tokens.ordinary or ordinary_vectors(base, tokens.words, len(tokens))
    shifts = {encoder: each - ordinary[encoder] for encoder, each in tokens.vectors.items()}
    return NameInForce(tokens.words, shifts, weight * tokens.weight, tokens.origin)


def _require_read(base: BaseCheckpoint, tokens: LearnedTokens, called: str) -> None:
    """Raise BaseMismatch unless the base can read the tokens, with each of its CLIP text encoders and with no other than its own."""
    widths = {component: int(reader.vectors.shape[1]) for component, reader in base.readers.items()}
    found = {component: int(each.shape[1]) for component, each in tokens.vectors.items()}
    absent = [component for component in widths if component not in found]
    if {**widths, **found} != widths or any(base.readers[each].is_clip for each in absent):
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


@dataclass
class Branch:
    """What plug-ins add to one layer together: B A and a full matrix to its weight, a vector to its bias, one to a norm's weight."""

    low_rank: LowRank | None = None
    full: Tensor | None = None
    vectors: dict[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device, dtype: torch.dtype) -> "Branch":
        low = self.low_rank
        return Branch(
            None if low is None else (low[0].to(device, dtype), low[1].to(device, dtype)),
            None if self.full is None else self.full.to(device, dtype),
            {name: each.to(device, dtype) for name, each in self.vectors.items()},
        )

    def square(self) -> float:
        """Give the squared Frobenius norm of everything that is added."""
        low, full = self.low_rank, self.full
        if full is not None:
            matrix = full if low is None else full + delta.materialise(low)
            size = float(matrix.double().square().sum())
        else:
            size = delta.norm(low) ** 2 if low is not None else 0.0
        return size + sum(float(each.double().square().sum()) for each in self.vectors.values())


def branches_of(base: BaseCheckpoint, plugins: Sequence[Weighted]) -> dict[str, Branch]:
    """Join all that plug-ins do to a layer, their weights folded in."""
    thin: dict[str, list[LowRank]] = {}
    found: dict[str, Branch] = {}
    for adapter, weight in plugins:
        if weight == 0:
            continue
        for layer, each in adapter.layers.items():
            branch = found.setdefault(layer, Branch())
            if isinstance(each, tuple):
                thin.setdefault(layer, []).append(delta.scale(each, weight))
            else:
                beside = matrix_of(base, layer) if isinstance(each, Decomposed) else None
                matrix = kinds.materialise(each, beside) * weight
                branch.full = matrix if branch.full is None else branch.full + matrix
        for parameter, vector in adapter.vectors.items():
            layer, _, part = parameter.rpartition(".")
            vectors = found.setdefault(layer, Branch()).vectors
            vectors[part] = vectors.get(part, torch.zeros_like(vector)) + vector * weight
    for layer, deltas in thin.items():
        found[layer].low_rank = delta.concatenate(deltas)
    return found


def _replace(module: nn.Module, forward: Forward, replaced: list[tuple[nn.Module, Forward | None]]) -> None:
    """Shadow a module's forward by an attribute of the instance, and note what was there."""
    replaced.append((module, module.__dict__.get("forward")))
    module.__dict__["forward"] = forward


def _with_branch(module: nn.Module, branch: Branch) -> Forward:
    plain: Forward = module.forward
    if isinstance(module, nn.GroupNorm | nn.LayerNorm):
        return _with_norm(module, plain, branch.vectors)
    convolution = module if isinstance(module, nn.Conv2d) else None
    bias, full, low = branch.vectors.get("bias"), branch.full, branch.low_rank
    if convolution is not None:
        bias = None if bias is None else bias[:, None, None]
        kernel = convolution.kernel_size
        full = None if full is None else full.view(len(full), -1, *kernel)
        # (n, in, h, w) → (n, rank, h, w) → (n, out, h, w)
        low = None if low is None else (low[0][:, :, None, None], low[1].view(len(low[1]), -1, *kernel))

    def added(x: Tensor, weight: Tensor) -> Tensor:
        if convolution is None:
            return functional.linear(x, weight)
        output: Tensor = convolution._conv_forward(x, weight, None)  # noqa: SLF001  # its stride and padding of every mode
        return output

    def forward(x: Tensor) -> Tensor:  # (…, in) → (…, out)
        output = plain(x)
        if low is not None:
            up, down = low
            thin = added(x, down)
            output = output + (
                functional.linear(thin, up) if convolution is None else functional.conv2d(thin, up)
            )
        if full is not None:
            output = output + added(x, full)
        return output if bias is None else output + bias

    return forward


def _with_norm(module: nn.GroupNorm | nn.LayerNorm, plain: Forward, vectors: Mapping[str, Tensor]) -> Forward:
    """Add to a norm's weight and bias: its output is linear in both."""
    bias = vectors.get("bias")
    weight = vectors.get("weight")
    if weight is None:
        assert bias is not None  # noqa: S101  # there is a branch
        weight = torch.zeros_like(bias)

    def forward(x: Tensor) -> Tensor:
        if isinstance(module, nn.GroupNorm):
            return plain(x) + functional.group_norm(x, module.num_groups, weight, bias, module.eps)
        return plain(x) + functional.layer_norm(x, list(module.normalized_shape), weight, bias, module.eps)

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
