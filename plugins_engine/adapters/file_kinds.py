"""Make one layer's delta of the tensors that a file has for it. Every tensor is used, or the file is refused."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.file_keys import LayerTensors
from plugins_engine.adapters.kinds import Decomposed, Delta, Full, Hadamard, Kronecker, Plain, scale, shape_of
from plugins_engine.adapters.layer_names import is_of_norm
from plugins_engine.adapters.room import Room
from plugins_engine.adapters.scales import Scales
from plugins_engine.errors import BadAdapter

Kernel = tuple[int, int]
"""Height and width of a convolution's kernel."""


@dataclass
class LayerDelta:
    """What a file holds of one layer.

    delta: of its weight as a matrix; None if only vectors change. kernel: None for a matrix. vectors: what is added to its bias, or to a
    norm's weight, under "weight" and "bias".
    """

    delta: Delta | None = None
    kernel: Kernel | None = None
    vectors: dict[str, Tensor] = field(default_factory=dict)


def layer_delta(layer: str, tensors: LayerTensors, scales: Scales, room: Room) -> LayerDelta:
    """Read one layer. Raises BadAdapter, naming the file and the tensor."""
    reading = _Reading(layer, tensors, scales, room)
    found = reading.run()
    if tensors.held:
        raise BadAdapter(
            f"{scales.name}: expected tensors of one kind beside {tensors.key}, found also {', '.join(sorted(tensors.held))}"
        )
    return found


class _Reading:
    def __init__(self, layer: str, tensors: LayerTensors, scales: Scales, room: Room) -> None:
        self._layer, self._tensors, self._scales, self._room = layer, tensors, scales, room
        self._name, self._key = scales.name, tensors.key
        self._kernel: Kernel | None = None

    def run(self) -> LayerDelta:
        held = self._tensors.held
        for role, tensor in held.items():
            self._check(role, tensor)
        alpha = self._alpha()
        magnitude, dora_scale = self._tensors.take("magnitude"), self._tensors.take("dora_scale")
        weight = self._tensors.take("delta weight")
        vectors = self._vectors()
        plain: Plain | None
        if "up" in held or "down" in held:
            plain = self._low_rank(alpha, vectors)
        elif any(role.startswith("hada") for role in held):
            plain = self._hadamard(alpha)
        elif any(role.startswith("lokr") for role in held):
            plain = self._kronecker(alpha)
        elif "diff" in held:
            plain = self._full()
        elif vectors and magnitude is None and dora_scale is None and weight is None:
            plain = None
        else:
            raise self._wrong(f"expected a layer's weights beside {self._key}, found none")
        if plain is None:
            return LayerDelta(vectors=vectors)
        delta: Delta = plain
        if magnitude is not None or dora_scale is not None:
            delta = self._decomposed(plain, magnitude, dora_scale, 1.0 if weight is None else float(weight))
        elif self._scales.says_decomposed(self._layer):
            raise self._wrong(
                f"expected the magnitudes of {self._layer}, whose config says DoRA (use_dora), found none"
            )
        elif weight is not None:
            delta = scale(plain, float(weight))
        return LayerDelta(delta, self._kernel, vectors)

    def _wrong(self, message: str) -> BadAdapter:
        return BadAdapter(f"{self._name}: {message}")

    def _check(self, role: str, tensor: Tensor) -> None:
        if role in ("alpha", "delta weight"):
            if tensor.numel() != 1:
                raise self._wrong(f"expected one number as {role} beside {self._key}, found {tensor.numel()}")
            return
        if tensor.ndim == 0 or tensor.ndim > 4:
            raise self._wrong(
                f"expected matrices, convolutions or vectors at {self._key}, found {tuple(tensor.shape)} as {role}"
            )
        if not tensor.is_floating_point():
            raise self._wrong(f"expected floating point weights at {self._key}, found {tensor.dtype}")
        if not torch.isfinite(tensor.float()).all():
            raise self._wrong(f"expected finite weights at {self._key}, found NaN or infinity")

    def _alpha(self) -> float | None:
        found = self._tensors.take("alpha")
        if found is None:
            return None
        alpha = float(found)
        if not abs(alpha) < float("inf"):  # NaN too
            raise self._wrong(f"expected a finite alpha beside {self._key}, found NaN or infinity")
        return alpha

    def _scale(self, rank: int | None, alpha: float | None) -> float:
        convolved = self._kernel not in (None, (1, 1))
        return self._scales.of(self._layer, rank, alpha, convolved=convolved, kohya=self._tensors.kohya)

    def _vectors(self) -> dict[str, Tensor]:
        """Give what is added to the layer's bias, and to its weight if it is a norm's."""
        found = {}
        roles = {"weight": ["w_norm"], "bias": ["b_norm", "diff_b"]}
        if is_of_norm(self._layer):
            roles["weight"].append("diff")
        elif wrong := sorted(role for role in ("w_norm", "b_norm") if role in self._tensors.held):
            raise self._wrong(f"expected a norm's name before {wrong[0]}, found {self._key}")
        for name, some in roles.items():
            taken = [each for role in some if (each := self._tensors.take(role)) is not None]
            if len(taken) > 1:
                raise self._wrong(f"the {name} of {self._layer} is changed twice, beside {self._key}")
            if taken:
                found[name] = self._vector(taken[0], name)
        return found

    def _vector(self, tensor: Tensor, name: str) -> Tensor:
        if tensor.ndim != 1 or tensor.numel() == 0:
            raise self._wrong(
                f"expected a vector as {name} of {self._layer}, found {tuple(tensor.shape)} beside {self._key}"
            )
        return tensor.float().contiguous()

    def _low_rank(self, alpha: float | None, vectors: dict[str, Tensor]) -> LowRank:
        up, down, mid = (self._tensors.take(role) for role in ("up", "down", "mid"))
        if up is None or down is None:
            absent = "up (B)" if up is None else "down (A)"
            raise self._wrong(
                f"expected both LoRA matrices of a layer, the {absent} one beside {self._key} is missing"
            )
        shapes = f"A {tuple(down.shape)} and B {tuple(up.shape)}"
        if up.ndim == 4 and up.shape[2:] == (1, 1):
            up = up.flatten(1)
        if mid is not None:
            down = self._tucker(mid, down.flatten(1) if down.shape[2:] == (1, 1) else down)
        down = self._as_matrix(down)
        if up.ndim != 2 or down.ndim != 2 or up.shape[1] != down.shape[0] or 0 in (*up.shape, *down.shape):
            raise self._wrong(f"expected A (rank, in) and B (out, rank) at {self._key}, found {shapes}")
        factor = self._scale(int(down.shape[0]), alpha)
        bias = self._tensors.take("up bias")
        if bias is not None:
            if "bias" in vectors:
                raise self._wrong(f"the bias of {self._layer} is changed twice, beside {self._key}")
            vectors["bias"] = self._vector(bias, "bias") * factor
        return self._finite(up.float() * factor), down.float().contiguous()

    def _tucker(self, core: Tensor, down: Tensor) -> Tensor:
        """Give core (r, r', h, w) times A (r', in): (r, in, h, w). It is the exact A of a larger convolution."""
        if core.ndim != 4 or down.ndim != 2 or core.shape[1] != down.shape[0]:
            raise self._wrong(
                f"expected a core (rank, rank, height, width) and A (rank, in) at {self._key}, found {tuple(core.shape)} and "
                f"{tuple(down.shape)}"
            )
        rank, _, height, width = core.shape
        self._room.take(rank * down.shape[1] * height * width, self._name, self._key)
        return torch.einsum("rsHW,si->riHW", core.float(), down.float())

    def _as_matrix(self, tensor: Tensor) -> Tensor:
        """Flatten a convolution's weight (n, in, height, width) and note the kernel."""
        if tensor.ndim != 4:
            return tensor
        self._kernel = int(tensor.shape[2]), int(tensor.shape[3])
        return tensor.flatten(1)

    def _hadamard(self, alpha: float | None) -> Hadamard:
        factors = []
        for which in ("1", "2"):
            a, b, core = (
                self._tensors.take(f"hada_{each}") for each in (f"w{which}_a", f"w{which}_b", f"t{which}")
            )
            if a is None or b is None:
                raise self._wrong(f"expected hada_w{which}_a and hada_w{which}_b of {self._layer}, found one")
            if core is not None and a.ndim == 2:  # a is (rank, out) then
                a, b = a.T, self._as_matrix(self._tucker(core, b))
            if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or 0 in (*a.shape, *b.shape):
                raise self._wrong(
                    f"expected LoHa factors (out, rank) and (rank, in) at {self._key}, found {tuple(a.shape)} and {tuple(b.shape)}"
                )
            factors.append((a.float().contiguous(), b.float().contiguous()))
        first, second = factors
        if (first[0].shape[0], first[1].shape[1]) != (second[0].shape[0], second[1].shape[1]):
            raise self._wrong(f"expected two LoHa products of one shape at {self._key}, found two shapes")
        factor = self._scale(int(first[1].shape[0]), alpha)
        return Hadamard((self._finite(first[0] * factor), first[1]), second)

    def _kronecker(self, alpha: float | None) -> Kronecker:
        left, left_rank = self._kronecker_factor("1")
        right, right_rank = self._kronecker_factor("2")
        # Where neither is of low rank the scale is 1, whatever alpha says (LyCORIS); peft's configs say it nonetheless.
        rank = right_rank or left_rank
        factor = self._scale(rank, alpha)
        return Kronecker(self._finite(left * factor), right)

    def _kronecker_factor(self, which: str) -> tuple[Tensor, int | None]:
        whole, a, b, core = (
            self._tensors.take(f"lokr_{each}")
            for each in (f"w{which}", f"w{which}_a", f"w{which}_b", f"t{which}")
        )
        rank: int | None = None
        if whole is None:
            if a is None or b is None:
                raise self._wrong(
                    f"expected lokr_w{which}, or lokr_w{which}_a and lokr_w{which}_b, of {self._layer}, found neither"
                )
            if core is not None and a.ndim == 2:  # a is (rank, out) then
                a, b = a.T, self._as_matrix(self._tucker(core, b))
            else:
                b = self._as_matrix(b)
            if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
                raise self._wrong(
                    f"expected LoKr factors (out, rank) and (rank, in) at {self._key}, found {tuple(a.shape)} and {tuple(b.shape)}"
                )
            self._room.take(a.shape[0] * b.shape[1], self._name, self._key)
            whole, rank = a.float() @ b.float(), int(a.shape[1])
        elif a is not None or b is not None or core is not None:
            raise self._wrong(f"expected lokr_w{which} of {self._layer} whole or in factors, found both")
        else:
            whole = self._as_matrix(whole)
        if whole.ndim != 2 or 0 in whole.shape:
            raise self._wrong(
                f"expected a matrix as lokr_w{which} of {self._layer}, found {tuple(whole.shape)}"
            )
        return whole.float().contiguous(), rank

    def _full(self) -> Full:
        diff = self._tensors.take("diff")
        assert diff is not None  # noqa: S101  # `run` saw it
        shape = tuple(diff.shape)
        diff = self._as_matrix(diff)
        if diff.ndim != 2 or 0 in diff.shape:
            raise self._wrong(f"expected a matrix or a convolution as diff of {self._layer}, found {shape}")
        return Full(diff.float().contiguous())

    def _decomposed(
        self, direction: Plain, magnitude: Tensor | None, dora_scale: Tensor | None, weight: float
    ) -> Decomposed:
        """Read peft's magnitudes, one for each output in whatever shape, or LyCORIS's, (out, 1, …) or (1, inputs, …)."""
        if magnitude is not None and dora_scale is not None:
            raise self._wrong(f"the magnitudes of {self._layer} are there twice, beside {self._key}")
        found = dora_scale if magnitude is None else magnitude
        assert found is not None  # noqa: S101  # `run` saw one
        out, columns = shape_of(direction)
        count = found.numel()
        flat = found.float().flatten().contiguous()
        if count == out and (magnitude is not None or found.shape[0] == out):
            return Decomposed(direction, flat, by_output=True, weight=weight)
        area = math.prod(self._kernel) if self._kernel else columns // max(count, 1)
        if magnitude is None and found.ndim > 1 and found.shape[0] == 1 and count * area == columns:
            return Decomposed(direction, flat, by_output=False, weight=weight)
        raise self._wrong(
            f"expected magnitudes of the {out} outputs or of the inputs of {self._layer}, found {tuple(found.shape)}"
        )

    def _finite(self, tensor: Tensor) -> Tensor:
        if not torch.isfinite(tensor).all():
            raise self._wrong(f"expected finite weights at {self._key}, found NaN or infinity")
        return tensor.contiguous()
