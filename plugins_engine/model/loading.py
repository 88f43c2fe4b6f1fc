"""Load a base: from a diffusers directory, offline, onto a device."""

import os
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from plugins_engine.errors import BadBase, DeviceUnavailable
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import (
    CHAT_TEMPLATE,
    EMBEDDED,
    ModelDirectory,
    read_directory,
    tokenizer_of,
)
from plugins_engine.model.families import FAMILIES, Family
from plugins_engine.model.prompt_reading import TextEncoder, TextReader, Tokenizer
from plugins_engine.model.samplers import Schedule


def load_base(
    source: Path | str | None = None, device: str | torch.device = "cpu", dtype: torch.dtype | None = None
) -> BaseCheckpoint:
    """Load a diffusers directory of one of `FAMILIES`. Never reaches for the network.

    Only safetensors are read: other formats can run code when opened. Raises BadBase, naming the file, or DeviceUnavailable.

    Args:
        source: The directory; None: the embedded base.
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: Number format; None: half precision on CUDA (of Z-Image bfloat16, else float16) and float32 elsewhere.
    """
    directory = read_directory(EMBEDDED if source is None else Path(source))
    family = FAMILIES[directory.layout.pipeline]
    # Refused before any weight is read.
    schedule = Schedule(directory.configs["scheduler"], family.is_flow)
    schedule.make(schedule.steady)
    schedule.process()
    place = find_device(device)
    dtype = dtype or usual_precision(place, family.half)
    denoiser = _load_part(family.denoiser, directory, family.layout.folder, dtype)
    upcast = dtype == torch.float16 and family.vae_in_float32(directory.configs["vae"])
    vae = _load_part(AutoencoderKL, directory, "vae", torch.float32 if upcast else dtype)
    readers = {each: _load_reader(family, directory, each, dtype) for each in directory.encoders}
    for module in (denoiser, vae, *(each.encoder for each in readers.values())):
        module.requires_grad_(False).eval().to(place)
    return BaseCheckpoint(directory, place, dtype, denoiser, vae, readers, schedule)


def _load_reader(family: Family, directory: ModelDirectory, part: str, dtype: torch.dtype) -> TextReader:
    kind = family.encoders[part]
    encoder: TextEncoder = _load_part(kind.encoder, directory, part, dtype)
    folder = directory.path / tokenizer_of(part)
    tokenizer = _load_tokenizer(kind.tokenizer, folder)
    most = kind.length or int(encoder.config.max_position_embeddings)
    chat = None
    if part in directory.layout.chats:
        chat = _chat_around(tokenizer, directory.configs[folder.name][CHAT_TEMPLATE], folder)
    return TextReader(part, tokenizer, encoder, min(int(tokenizer.model_max_length), most), chat)


def usual_precision(place: torch.device, half: torch.dtype = torch.float16) -> torch.dtype:
    """Give the precision that bases are loaded in if none is asked for. half: which half precision a family has."""
    return half if place.type == "cuda" else torch.float32


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


def _load_tokenizer(kind: Any, folder: Path) -> Tokenizer:
    try:
        found: Tokenizer = kind.from_pretrained(folder, local_files_only=True)
    # As above: the tokenizers library raises a bare Exception on a vocabulary it cannot read.
    except Exception as error:
        raise BadBase(f"{folder}: expected a {kind.__name__}, could not load it: {error}") from error
    return found


def _chat_around(tokenizer: Tokenizer, template: str, folder: Path) -> tuple[str, str]:
    """Give what a chat template writes before and after a text. Raises BadBase for one that is not understood.

    It is asked to leave room for thinking, as diffusers asks it.
    """
    mark = "\ue000"  # of the letters that Unicode leaves to everyone, so that no template has it
    try:
        written = tokenizer.apply_chat_template(
            [{"role": "user", "content": mark}],
            chat_template=template,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
    # As above: a template is a program, which may fail in any way.
    except Exception as error:
        raise BadBase(f"{folder}: expected a chat template, it cannot be used ({error})") from error
    before, found, after = str(written).partition(mark)
    if not found or mark in after:
        raise BadBase(
            f"{folder}: expected a chat template that writes a message once, found {written!r:.200}"
        )
    whole, *parts = (tokenizer(each).input_ids for each in (f"{before}a{after}", before, "a", after))
    if whole != [each for part in parts for each in part]:
        raise BadBase(
            f"{folder}: expected a chat template whose text stays apart from the message, found {written!r:.200}"
        )
    return before, after
