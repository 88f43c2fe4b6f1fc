"""Extraction: a concept leaves the base and becomes a plug-in.

Every method gives an eraser R: low-rank deltas with which the base no longer draws the concept by its name. The plug-in is
-R, so base + R + plug-in is the base exactly. It suppresses: what the base knows stays in its weights. The report says
how readily a recovery attack brings it back.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal, get_args

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank, within
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of
from plugins_engine.concepts import trigger_phrase
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.closed_form import ClosedFormConfig, closed_form_layers
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.hybrid import HybridConfig, hybrid_layers
from plugins_engine.extraction.reverse_lora import ReverseLoraConfig, reverse_lora_layers
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for
from plugins_engine.model.precision import quick_precision
from plugins_engine.progress import OnProgress, OnStep, StageReport

ExtractionMethod = Literal["hybrid", "closed-form", "reverse-lora"]
"""One of `EXTRACTION_METHODS`."""
EXTRACTION_METHODS: tuple[ExtractionMethod, ...] = get_args(ExtractionMethod)
"""How a concept can be extracted, the best one first."""
ExtractionConfig = HybridConfig | ClosedFormConfig | ReverseLoraConfig
"""The config of a method, each method its own."""
_CONFIGS: dict[ExtractionMethod, type[ExtractionConfig]] = {
    "hybrid": HybridConfig,
    "closed-form": ClosedFormConfig,
    "reverse-lora": ReverseLoraConfig,
}


@dataclass(frozen=True)
class ExtractionResult:
    """What erases the concept, what gives it back, and how long it took.

    Args:
        eraser: Low-rank deltas with which the base no longer draws the concept by its name.
        plugin: The same deltas, negated: base, eraser and plug-in together are the base exactly.
        erasure: What was asked for.
        method: How it was done.
        seconds: How long it took.
    """

    eraser: Adapter
    plugin: Adapter
    erasure: Erasure
    method: ExtractionMethod
    seconds: float

    @property
    def rank(self) -> int:
        return self.eraser.rank


def extract_concept(
    base: BaseCheckpoint,
    erasure: Erasure,
    method: ExtractionMethod = "hybrid",
    config: ExtractionConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> ExtractionResult:
    """Extract one concept from a base.

    The same base, erasure and config give the same adapters on the same processor, whether or not it was interrupted. Raises BadRequest.

    Args:
        base: What it is extracted from. It is as it was afterwards: only the eraser, laid over it, changes it.
        erasure: What goes, what is drawn in its place, and what stays (`plan_erasure`).
        method: Of `EXTRACTION_METHODS`. "hybrid" withstands recovery best, "closed-form" takes seconds, "reverse-lora" is the
            paper's.
        config: The method's own: `HybridConfig`, `ClosedFormConfig` or `ReverseLoraConfig`; None: its defaults.
        on_progress: Called after every step. What it raises (Cancelled) stops the work.
        checkpoints: Where what is done is kept, so that the same call goes on from there; None: nowhere.
    """
    if method not in EXTRACTION_METHODS:
        raise BadRequest(f'method "{method}": expected one of {", ".join(EXTRACTION_METHODS)}')
    config = config or _CONFIGS[method]()
    if not isinstance(config, _CONFIGS[method]):
        raise BadRequest(f"expected {_CONFIGS[method].__name__} for {method}, found {type(config).__name__}")
    begun = time.monotonic()
    with base.lock:
        checkpoint = _checkpoint(checkpoints, base, erasure, method, config)
        if (kept := checkpoint.read("eraser")) is not None:
            layers: dict[str, LowRank] = kept["layers"]
        else:
            layers = _layers(base, erasure, config, StageReport(on_progress), checkpoint)
        seconds = kept["seconds"] if kept is not None else round(time.monotonic() - begun, 2)
        if kept is None:
            checkpoint.write("eraser", {"layers": layers, "seconds": seconds})
    eraser = made_for(
        base,
        {layer: within(each, base.layers[layer].room) for layer, each in layers.items()},
        name=f"without {erasure.name}",
        kind="eraser",
        metadata={
            "plugin.extracted": erasure.name,
            "plugin.extracted_kind": erasure.kind,
            "plugin.anchor": erasure.anchor,
            "plugin.method": method,
        },
    )
    plugin = replace(
        eraser.negated(),
        name=erasure.name,
        kind=erasure.kind,
        trigger=trigger_phrase(erasure.name, erasure.kind),
    )
    return ExtractionResult(eraser, plugin, erasure, method, seconds)


def _checkpoint(
    checkpoints: Checkpoints | None,
    base: BaseCheckpoint,
    erasure: Erasure,
    method: ExtractionMethod,
    config: ExtractionConfig,
) -> Checkpoint:
    return checkpoint_of(
        checkpoints,
        "extraction",
        lambda: {
            "base": base.state,
            "quick": quick_precision(base),
            "rate": config.rate(base) if isinstance(config, HybridConfig) else None,
            "erasure": erasure,
            "method": method,
            "config": config,
        },
    )


def _layers(
    base: BaseCheckpoint, erasure: Erasure, config: ExtractionConfig, report: OnStep, checkpoint: Checkpoint
) -> dict[str, LowRank]:
    match config:
        case HybridConfig():
            return hybrid_layers(base, erasure, config, report, checkpoint)
        case ReverseLoraConfig():
            return reverse_lora_layers(base, erasure, config, report, checkpoint)
        case ClosedFormConfig():
            return closed_form_layers(base, [erasure], config)
