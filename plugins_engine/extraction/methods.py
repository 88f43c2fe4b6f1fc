"""Extraction: a concept leaves the base and becomes a plug-in.

Every method gives an eraser R, low-rank deltas with which the base no longer draws the concept by its name. The plug-in is
-R, so base + R + plug-in is the base exactly. It suppresses: what the base knows stays in its weights, and the report says
how readily a recovery attack brings it back.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal, get_args

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import within
from plugins_engine.concepts import trigger_phrase
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.closed_form import ClosedFormConfig, closed_form_layers
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.hybrid import HybridConfig, hybrid_layers
from plugins_engine.extraction.reverse_lora import ReverseLoraConfig, reverse_lora_layers
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for
from plugins_engine.progress import OnProgress, StageReport

ExtractionMethod = Literal["hybrid", "closed-form", "reverse-lora"]
EXTRACTION_METHODS: tuple[ExtractionMethod, ...] = get_args(ExtractionMethod)
ExtractionConfig = HybridConfig | ClosedFormConfig | ReverseLoraConfig
_CONFIGS: dict[ExtractionMethod, type[ExtractionConfig]] = {
    "hybrid": HybridConfig,
    "closed-form": ClosedFormConfig,
    "reverse-lora": ReverseLoraConfig,
}


@dataclass(frozen=True)
class ExtractionResult:
    """The eraser R, the plug-in -R, and what it took: seconds, and the highest rank of a layer."""

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
) -> ExtractionResult:
    """Take one concept out of a base.

    The config is the method's own; None takes its defaults. `on_progress` is called after every step; what it raises
    (Cancelled) stops the work, and the base is as it was. The same base, erasure and config give the same adapters on the
    same processor. Raises BadRequest.
    """
    if method not in EXTRACTION_METHODS:
        raise BadRequest(f'method "{method}": expected one of {", ".join(EXTRACTION_METHODS)}')
    config = config or _CONFIGS[method]()
    if not isinstance(config, _CONFIGS[method]):
        raise BadRequest(f"expected {_CONFIGS[method].__name__} for {method}, found {type(config).__name__}")
    begun = time.monotonic()
    report = StageReport(on_progress)
    with base.lock:
        match config:
            case HybridConfig():
                layers = hybrid_layers(base, erasure, config, report)
            case ReverseLoraConfig():
                layers = reverse_lora_layers(base, erasure, config, report)
            case ClosedFormConfig():
                layers = closed_form_layers(base, [erasure], config)
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
    return ExtractionResult(eraser, plugin, erasure, method, round(time.monotonic() - begun, 2))
