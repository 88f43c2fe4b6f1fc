"""The next generation of a tiny base: other weights, and the same autoencoder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base

NextOf = Callable[[BaseCheckpoint], BaseCheckpoint]


def next_generation(base: BaseCheckpoint, folder: Path, *, moved: float = 0.2) -> BaseCheckpoint:
    """Copy a base to a new folder, its denoiser and text encoders moved by so much of what their weights are."""
    shutil.copytree(base.directory.path, folder)
    generator = torch.Generator().manual_seed(1)
    for file in sorted(folder.glob("*/*.safetensors")):
        if file.parent.name == "vae":
            continue
        weights = load_file(file)
        for name, each in weights.items():
            if each.ndim > 1 and each.is_floating_point():
                weights[name] = each + moved * each.std() * torch.randn(each.shape, generator=generator).to(
                    each
                )
        save_file(weights, file, {"format": "pt"})
    return load_base(folder)
