"""Train low-rank factors on a base's denoiser and text encoders, and learned tokens, with peft's layers and accelerate's devices."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import LoraConfig, LoraModel
from torch import Tensor, nn

from plugins_engine.adapters import delta
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import text_layer
from plugins_engine.adapters.learned_tokens import LearnedTokens, NameInForce
from plugins_engine.errors import BrokenPicture
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import Batch
from plugins_engine.model.branches import in_force, ordinary_vectors
from plugins_engine.model.precision import quick_precision
from plugins_engine.model.prompt_reading import TextReader

_PRECISION = {torch.float16: "fp16", torch.bfloat16: "bf16"}
_WARM_UP = 10  # steps
_DENOISER = "denoiser"


def accelerator_for(base: BaseCheckpoint, mixed_precision: str | None = None) -> Accelerator:
    """Make the accelerator for a base's device; the precision is the base's own unless another is named."""
    precision = mixed_precision or _PRECISION.get(base.dtype, "no")
    # Accelerate keeps the first precision of a process for good and refuses any other, but a worker serves several bases.
    AcceleratorState._reset_state()  # noqa: SLF001  # there is no public way
    return Accelerator(cpu=base.device.type == "cpu", mixed_precision=precision)


def quick_accelerator(base: BaseCheckpoint) -> Accelerator:
    """Make the accelerator for training whose result need not be exact."""
    return accelerator_for(base, quick_precision(base))


@dataclass(frozen=True)
class TextTraining:
    """What is trained of how prompts are read: the text encoders' layers, and tokens.

    rank: of the factors of `base.text_layers`; 0: none. learning_rate: theirs.
    tokens: what they begin as (`new_tokens`). token_rate: theirs, as a share of a usual entry of the text encoder's table, so that one
        rate fits every base; 0: the tokens are read as they are, and not trained.
    """

    rank: int = 0
    learning_rate: float = 0.0
    tokens: tuple[LearnedTokens, ...] = ()
    token_rate: float = 0.0


def new_tokens(base: BaseCheckpoint, words: str, count: int) -> LearnedTokens:
    """Give tokens that mean what their name means without them, to be trained.

    They are as many as asked for, but at least as many as the name has by itself. So at weight 0 they are the name.
    """
    own = (len(reader.token_ids(reader.within_text(words))) for reader in base.readers.values())
    count = max(count, *own)
    ordinary = ordinary_vectors(base, words, count)
    return LearnedTokens(words, ordinary, ordinary)


class _TrainedTokens:
    """Learned tokens whose vectors are being trained, as the shifts from what they begin as."""

    def __init__(self, base: BaseCheckpoint, begun: LearnedTokens, rate: float) -> None:
        self._begun = begun
        self._ordinary = begun.ordinary or ordinary_vectors(base, begun.words, len(begun))
        self._shifts = {
            encoder: nn.Parameter((begun.vectors[encoder] - each).to(base.device), requires_grad=rate > 0)
            for encoder, each in self._ordinary.items()
        }
        self.name = NameInForce(begun.words, self._shifts, begun.weight, begun.origin)
        self.groups = [
            {"params": [self._shifts[component]], "lr": rate * _usual_entry(reader)}
            for component, reader in base.readers.items()
            if rate > 0
        ]

    def tokens(self) -> LearnedTokens:
        vectors = {
            key: self._ordinary[key] + each.detach().float().cpu() for key, each in self._shifts.items()
        }
        return replace(self._begun, vectors=vectors, ordinary=self._ordinary)


class TrainableLora:
    """Low-rank factors and tokens in a base, with their optimiser. `trainable` makes them and removes them again."""

    def __init__(
        self,
        base: BaseCheckpoint,
        loras: Mapping[str, LoraModel],
        tokens: Sequence[_TrainedTokens],
        accelerator: Accelerator,
        learning_rate: float,
        text_rate: float,
        steps: int,
    ) -> None:
        self._base, self._loras, self._tokens, self._accelerator = base, loras, tokens, accelerator
        self._steps, self._done = steps, 0
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in lora.parameters() if p.requires_grad],
                "lr": learning_rate if part == _DENOISER else text_rate,
            }
            for part, lora in loras.items()
        ]
        groups += [group for each in tokens for group in each.groups]
        self._rates = [group["lr"] for group in groups]
        self._parameters: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        # accelerate shares the denoiser's gradients among processes; what text is read with has no module of its own to do so.
        of_denoiser = groups[0]["params"] if _DENOISER in loras else []
        self._of_text = self._parameters[len(of_denoiser) :]
        self._reads_anew = bool(self._of_text or tokens)  # batches are made without the tokens
        self._optimizer = accelerator.prepare(
            torch.optim.AdamW(groups, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.99))
        )
        several = accelerator.num_processes > 1 and _DENOISER in loras
        self._denoiser = accelerator.prepare_model(base.denoiser) if several else base.denoiser

    def predict(self, batch: Batch) -> Tensor:
        """Give what the denoiser predicts with the factors, (n, c, h, w). If text is trained, the batch's prompts are read anew.

        Raises ValueError for a batch without prompts where they are needed.
        """
        if self._reads_anew and len(batch.prompts) != len(batch.noisy):
            raise ValueError(f"expected {len(batch.noisy)} prompts to read anew, found {len(batch.prompts)}")
        with self._accelerator.autocast():
            text = self._base.encode_prompt(batch.prompts) if self._reads_anew else batch.text
            return self._base.predict(batch.noisy, batch.time, text, self._denoiser)

    def step(self, batches: Sequence[Batch], count: int) -> Tensor:
        """Take a step on the batches' weighted squared errors, summed and divided by `count`; give the errors (n,).

        Batches of one size of latents are better joined. The rates warm up, then fall to nothing on a cosine over the steps that
        `trainable` was told of. Raises BrokenPicture when the numbers overflow.
        """
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * _rate(self._done, self._steps)
        self._done += 1
        self._optimizer.zero_grad(set_to_none=True)
        errors = []
        for batch in batches:
            output = self.predict(batch)
            error = F.mse_loss(output.float(), batch.target.float(), reduction="none").mean((1, 2, 3))
            self._accelerator.backward((error * batch.weight).sum() / count)
            errors.append(error.detach())
        self._share_gradients()
        self._accelerator.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        found = torch.cat(errors)
        if not torch.isfinite(found).all():
            raise BrokenPicture("training overflowed: lower the learning rate, or train in float32")
        return found

    def state(self) -> dict[str, Any]:
        """Give all that the next step depends on, for `restore`: tensors, numbers, and dictionaries and lists of these."""
        scaler, device = self._accelerator.scaler, self._base.device
        return {
            "done": self._done,
            "parameters": [each.detach() for each in self._parameters],
            "optimizer": self._optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "random": torch.get_rng_state(),
            "device_random": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another one, made in the same way, was at `state`."""
        for own, kept in zip(self._parameters, state["parameters"], strict=True):
            own.copy_(kept)
        self._optimizer.load_state_dict(state["optimizer"])
        if state["scaler"] is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if state["device_random"] is not None:
            torch.cuda.set_rng_state(state["device_random"], self._base.device)
        self._done = state["done"]

    def factors(self) -> dict[str, LowRank]:
        """Give every layer's (B, A), alpha / rank folded into B, with layers that never moved from zero."""
        layers: dict[str, LowRank] = {}
        for name, module in self._layers():
            up, down = module.lora_B["default"].weight, module.lora_A["default"].weight
            scale = float(module.scaling["default"])
            layers[name] = (
                up.detach().flatten(1).float().cpu() * scale,
                down.detach().flatten(1).float().cpu().clone(),  # on the CPU it would go on changing
            )
        return layers

    def tokens(self) -> tuple[LearnedTokens, ...]:
        """Give the tokens as they are now."""
        return tuple(each.tokens() for each in self._tokens)

    @torch.no_grad()
    def set_factors(self, layers: Mapping[str, LowRank]) -> None:
        """Start the named layers from given deltas of at most the factors' rank; the rest of the rank stays as it was.

        The columns of B beyond the given ones are zero, so the layer's delta is exactly the given one.
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
        for part, lora in self._loras.items():
            for name, module in lora.model.named_modules():
                if hasattr(module, "lora_A") and "default" in module.lora_A:
                    layer = name if part == _DENOISER else text_layer(part, name)
                    assert layer is not None  # noqa: S101  # `trainable` adapts no other
                    yield layer, module

    def _share_gradients(self) -> None:
        if self._accelerator.num_processes > 1:
            for each in self._of_text:
                # A process whose batch does not call the name has none.
                own = torch.zeros_like(each) if each.grad is None else each.grad
                each.grad = self._accelerator.reduce(own, "mean")


@contextmanager
def trainable(
    base: BaseCheckpoint,
    layers: Sequence[str],
    *,
    rank: int,
    learning_rate: float,
    steps: int,
    seed: int,
    accelerator: Accelerator | None = None,
    text: TextTraining | None = None,
) -> Iterator[TrainableLora]:
    """Lay fresh factors of zero effect into layers of a base's denoiser, and what `text` asks for. There may be no layers.

    Within the context prompts are read with the tokens. Afterwards the base is as it was, whatever was raised. If text is
    trained, batches have to carry their prompts.
    """
    text = text or TextTraining()
    torch.manual_seed(seed)  # the factors' initial values
    with ExitStack() as stack:
        loras: dict[str, LoraModel] = {}
        if layers:
            loras[_DENOISER] = stack.enter_context(_adapted(base.denoiser, list(layers), rank))
        if text.rank:
            for component, reader in base.readers.items():
                paths = [
                    layer.removeprefix(f"{component}.")
                    for layer in base.text_layers
                    if layer.startswith(f"{component}.")
                ]
                paths = [base.path_in_encoder(component, path) for path in paths]
                if paths:
                    loras[component] = stack.enter_context(_adapted(reader.encoder, paths, text.rank))
        tokens = [_TrainedTokens(base, each, text.token_rate) for each in text.tokens]
        stack.enter_context(in_force(base, [each.name for each in tokens]))
        yield TrainableLora(
            base,
            loras,
            tokens,
            accelerator or accelerator_for(base),
            learning_rate,
            text.learning_rate,
            steps,
        )


@contextmanager
def _adapted(module: nn.Module, paths: list[str], rank: int) -> Iterator[LoraModel]:
    lora = LoraModel(
        module, {"default": LoraConfig(r=rank, lora_alpha=rank, target_modules=paths)}, "default"
    )
    try:
        yield lora
    finally:
        lora.unload()
        module.requires_grad_(False).eval()


def _usual_entry(reader: TextReader) -> float:
    """Give the standard deviation of a text encoder's table of token vectors."""
    return float(reader.vectors.float().std())


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))
