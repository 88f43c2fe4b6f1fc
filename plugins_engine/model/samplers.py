"""The samplers that pictures can be drawn with, by name, and which of them a directory asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EDMDPMSolverMultistepScheduler,
    EDMEulerScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from plugins_engine.errors import BadBase, BadRequest
from plugins_engine.model.processes import Process, diffusion_of, elucidated_of, flow_of, is_dynamic, shift_of

Scheduler: TypeAlias = (
    DDIMScheduler
    | DPMSolverMultistepScheduler
    | EDMDPMSolverMultistepScheduler
    | EDMEulerScheduler
    | EulerAncestralDiscreteScheduler
    | EulerDiscreteScheduler
    | FlowMatchEulerDiscreteScheduler
    | LCMScheduler
    | UniPCMultistepScheduler
)


@dataclass(frozen=True)
class Sampler:
    """One way of drawing. kind: diffusers' class. options: what it is made with. is_random: whether every step adds noise."""

    kind: Any
    options: dict[str, Any] = field(default_factory=dict)
    is_random: bool = False


# Latents are not confined to ±1, so the clipping of predicted samples, on by default in some configs, is off.
_UNCLIPPED = {"clip_sample": False, "thresholding": False}
_MULTISTEP = {"algorithm_type": "dpmsolver++", "thresholding": False}
_OF_DIFFUSION: dict[str, Sampler] = {
    "ddim": Sampler(DDIMScheduler, _UNCLIPPED),
    "dpm++": Sampler(DPMSolverMultistepScheduler, _MULTISTEP),
    "dpm++ karras": Sampler(DPMSolverMultistepScheduler, {**_MULTISTEP, "use_karras_sigmas": True}),
    "euler": Sampler(EulerDiscreteScheduler),
    "euler a": Sampler(EulerAncestralDiscreteScheduler, is_random=True),
    "unipc": Sampler(UniPCMultistepScheduler, {"thresholding": False}),
    "lcm": Sampler(LCMScheduler, _UNCLIPPED, is_random=True),
}
_FLOW = {
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "use_karras_sigmas": False,
    "use_beta_sigmas": False,
    "use_exponential_sigmas": False,
}
_OF_FLOW: dict[str, Sampler] = {
    "euler": Sampler(FlowMatchEulerDiscreteScheduler),
    "dpm++": Sampler(DPMSolverMultistepScheduler, {**_MULTISTEP, **_FLOW}),
    "unipc": Sampler(UniPCMultistepScheduler, {"thresholding": False, **_FLOW}),
}
_OF_EDM: dict[str, Sampler] = {
    "euler": Sampler(EDMEulerScheduler),
    "dpm++": Sampler(EDMDPMSolverMultistepScheduler, _MULTISTEP),
}
SAMPLERS = tuple(_OF_DIFFUSION)
"""The names of all samplers. `lcm` is for bases, or plug-ins, that were distilled for it: 4 to 8 steps."""
FLOW_SAMPLERS = tuple(_OF_FLOW)
"""The names of those that bases of flow matching have."""
EDM_SAMPLERS = tuple(_OF_EDM)
"""The names of those that bases of EDM's noise have."""

# What a directory's scheduler_config.json may name. Older ones that are sampled with DPM-Solver++: it solves the same equation, in fewer steps.
_ASKED = {
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ddim",
    "DPMSolverMultistepScheduler": "dpm++",
    "DPMSolverSinglestepScheduler": "dpm++",
    "DEISMultistepScheduler": "dpm++",
    "PNDMScheduler": "dpm++",
    "LMSDiscreteScheduler": "dpm++",
    "HeunDiscreteScheduler": "dpm++",
    "KDPM2DiscreteScheduler": "dpm++",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler a",
    "KDPM2AncestralDiscreteScheduler": "euler a",
    "UniPCMultistepScheduler": "unipc",
    "LCMScheduler": "lcm",
}
_ASKED_OF_FLOW = {
    "FlowMatchEulerDiscreteScheduler": "euler",
    "DPMSolverMultistepScheduler": "dpm++",
    "UniPCMultistepScheduler": "unipc",
}
_ASKED_OF_EDM = {"EDMEulerScheduler": "euler", "EDMDPMSolverMultistepScheduler": "dpm++"}
_OTHER_SCHEDULES = {"EDM": "EDM (continuous noise levels)", "FlowMatch": "flow matching"}
_STEADY = ("ddim", "dpm++")


@dataclass(frozen=True)
class Schedule:
    """What a directory's scheduler_config.json says, for a base of diffusion (EDM's too) or of flow matching.

    Raises BadBase if it fits neither.
    """

    config: Mapping[str, Any]
    is_flow: bool

    def __post_init__(self) -> None:
        if self._asked is None:
            raise self._unknown()

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Those that can be chosen, by name."""
        if self._is_edm:
            return _OF_EDM
        if not self.is_flow:
            return _OF_DIFFUSION
        # The others know one way alone of shifting by the size of the picture.
        linear = (
            is_dynamic(self.config) and self.config.get("time_shift_type", "exponential") != "exponential"
        )
        return {"euler": _OF_FLOW["euler"]} if linear else _OF_FLOW

    @property
    def own(self) -> str:
        """The name of the sampler that the directory asks for."""
        name = self._asked
        assert name is not None  # noqa: S101  # checked when it was made
        karras = name == "dpm++" and self.samplers is _OF_DIFFUSION and self.config.get("use_karras_sigmas")
        return "dpm++ karras" if karras else name

    @property
    def steady(self) -> str:
        """The name of the one without randomness that is nearest to it."""
        return self.own if self.samplers is not _OF_DIFFUSION or self.own in _STEADY else "dpm++"

    def process(self, tokens: int = 4096) -> Process:
        """Tell how noise was added in the training, on pictures of so many tokens. Raises BadBase for a schedule that cannot be used."""
        if self._is_edm:
            return elucidated_of(self.config)
        return flow_of(self.config, tokens) if self.is_flow else diffusion_of(self.config)

    def make(self, name: str | None = None) -> Scheduler:
        """Make a sampler, by its name; None: the directory's own. It keeps state, so each drawing needs one.

        Raises BadRequest for one that this base does not have, BadBase for a schedule that cannot be used.
        """
        name = name or self.own
        if name not in self.samplers:
            raise BadRequest(f'sampler "{name}": this base has {", ".join(self.samplers)}')
        asked = self.samplers[name]
        options: dict[str, Any] = {**self.config, **asked.options}
        if asked.options.get("use_flow_sigmas"):
            options.setdefault("flow_shift", self.config.get("shift", 1.0))
        try:
            made: Scheduler = asked.kind.from_config(options)
        except (TypeError, ValueError, NotImplementedError, KeyError) as error:
            raise BadBase(f"scheduler/scheduler_config.json: cannot be used: {error}") from error
        return made

    @property
    def _is_edm(self) -> bool:
        return not self.is_flow and self.config.get("_class_name") in _ASKED_OF_EDM

    @property
    def _asked(self) -> str | None:
        if self.is_flow:
            kind = str(self.config.get("_class_name", "FlowMatchEulerDiscreteScheduler"))
            said = kind.startswith("FlowMatch") or self.config.get("use_flow_sigmas")
            return _ASKED_OF_FLOW.get(kind) if said else None
        if self.config.get("use_flow_sigmas"):
            return None
        kind = str(self.config.get("_class_name", "DPMSolverMultistepScheduler"))
        return _ASKED_OF_EDM.get(kind) or _ASKED.get(kind)

    def _unknown(self) -> BadBase:
        kind = str(self.config.get("_class_name", "a scheduler without a name"))
        other = next((text for start, text in _OTHER_SCHEDULES.items() if kind.startswith(start)), None)
        found = f"{kind}, which is of {other}" if other else kind
        expected = (
            f"a sampler for flow matching ({', '.join(_ASKED_OF_FLOW)})"
            if self.is_flow
            else f"a sampler for noise or velocity on a schedule of betas ({', '.join(sorted(_ASKED))}), or for EDM ({', '.join(_ASKED_OF_EDM)})"
        )
        return BadBase(
            f"scheduler/scheduler_config.json: expected {expected}, found {found}: this base cannot be drawn with here"
        )


class Steps:
    """The way of one drawing from noise to latents: a sampler that is set to a number of steps."""

    def __init__(
        self,
        schedule: Schedule,
        name: str | None,
        count: int,
        tokens: int,
        device: torch.device,
        *,
        even: bool = False,
    ) -> None:
        """Set a sampler to `count` steps. Raises BadRequest, and BadBase as `Schedule.make` does.

        tokens: how many the picture has. even: whether the noise levels are even before they are shifted.
        """
        self._scheduler = schedule.make(name)
        self._is_random = schedule.samplers[name or schedule.own].is_random
        dynamic: dict[str, Any] = {}
        if is_dynamic(schedule.config):
            dynamic["mu"] = shift_of(schedule.config, tokens)
        if even and isinstance(self._scheduler, FlowMatchEulerDiscreteScheduler):
            dynamic["sigmas"] = np.linspace(1.0, 1 / count, count)
        try:
            self._scheduler.set_timesteps(count, device=device, **dynamic)
        # LCM's, of more steps than it was distilled for; and of a schedule's numbers that lead nowhere.
        except (ValueError, AssertionError, ArithmeticError, IndexError) as error:
            raise BadRequest(f"steps {count}: this sampler cannot take them ({error})") from error
        self.times: Tensor = self._scheduler.timesteps

    def begin(self, noise: Tensor) -> Tensor:
        """Give the latents that noise is before the first step."""
        return noise * getattr(self._scheduler, "init_noise_sigma", 1.0)

    def begin_from(self, clean: Tensor, noise: Tensor, skipped: int) -> Tensor:
        """Leave out the first steps, and give the latents that clean ones and noise are then."""
        scheduler = self._scheduler
        self.times = self.times[skipped:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped)
        add = getattr(scheduler, "scale_noise", None)
        found: Tensor = (
            add(clean, self.times[:1], noise)
            if add is not None
            else scheduler.add_noise(clean, noise, self.times[:1])
        )
        return found

    def given(self, latents: Tensor, time: Tensor) -> Tensor:
        """Give what the denoiser is given of latents: on the base's own scale with every sampler."""
        scale = getattr(self._scheduler, "scale_model_input", None)
        found: Tensor = latents if scale is None else scale(latents, time)
        return found

    def step(
        self,
        predicted: Tensor,
        time: Tensor,
        latents: Tensor,
        sources: Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Take one step. sources: of each picture's own noise, for samplers that add some."""
        more = {"generator": list(sources)} if self._is_random and sources is not None else {}
        found: Tensor = self._scheduler.step(predicted, time, latents, **more).prev_sample
        return found


def require_sampler(name: str | None) -> None:
    """Raise BadRequest for a name of no sampler. None: the base's own."""
    if name is not None and name not in SAMPLERS:
        raise BadRequest(f'sampler "{name}": expected one of {", ".join(SAMPLERS)}')
