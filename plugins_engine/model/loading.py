"""Load a base: from a diffusers directory, offline, onto a device."""

import os
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from plugins_engine.errors import BadBase, DeviceUnavailable
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import EMBEDDED, ModelDirectory, read_directory
from plugins_engine.model.samplers import steady_scheduler


def load_base(
    source: Path | str | None = None, device: str | torch.device = "cpu", dtype: torch.dtype | None = None
) -> BaseCheckpoint:
    """Load an SD 1.x, 2.x or SDXL diffusers directory. Never reaches for the network.

    Only safetensors are read: other formats can run code when opened. Raises BadBase, naming the file, or DeviceUnavailable.

    Args:
        source: The directory; None: the embedded base.
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: Number format; None: half precision on CUDA and float32 elsewhere.
    """
    directory = read_directory(EMBEDDED if source is None else Path(source))
    scheduler = steady_scheduler(directory.configs["scheduler"])  # refused before any weight is read
    place = find_device(device)
    dtype = dtype or usual_precision(place)
    unet = _load_part(UNet2DConditionModel, directory, "unet", dtype)
    # SDXL's first autoencoder overflows in half precision, and says so.
    upcast = dtype == torch.float16 and directory.is_xl and directory.configs["vae"].get("force_upcast", True)
    vae = _load_part(AutoencoderKL, directory, "vae", torch.float32 if upcast else dtype)
    encoders = [_load_part(CLIPTextModel, directory, "text_encoder", dtype)]
    if directory.is_xl:
        encoders.append(_load_part(CLIPTextModelWithProjection, directory, "text_encoder_2", dtype))
    tokenizers = [_load_tokenizer(directory.path / "tokenizer")]
    if directory.is_xl:
        tokenizers.append(_load_tokenizer(directory.path / "tokenizer_2"))
    for module in (unet, vae, *encoders):
        module.requires_grad_(False).eval().to(place)
    return BaseCheckpoint(directory, place, dtype, unet, vae, tuple(encoders), tuple(tokenizers), scheduler)


def usual_precision(place: torch.device) -> torch.dtype:
    """Give the precision that bases are loaded in if none is asked for."""
    return torch.float16 if place.type == "cuda" else torch.float32


def find_device(device: str | torch.device) -> torch.device:
    """Give a device of this machine. Raises DeviceUnavailable, saying which there are."""
    try:
        place = torch.device(device)
        if str(place) == "cuda" and "LOCAL_RANK" in os.environ:
            place = torch.device(
                "cuda", int(os.environ["LOCAL_RANK"])
            )  # one of `accelerate launch`'s processes
    except RuntimeError as error:
        raise DeviceUnavailable(f'device "{device}": expected cpu, cuda, cuda:1 or mps ({error})') from error
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(place.type, False):
        there = ", ".join(name for name, present in available.items() if present)
        raise DeviceUnavailable(f'device "{device}" is not on this machine; available: {there}')
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise DeviceUnavailable(
            f'device "{device}": this machine has {torch.cuda.device_count()} CUDA device(s)'
        )
    return place


def _load_part(kind: Any, directory: ModelDirectory, part: str, dtype: torch.dtype) -> Any:
    """Load one part, and refuse it if any of its weights are missing (the libraries would fill in random ones)."""
    folder = directory.path / part
    levels = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        module, report = kind.from_pretrained(
            folder,
            dtype=dtype,
            variant=directory.variants[part],
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    # The libraries raise anything from SafetensorError to KeyError on a broken file; all mean the same to a person.
    except Exception as error:
        files = ", ".join(each.name for each in directory.weights[part])
        raise BadBase(
            f"{folder}: expected {kind.__name__} weights in {files}, could not load them: {error}"
        ) from error
    finally:
        diffusers_logging.set_verbosity(levels[0])
        transformers_logging.set_verbosity(levels[1])
    missing = sorted(report["missing_keys"])
    if missing:
        raise BadBase(
            f"{folder}: the weights of {len(missing)} tensors are missing, the first is {missing[0]}"
        )
    return module


def _load_tokenizer(folder: Path) -> CLIPTokenizer:
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    # As above: the tokenizers library raises a bare Exception on a vocabulary it cannot read.
    except Exception as error:
        raise BadBase(f"{folder}: expected a CLIP tokenizer, could not load it: {error}") from error
