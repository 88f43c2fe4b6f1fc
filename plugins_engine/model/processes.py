"""How a base was taught to denoise: what noise makes of clean latents, and what the base predicts of the result.

Two kinds are known. Diffusion keeps √ᾱ of the clean latents and adds √(1-ᾱ) of noise (Ho et al. 2020, arXiv 2006.11239). Flow matching goes
in a straight line from clean latents to noise (Liu et al. 2022, arXiv 2209.03003; Lipman et al. 2022, arXiv 2210.02747).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from plugins_engine.errors import BadBase

PREDICTIONS = ("epsilon", "v_prediction", "sample")


class Process(ABC):
    """How noise is added. Times are the base's own: 0 is clean, and `levels` all noise.

    levels: how many levels of noise the base was taught. prediction: what it predicts, as diffusers calls it.
    """

    levels: int
    prediction: str

    @abstractmethod
    def times(self, spread: Tensor) -> Tensor:
        """Give times (n,) to learn at, of numbers (n,) spread evenly over 0 to 1."""

    @abstractmethod
    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Add noise to clean latents (n, c, h, w) at times (n,)."""

    @abstractmethod
    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Give what the base shall predict of them."""

    @abstractmethod
    def weights(self, times: Tensor, min_snr: float) -> Tensor:
        """Give what the errors at times (n,) count (min-SNR, Hang et al. 2023, arXiv 2303.09556)."""

    @abstractmethod
    def expected(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> Tensor:
        """Give the clean latents that a prediction at one time says."""


@dataclass(frozen=True, eq=False)
class Diffusion(Process):
    """kept: what is kept of the clean latents' variance at every level (ᾱ), (levels,)."""

    kept: Tensor
    prediction: str

    @property
    def levels(self) -> int:  # type: ignore[override]  # read only
        return len(self.kept)

    def times(self, spread: Tensor) -> Tensor:
        return (spread * self.levels).long().clamp(0, self.levels - 1)

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        signal, other = self._shares(clean, times)
        return signal * clean + other * noise

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        if self.prediction == "sample":
            return clean
        if self.prediction == "epsilon":
            return noise
        signal, other = self._shares(clean, times)
        return signal * noise - other * clean

    def weights(self, times: Tensor, min_snr: float) -> Tensor:
        kept = self.kept[times.cpu()]
        ratio = kept / (1 - kept)
        if self.prediction == "epsilon":
            return ratio.clamp(max=min_snr) / ratio.clamp(min=1e-8)
        return ratio.clamp(max=min_snr) if self.prediction == "sample" else torch.ones(len(times))

    def expected(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> Tensor:
        kept = self.kept[int(time)].to(noisy.device)
        signal, other = kept.sqrt(), (1 - kept).sqrt()
        if self.prediction == "sample":
            return predicted
        if self.prediction == "v_prediction":
            return signal * noisy - other * predicted
        return (noisy - other * predicted) / signal.clamp(min=1e-4)

    def _shares(self, like: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.kept[times.cpu()].to(like).view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()


@dataclass(frozen=True, eq=False)
class Flow(Process):
    """Time t is the share t / levels of noise. The base predicts the way from clean latents to noise.

    shift: how much more of the times is spent near noise than is even; 1 is even.
    """

    levels: int
    shift: float
    prediction: str = "flow"

    def times(self, spread: Tensor) -> Tensor:
        return self.levels * self.shift * spread / (1 + (self.shift - 1) * spread)

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        share = (times / self.levels).to(clean).view(-1, 1, 1, 1)
        return (1 - share) * clean + share * noise

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return noise - clean

    def weights(self, times: Tensor, min_snr: float) -> Tensor:
        return torch.ones(len(times))

    def expected(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> Tensor:
        return noisy - float(time) / self.levels * predicted


def diffusion_of(config: Mapping[str, Any]) -> Diffusion:
    """Read a directory's schedule of betas. Raises BadBase if it cannot be used."""
    prediction = str(config.get("prediction_type", "epsilon"))
    if prediction not in PREDICTIONS:
        raise _unusable(f"expected a prediction_type of {', '.join(PREDICTIONS)}, found {prediction}")
    try:
        kept = DDIMScheduler.from_config({**config, "_class_name": "DDIMScheduler"}).alphas_cumprod
    except (TypeError, ValueError, NotImplementedError, KeyError) as error:
        raise _unusable(str(error)) from error
    return Diffusion(kept, prediction)


def flow_of(config: Mapping[str, Any], tokens: int) -> Flow:
    """Read a directory's schedule of flow matching. tokens: how many a picture of the base's own size has. Raises BadBase."""
    try:
        levels = int(config.get("num_train_timesteps", 1000))
        shift = math.exp(shift_of(config, tokens)) if is_dynamic(config) else float(config.get("shift", 1.0))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise _unusable(str(error)) from error
    if levels < 2 or not 0 < shift < math.inf:
        raise _unusable(f"expected a shift above 0 and two noise levels or more, found {shift} and {levels}")
    return Flow(levels, shift)


def is_dynamic(config: Mapping[str, Any]) -> bool:
    """Say whether the shift follows the size of the picture."""
    return bool(config.get("use_dynamic_shifting"))


def shift_of(config: Mapping[str, Any], tokens: int) -> float:
    """Give the logarithm of the shift for a picture of so many tokens: a line through two points of the config."""
    least, most = float(config.get("base_image_seq_len", 256)), float(config.get("max_image_seq_len", 4096))
    low, high = float(config.get("base_shift", 0.5)), float(config.get("max_shift", 1.15))
    return low + (high - low) * (tokens - least) / (most - least)


def _unusable(reason: str) -> BadBase:
    return BadBase(f"scheduler/scheduler_config.json: cannot be used: {reason}")
