"""The samplers that pictures can be drawn with, by name, and which of them a directory asks for."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

from plugins_engine.errors import BadBase, BadRequest

Scheduler: TypeAlias = (
    DDIMScheduler
    | DPMSolverMultistepScheduler
    | EulerAncestralDiscreteScheduler
    | EulerDiscreteScheduler
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
SAMPLERS: dict[str, Sampler] = {
    "ddim": Sampler(DDIMScheduler, _UNCLIPPED),
    "dpm++": Sampler(DPMSolverMultistepScheduler, _MULTISTEP),
    "dpm++ karras": Sampler(DPMSolverMultistepScheduler, {**_MULTISTEP, "use_karras_sigmas": True}),
    "euler": Sampler(EulerDiscreteScheduler),
    "euler a": Sampler(EulerAncestralDiscreteScheduler, is_random=True),
    "unipc": Sampler(UniPCMultistepScheduler, {"thresholding": False}),
    "lcm": Sampler(LCMScheduler, _UNCLIPPED, is_random=True),
}
"""For bases that predict noise or velocity. `lcm` is for bases, or plug-ins, that were distilled for it: 4 to 8 steps."""

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
_OTHER_SCHEDULES = {"EDM": "EDM (continuous noise levels)", "FlowMatch": "flow matching"}
_STEADY = ("ddim", "dpm++")


def sampler_of(config: dict[str, Any]) -> str:
    """Name the sampler that a directory asks for. Raises BadBase for one that is not understood, saying which."""
    where, kind = (
        "scheduler/scheduler_config.json",
        str(config.get("_class_name", "DPMSolverMultistepScheduler")),
    )
    name = _ASKED.get(kind)
    if name is None:
        other = next((text for start, text in _OTHER_SCHEDULES.items() if kind.startswith(start)), None)
        found = f"{kind}, which is of {other}" if other else kind
        raise BadBase(
            f"{where}: expected a sampler for noise or velocity on a schedule of betas ({', '.join(sorted(set(_ASKED)))}), found {found}: "
            "this base cannot be drawn with here"
        )
    return "dpm++ karras" if name == "dpm++" and config.get("use_karras_sigmas") else name


def scheduler_of(config: dict[str, Any], sampler: str) -> Scheduler:
    """Make a sampler for a directory's noise schedule. Raises BadBase if the schedule cannot be used.

    It keeps state between steps, so each drawing needs one of its own.
    """
    asked = SAMPLERS[sampler]
    try:
        made: Scheduler = asked.kind.from_config({**config, **asked.options})
    except (TypeError, ValueError, NotImplementedError, KeyError) as error:
        raise BadBase(f"scheduler/scheduler_config.json: cannot be used: {error}") from error
    return made


def steady_scheduler(config: dict[str, Any]) -> Scheduler:
    """Make the sampler without randomness that is nearest to the one a directory asks for."""
    name = sampler_of(config)
    return scheduler_of(config, name if name in _STEADY else "dpm++")


def require_sampler(name: str | None) -> None:
    """Raise BadRequest for a name of no sampler. None: the base's own."""
    if name is not None and name not in SAMPLERS:
        raise BadRequest(f'sampler "{name}": expected one of {", ".join(SAMPLERS)}')
