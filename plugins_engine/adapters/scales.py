"""The scale of a plug-in's factors, from wherever its file says it.

A layer's own `alpha` tensor comes first. Next is what peft calls a config: in the header (`lora_adapter_metadata`, as diffusers
writes it) or beside the file (`adapter_config.json`). Last are kohya's header summaries (`ss_network_alpha`), and those only where
`ss_network_dim` is the layer's rank: the summary of a resized file is out of date. Without any, the scale is 1.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from plugins_engine.errors import BadAdapter

ADAPTER_METADATA = "lora_adapter_metadata"
"""The key of the header under which diffusers writes peft's configs."""
CONFIG_FILE = "adapter_config.json"
_COMPONENTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3")
_DENOISERS = ("unet", "transformer")
_PATTERN_SECONDS = 0.5  # for one pattern on one layer: a hostile one may never end
_MOST_PATTERNS = 10_000


@dataclass(frozen=True)
class PeftConfig:
    """What one of peft's configs says of scales."""

    rank: float | None = None
    alpha: float | None = None
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    rank_pattern: Mapping[str, float] = field(default_factory=dict)
    root: bool = False
    decomposed: bool = False

    def scale(self, layer: str, rank: int | None) -> float | None:
        """Give alpha / rank, or alpha / √rank with rsLoRA; None if it says no alpha."""
        alpha = _matching(self.alpha_pattern, layer, self.alpha)
        of = rank or _matching(self.rank_pattern, layer, self.rank)
        if alpha is None or not of:
            return None
        return alpha / (math.sqrt(of) if self.root else of)


@dataclass(frozen=True)
class Scales:
    """All that a file, and what lies beside it, says of scales.

    configs: for each place that has them, its configs by component; "" is a config for every component.
    """

    name: str
    configs: Sequence[tuple[str, Mapping[str, PeftConfig]]] = ()
    summary: Mapping[str, str] = field(default_factory=dict)

    def of(self, layer: str, rank: int | None, alpha: float | None, *, convolved: bool, kohya: bool) -> float:
        """Give a layer's scale. Raises BadAdapter if two configs disagree.

        Args:
            layer: Its name, in a text encoder beginning with the encoder's.
            rank: Of the factors; None where nothing is of low rank.
            alpha: The layer's own, None if it has none.
            convolved: Whether it is a convolution larger than 1x1, which kohya's trainer gives an alpha of its own.
            kohya: Whether the keys are kohya's.
        """
        if alpha is not None:
            return alpha / rank if rank else 1.0
        said = {
            place: scale
            for place, configs in self.configs
            if (scale := self._in_config(configs, layer, rank)) is not None
        }
        values = list(said.values())
        if any(not math.isclose(each, values[0], rel_tol=1e-6) for each in values):
            listed = " and ".join(f"{scale:g} by its {place}" for place, scale in said.items())
            raise BadAdapter(
                f"{self.name}: expected one scale of {layer}, found {listed}; take away the one that is wrong"
            )
        if values:
            return values[0]
        return self._in_summary(rank, convolved) if kohya else 1.0

    def says_decomposed(self, layer: str) -> bool:
        """Say whether a config calls a layer's delta weight-decomposed (DoRA)."""
        found = [_config_of(configs, layer) for _, configs in self.configs]
        return any(each is not None and each.decomposed for each in found)

    def _in_config(self, configs: Mapping[str, PeftConfig], layer: str, rank: int | None) -> float | None:
        config = _config_of(configs, layer)
        if config is None:
            return None
        try:
            return config.scale(layer, rank)
        except (regex.error, TimeoutError) as error:
            raise BadAdapter(
                f"{self.name}: expected patterns of layers' names in its config, found one that cannot be used ({error})"
            ) from None

    def _in_summary(self, rank: int | None, convolved: bool) -> float:
        dim, alpha = self.summary.get("ss_network_dim"), self.summary.get("ss_network_alpha")
        if convolved:
            arguments = _object(self.summary.get("ss_network_args", ""))
            dim, alpha = arguments.get("conv_dim", dim), arguments.get("conv_alpha", alpha)
        of, found = _number(dim), _number(alpha)
        return found / of if of and found is not None and of == rank else 1.0


def scales_of(name: str, metadata: Mapping[str, str], config: str | None = None) -> Scales:
    """Read what a file's metadata, and the adapter_config.json beside it, say. Raises BadAdapter for a config that is none."""
    configs = []
    if said := metadata.get(ADAPTER_METADATA):
        configs.append(
            (f"header's {ADAPTER_METADATA}", _configs(_required(said, name, ADAPTER_METADATA), name))
        )
    if config is not None:
        configs.append((CONFIG_FILE, _configs(_required(config, name, CONFIG_FILE), name)))
    return Scales(name, configs, metadata)


def _config_of(configs: Mapping[str, PeftConfig], layer: str) -> PeftConfig | None:
    component = layer.split(".", 1)[0]
    names = (component, "") if component.startswith("text_encoder") else (*_DENOISERS, "")
    return next((configs[each] for each in names if each in configs), None)


def _configs(said: Mapping[str, Any], name: str) -> dict[str, PeftConfig]:
    """Part what a header says by component: diffusers writes "unet.lora_alpha", others "lora_alpha" for all."""
    parted: dict[str, dict[str, Any]] = {}
    for key, value in said.items():
        component, _, rest = key.partition(".")
        if component in _COMPONENTS and rest:
            parted.setdefault(component, {})[rest] = value
        else:
            parted.setdefault("", {})[key] = value
    found = {component: _config(each, name) for component, each in parted.items()}
    return {
        component: each for component, each in found.items() if each.alpha is not None or each.alpha_pattern
    }


def _config(said: Mapping[str, Any], name: str) -> PeftConfig:
    return PeftConfig(
        rank=_positive(said, "r", name),
        alpha=_positive(said, "lora_alpha", name, "alpha"),
        alpha_pattern=_pattern(said.get("alpha_pattern"), "alpha_pattern", name),
        rank_pattern=_pattern(said.get("rank_pattern"), "rank_pattern", name),
        root=bool(said.get("use_rslora")),
        decomposed=bool(said.get("use_dora")),
    )


def _positive(said: Mapping[str, Any], key: str, name: str, other: str = "") -> float | None:
    value = said.get(key, said.get(other)) if other else said.get(key)
    if value is None:
        return None
    found = _number(value)
    if found is None:
        raise BadAdapter(f"{name}: expected a finite number as {key} in its config, found {str(value)[:60]}")
    return found


def _pattern(said: Any, key: str, name: str) -> dict[str, float]:
    if not said:
        return {}
    if not isinstance(said, dict) or len(said) > _MOST_PATTERNS:
        raise BadAdapter(
            f"{name}: expected an object of at most {_MOST_PATTERNS} patterns as {key} in its config, found {type(said).__name__}"
        )
    found = {pattern: _positive(said, pattern, name) for pattern in said}
    return {pattern: value for pattern, value in found.items() if value is not None}


def _matching(patterns: Mapping[str, float], layer: str, otherwise: float | None) -> float | None:
    """Give the value of the first pattern that ends a layer's name, as peft matches them."""
    _, _, inner = layer.partition(".") if layer.startswith("text_encoder") else ("", "", layer)
    for pattern, value in patterns.items():
        # Most are whole names, and a file may have as many as it has layers.
        if pattern == inner or regex.match(rf"(.*\.)?({pattern})$", inner, timeout=_PATTERN_SECONDS):
            return value
    return otherwise


def _required(text: str, name: str, where: str) -> dict[str, Any]:
    found = _object(text)
    if not found:
        raise BadAdapter(f"{name}: expected a JSON object as {where}, found {text[:60]!r}")
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    """Give a finite number, written as one or as text; None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and not isinstance(value, bool) else None
