"""How a base was taught to denoise: what noise makes of clean latents, and what the base predicts of the result.

Three kinds are known. Diffusion keeps √ᾱ of the clean latents and adds √(1-ᾱ) of noise (Ho et al. 2020, arXiv 2006.11239). EDM adds any amount
of noise and scales what the denoiser is given and gives (Karras et al. 2022, arXiv 2206.00364). Flow matching goes in a straight line from clean
latents to noise (Liu et al. 2022, arXiv 2209.03003; Lipman et al. 2022, arXiv 2210.02747).
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
EDM_PREDICTIONS = ("epsilon", "v_prediction")
EDM_SCHEDULES = ("karras", "exponential")


class Process(ABC):
    """How noise is added. Times are what the base's denoiser is told; they rise with the noise.

    levels: how many levels of noise the base was taught. prediction: what it predicts, as diffusers calls it.
    """

    levels: int
    prediction: str

    @abstractmethod
    def times(self, spread: Tensor) -> Tensor:
        """Give times (n,) to learn at, of numbers (n,) spread evenly over 0 to 1."""

    @abstractmethod
    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Add noise to clean latents (n, c, h, w) at times (n,), on the scale on which the denoiser is given them."""

    @abstractmethod
    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Give what the base shall predict of them."""

    def weights(self, times: Tensor, min_snr: float) -> Tensor:
        """Give what the errors at times (n,) count: alike, or by min-SNR (Hang et al. 2023, arXiv 2303.09556)."""
        return torch.ones(len(times))

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
        return ratio.clamp(max=min_snr) if self.prediction == "sample" else super().weights(times, min_snr)

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

    def expected(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> Tensor:
        return noisy - float(time) / self.levels * predicted


@dataclass(frozen=True, eq=False)
class Elucidated(Process):
    """EDM's noise: x = clean + s · noise, at the time ln(s) / 4. The denoiser is given x / √(s² + d²), where d is the data's deviation.

    Its output F says that the clean latents are d² / (s² + d²) · x ± s · d / √(s² + d²) · F (table 1 of the paper), with a minus where it
    predicts velocity. sigma_min, sigma_max: the least and the most s. sigma_data: d. rho: of the paper's equation 5; None: the levels are
    even in ln(s).
    """

    levels: int
    prediction: str
    sigma_min: float
    sigma_max: float
    sigma_data: float
    rho: float | None

    def times(self, spread: Tensor) -> Tensor:
        rho = self.rho
        low, high = (math.log(each) if rho is None else each ** (1 / rho) for each in self._ends)
        even = low + spread * (high - low)
        found: Tensor = even if rho is None else even.pow(rho).log()
        return found / 4

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        sigma = self._sigma(clean, times)
        return (clean + sigma * noise) / self._size(sigma)

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        sigma = self._sigma(clean, times)
        skip, out = self._parts(sigma)
        return (clean - skip * (clean + sigma * noise)) / out

    def expected(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> Tensor:
        sigma = self._sigma(noisy, time.view(1))
        skip, out = self._parts(sigma)
        return skip * noisy * self._size(sigma) + out * predicted

    @property
    def _ends(self) -> tuple[float, float]:
        return self.sigma_min, self.sigma_max

    def _sigma(self, like: Tensor, times: Tensor) -> Tensor:
        return (4 * times.float()).exp().to(like).view(-1, 1, 1, 1)

    def _size(self, sigma: Tensor) -> Tensor:
        return (sigma**2 + self.sigma_data**2).sqrt()

    def _parts(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        size = self._size(sigma)
        out = sigma * self.sigma_data / size
        return (self.sigma_data / size) ** 2, -out if self.prediction == "v_prediction" else out


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


def elucidated_of(config: Mapping[str, Any]) -> Elucidated:
    """Read a directory's schedule of EDM. Raises BadBase if it cannot be used."""
    prediction = str(config.get("prediction_type", "epsilon"))
    if prediction not in EDM_PREDICTIONS:
        raise _unusable(f"expected a prediction_type of {', '.join(EDM_PREDICTIONS)}, found {prediction}")
    schedule = str(config.get("sigma_schedule", "karras"))
    if schedule not in EDM_SCHEDULES:
        raise _unusable(f"expected a sigma_schedule of {', '.join(EDM_SCHEDULES)}, found {schedule}")
    usual = {"sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "rho": 7.0}
    try:
        said = {name: float(config.get(name, value)) for name, value in usual.items()}
        levels = int(config.get("num_train_timesteps", 1000))
    except (TypeError, ValueError, OverflowError) as error:
        raise _unusable(str(error)) from error
    rises = 0 < said["sigma_min"] < said["sigma_max"] < math.inf
    if not (rises and all(0 < each < math.inf for each in said.values()) and levels >= 2):
        raise _unusable(
            f"expected two noise levels or more that rise from above 0, found {levels} and {said}"
        )
    rho = said.pop("rho") if schedule == "karras" else None
    return Elucidated(levels, prediction, said["sigma_min"], said["sigma_max"], said["sigma_data"], rho)


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
