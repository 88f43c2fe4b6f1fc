"""Low-rank plug-ins for latent diffusion models: make them, read them, draw with them. Knows nothing of the market.

The public Python API is what this package exports; docs/reference/python-api.md describes it. A name is loaded on its first use.
So words, errors and progress do not load torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Set before torch is loaded: its threads then give their core away while they wait for each other. By default they spin on it,
# which slows whatever else computes there (`python -m benchmarks sharing` measures it). A first moment of spinning, some
# microseconds, is kept: without it a small request takes twice as long where nothing else computes.
if os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE").upper() == "PASSIVE":
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

if TYPE_CHECKING:
    from plugins_engine.adapters.adapter import READING, Adapter, weighted_sum
    from plugins_engine.adapters.learned_tokens import LearnedTokens
    from plugins_engine.adapters.sources import Source, state_sources
    from plugins_engine.addition.config import AdditionConfig
    from plugins_engine.addition.on_the_way import OnTheWay
    from plugins_engine.addition.training import AdditionResult, add_concept
    from plugins_engine.carrying.carrying import Carried, carry
    from plugins_engine.carrying.config import CARRYING_METHODS, CarryingConfig, CarryingMethod
    from plugins_engine.checkpoints import Checkpoint, Checkpoints
    from plugins_engine.combination.config import COMBINATION_METHODS, CombinationConfig, CombinationMethod
    from plugins_engine.combination.easymerge import Combination, combine
    from plugins_engine.combination.parts import CombinationPart, joint_parts
    from plugins_engine.combination.prompts import parts_drawing
    from plugins_engine.concepts import (
        KINDS,
        Concept,
        calls,
        evenly,
        in_turn,
        styled,
        trigger_phrase,
        without_article,
    )
    from plugins_engine.errors import (
        BadAdapter,
        BadBase,
        BadPicture,
        BadPrompt,
        BadRequest,
        BaseMismatch,
        BrokenPicture,
        DeviceUnavailable,
        EngineError,
    )
    from plugins_engine.evidence.config import CaptionedPictures, EvidenceConfig
    from plugins_engine.evidence.membership import Membership, Roc, find_membership
    from plugins_engine.evidence.report import evidence_content, evidence_sentences
    from plugins_engine.evidence.reproduction import Agreement, Nearest, Reproduction, find_reproductions
    from plugins_engine.evidence.verbatim import GivenBack, VerbatimConfig, find_given_back
    from plugins_engine.extraction.closed_form import ClosedFormConfig
    from plugins_engine.extraction.erasure import Erasure, plan_erasure
    from plugins_engine.extraction.examination import (
        STAGES,
        Examination,
        ExaminationConfig,
        Grid,
        examine,
        judge_for,
    )
    from plugins_engine.extraction.hybrid import HybridConfig
    from plugins_engine.extraction.methods import (
        EXTRACTION_METHODS,
        ExtractionConfig,
        ExtractionMethod,
        ExtractionResult,
        extract_concept,
    )
    from plugins_engine.extraction.release import (
        CombinedErasers,
        ErasedConcept,
        ReleaseConfig,
        ReleaseTest,
        check_release,
        combine_erasers,
    )
    from plugins_engine.extraction.restoration import Restoration, restoring_plugin
    from plugins_engine.extraction.reverse_lora import ReverseLoraConfig
    from plugins_engine.known import Known, known_concepts, known_prompts
    from plugins_engine.measure.judge import Judge, Verdict, judge_of, seen
    from plugins_engine.measure.metrics import Kid, Rate, kid, moved
    from plugins_engine.model.base import BaseCheckpoint
    from plugins_engine.model.branches import Weighted, applied, completed, require_fit
    from plugins_engine.model.directory import EMBEDDED, WEIGHT_VARIANTS, ModelDirectory, read_directory
    from plugins_engine.model.effects import difference
    from plugins_engine.model.families.family import LAYER_KINDS
    from plugins_engine.model.likeness import SKETCH_LENGTH, Explained, explained, sketch
    from plugins_engine.model.loading import find_device, load_base, usual_precision
    from plugins_engine.model.memory import (
        AvailableMemory,
        MemoryNeed,
        available_memory,
        in_gigabytes,
        memory_need,
    )
    from plugins_engine.model.sampler import SampleRequest, generate, generate_each
    from plugins_engine.model.unpacking import Unpacked, unpack
    from plugins_engine.progress import Cancelled, OnProgress, OnStep, Pace, Progress, StageReport
    from plugins_engine.works import read_picture, read_works

__all__ = [
    "CARRYING_METHODS",
    "COMBINATION_METHODS",
    "EMBEDDED",
    "EXTRACTION_METHODS",
    "KINDS",
    "LAYER_KINDS",
    "READING",
    "SKETCH_LENGTH",
    "STAGES",
    "WEIGHT_VARIANTS",
    "Adapter",
    "AdditionConfig",
    "AdditionResult",
    "Agreement",
    "AvailableMemory",
    "BadAdapter",
    "BadBase",
    "BadPicture",
    "BadPrompt",
    "BadRequest",
    "BaseCheckpoint",
    "BaseMismatch",
    "BrokenPicture",
    "Cancelled",
    "CaptionedPictures",
    "Carried",
    "CarryingConfig",
    "CarryingMethod",
    "Checkpoint",
    "Checkpoints",
    "ClosedFormConfig",
    "Combination",
    "CombinationConfig",
    "CombinationMethod",
    "CombinationPart",
    "CombinedErasers",
    "Concept",
    "DeviceUnavailable",
    "EngineError",
    "ErasedConcept",
    "Erasure",
    "EvidenceConfig",
    "Examination",
    "ExaminationConfig",
    "Explained",
    "ExtractionConfig",
    "ExtractionMethod",
    "ExtractionResult",
    "GivenBack",
    "Grid",
    "HybridConfig",
    "Judge",
    "Kid",
    "Known",
    "LearnedTokens",
    "Membership",
    "MemoryNeed",
    "ModelDirectory",
    "Nearest",
    "OnProgress",
    "OnStep",
    "OnTheWay",
    "Pace",
    "Progress",
    "Rate",
    "ReleaseConfig",
    "ReleaseTest",
    "Reproduction",
    "Restoration",
    "ReverseLoraConfig",
    "Roc",
    "SampleRequest",
    "Source",
    "StageReport",
    "Unpacked",
    "VerbatimConfig",
    "Verdict",
    "Weighted",
    "add_concept",
    "applied",
    "available_memory",
    "calls",
    "carry",
    "check_release",
    "combine",
    "combine_erasers",
    "completed",
    "difference",
    "evenly",
    "evidence_content",
    "evidence_sentences",
    "examine",
    "explained",
    "extract_concept",
    "find_device",
    "find_given_back",
    "find_membership",
    "find_reproductions",
    "generate",
    "generate_each",
    "in_gigabytes",
    "in_turn",
    "joint_parts",
    "judge_for",
    "judge_of",
    "kid",
    "known_concepts",
    "known_prompts",
    "load_base",
    "memory_need",
    "moved",
    "parts_drawing",
    "plan_erasure",
    "read_directory",
    "read_picture",
    "read_works",
    "require_fit",
    "restoring_plugin",
    "seen",
    "sketch",
    "state_sources",
    "styled",
    "trigger_phrase",
    "unpack",
    "usual_precision",
    "weighted_sum",
    "without_article",
]

# The module of each name, in the order in which the reference page tells of them.
HOMES: dict[str, tuple[str, ...]] = {
    "model.loading": ("load_base", "usual_precision", "find_device"),
    "model.unpacking": ("unpack", "Unpacked"),
    "model.base": ("BaseCheckpoint",),
    "model.families.family": ("LAYER_KINDS",),
    "model.sampler": ("generate", "generate_each", "SampleRequest"),
    "model.branches": ("applied", "Weighted", "require_fit", "completed"),
    "model.effects": ("difference",),
    "model.likeness": ("explained", "Explained", "sketch", "SKETCH_LENGTH"),
    "model.directory": ("EMBEDDED", "read_directory", "ModelDirectory", "WEIGHT_VARIANTS"),
    "model.memory": ("memory_need", "MemoryNeed", "available_memory", "AvailableMemory", "in_gigabytes"),
    "adapters.adapter": ("Adapter", "weighted_sum", "READING"),
    "adapters.learned_tokens": ("LearnedTokens",),
    "adapters.sources": ("Source", "state_sources"),
    "addition.training": ("add_concept", "AdditionResult"),
    "addition.config": ("AdditionConfig",),
    "addition.on_the_way": ("OnTheWay",),
    "extraction.erasure": ("plan_erasure", "Erasure"),
    "extraction.methods": (
        "extract_concept",
        "ExtractionResult",
        "EXTRACTION_METHODS",
        "ExtractionMethod",
        "ExtractionConfig",
    ),
    "extraction.hybrid": ("HybridConfig",),
    "extraction.closed_form": ("ClosedFormConfig",),
    "extraction.reverse_lora": ("ReverseLoraConfig",),
    "extraction.examination": ("examine", "judge_for", "ExaminationConfig", "Examination", "Grid", "STAGES"),
    "extraction.restoration": ("restoring_plugin", "Restoration"),
    "extraction.release": (
        "combine_erasers",
        "check_release",
        "ReleaseConfig",
        "ErasedConcept",
        "CombinedErasers",
        "ReleaseTest",
    ),
    "combination.easymerge": ("combine", "Combination"),
    "combination.config": ("CombinationConfig", "CombinationMethod", "COMBINATION_METHODS"),
    "combination.parts": ("CombinationPart", "joint_parts"),
    "combination.prompts": ("parts_drawing",),
    "carrying.carrying": ("carry", "Carried"),
    "carrying.config": ("CarryingConfig", "CarryingMethod", "CARRYING_METHODS"),
    "evidence.config": ("EvidenceConfig", "CaptionedPictures"),
    "evidence.reproduction": ("find_reproductions", "Reproduction", "Nearest", "Agreement"),
    "evidence.membership": ("find_membership", "Membership", "Roc"),
    "evidence.report": ("evidence_content", "evidence_sentences"),
    "evidence.verbatim": ("find_given_back", "VerbatimConfig", "GivenBack"),
    "measure.judge": ("Judge", "Verdict", "judge_of", "seen"),
    "measure.metrics": ("moved", "Rate", "kid", "Kid"),
    "concepts": (
        "Concept",
        "KINDS",
        "calls",
        "evenly",
        "in_turn",
        "styled",
        "trigger_phrase",
        "without_article",
    ),
    "known": ("Known", "known_concepts", "known_prompts"),
    "works": ("read_picture", "read_works"),
    "checkpoints": ("Checkpoints", "Checkpoint"),
    "progress": ("Progress", "OnProgress", "Cancelled", "OnStep", "StageReport", "Pace"),
    "errors": (
        "EngineError",
        "BadBase",
        "BadAdapter",
        "BaseMismatch",
        "BadPrompt",
        "BadRequest",
        "BadPicture",
        "DeviceUnavailable",
        "BrokenPicture",
    ),
}
_MODULES = {name: module for module, names in HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker is to find the names above, and no others

    def __getattr__(name: str) -> object:
        """Load a public name (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
