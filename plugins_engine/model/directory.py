"""What lies in a diffusers directory: found and checked before any weight is read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins_engine.errors import BadBase
from plugins_engine.model.layouts import LAYOUTS, Layout

EMBEDDED = Path(__file__).parents[1] / "embedded"
"""The directory of the small base that comes with this library."""

CHAT_TEMPLATE = "chat_template"
"""Under which a tokenizer's config has it."""
MAX_TEMPLATE = 100_000
"""Characters of a chat template. Published ones have a few thousand."""

WEIGHT_VARIANTS = (None, "fp16", "bf16", "non_ema")
"""What may stand in the names of a part's weights, as in "model.fp16.safetensors". The first one found is taken."""


@dataclass(frozen=True)
class ModelDirectory:
    """A checked diffusers directory.

    Args:
        path: Where it lies.
        index: Its `model_index.json`.
        configs: The config of each part; of a language model's tokenizer, its chat template.
        weights: Of each part, its safetensors files.
        variants: Of each part, the variant in its files' names ("fp16"), or None.
        vocabularies: The tokenizers' files.
    """

    path: Path
    index: dict[str, Any]
    configs: dict[str, dict[str, Any]]
    weights: dict[str, list[Path]]
    variants: dict[str, str | None]
    vocabularies: list[Path]

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.index["_class_name"]]

    @property
    def encoders(self) -> list[str]:
        """The folders of the text encoders that it has."""
        return [part for part in self.layout.encoders if part in self.weights]


def read_directory(path: Path) -> ModelDirectory:
    """Find every part of a pipeline, or raise BadBase naming the first file that is missing or wrong."""
    if not path.is_dir():
        found = "a file, of which `python -m plugins_engine unpack` makes one" if path.exists() else "nothing"
        raise BadBase(f"{path}: expected a diffusers model directory, found {found}")
    index = read_json(path / "model_index.json")
    kind = index.get("_class_name")
    if kind not in LAYOUTS:
        raise BadBase(
            f"{path / 'model_index.json'}: expected one of {', '.join(LAYOUTS)}, found {kind or 'no _class_name'}"
        )
    layout = LAYOUTS[kind]
    absent = [part for part in layout.optional if _is_absent(index, part)]
    parts = [part for part in layout.parts if part not in absent]
    for part in parts:
        if _is_absent(index, part):
            raise BadBase(
                f"{path / 'model_index.json'}: this pipeline has no {part}, so it cannot draw from a prompt by "
                f"itself (an SDXL refiner?); expected a base model"
            )
    configs = {part: read_json(path / part / "config.json") for part in parts}
    configs["scheduler"] = read_json(path / "scheduler" / "scheduler_config.json")
    _require_base(path / layout.folder / "config.json", configs[layout.folder], layout)
    weights: dict[str, list[Path]] = {}
    variants: dict[str, str | None] = {}
    for part in parts:
        stem = "diffusion_pytorch_model" if part in (layout.folder, "vae") else "model"
        weights[part], variants[part] = find_weights(path / part, stem)
    vocabularies: list[Path] = []
    for part in parts:
        if part.startswith("text_encoder"):
            vocabularies += _vocabulary(path / tokenizer_of(part))
    for part in layout.chats:
        configs[tokenizer_of(part)] = {CHAT_TEMPLATE: _chat_template(path / tokenizer_of(part))}
    return ModelDirectory(path, index, configs, weights, variants, vocabularies)


def tokenizer_of(encoder: str) -> str:
    """Give the folder of a text encoder's tokenizer."""
    return encoder.replace("text_encoder", "tokenizer")


def _chat_template(folder: Path) -> str:
    """Read what a language model's prompts are written into; newer directories have it in a file of its own."""
    own = folder / "chat_template.jinja"
    found: object = None
    if own.is_file():
        try:
            found = own.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BadBase(f"{own}: expected a template, it cannot be read ({error})") from error
    else:
        found = read_json(folder / "tokenizer_config.json").get(CHAT_TEMPLATE)
    if not isinstance(found, str):
        raise BadBase(
            f"{folder}: expected a chat template, as chat_template.jinja or as {CHAT_TEMPLATE} in tokenizer_config.json, found none"
        )
    if len(found) > MAX_TEMPLATE:
        raise BadBase(
            f"{folder}: expected a chat template of at most {MAX_TEMPLATE} characters, found {len(found)}"
        )
    return found


def _require_base(file: Path, config: dict[str, Any], layout: Layout) -> None:
    kind = config.get("_class_name")
    if kind != layout.denoiser:
        raise BadBase(f"{file}: expected a {layout.denoiser}, found {kind or 'no class'}")
    channels = config.get("in_channels", layout.channels)
    latents = config.get("out_channels", layout.channels) or channels
    if channels != latents:
        raise BadBase(
            f"{file}: expected as many input channels as latent channels ({latents}), found {channels}: an inpainting or "
            "depth model cannot draw from a prompt alone"
        )


def _is_absent(index: dict[str, Any], part: str) -> bool:
    said = index.get(part)
    return not isinstance(said, list) or not said or said[0] is None


def find_weights(folder: Path, stem: str) -> tuple[list[Path], str | None]:
    for variant in WEIGHT_VARIANTS:
        name = f"{stem}.{variant}" if variant else stem
        single = folder / f"{name}.safetensors"
        if single.is_file():
            return [single], variant
        shards = folder / (
            f"{stem}.safetensors.index.{variant}.json" if variant else f"{stem}.safetensors.index.json"
        )
        if shards.is_file():
            files = sorted(
                {folder / Path(str(each)).name for each in read_json(shards)["weight_map"].values()}
            )
            for file in files:
                if not file.is_file():
                    raise BadBase(f"{file}: expected this part of the weights, found nothing")
            return files, variant
    others = sorted(
        each.name for each in folder.glob("*") if each.suffix in (".bin", ".ckpt", ".pt", ".msgpack")
    )
    found = f"only {', '.join(others)}; convert it to safetensors" if others else "no weights"
    raise BadBase(f"{folder}: expected {stem}.safetensors, found {found}")


def _vocabulary(folder: Path) -> list[Path]:
    pair = [folder / "vocab.json", folder / "merges.txt"]
    if all(each.is_file() for each in pair):
        return pair
    if (folder / "tokenizer.json").is_file():
        return [folder / "tokenizer.json"]
    raise BadBase(f"{folder}: expected vocab.json and merges.txt, or tokenizer.json, found neither")


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadBase(f"{path}: expected this file of a diffusers model directory, found nothing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadBase(f"{path}: expected JSON, found something else ({error})") from error
    if not isinstance(content, dict):
        raise BadBase(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content
