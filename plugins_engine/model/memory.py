"""How much memory a base needs, as its files tell before a weight is read, and how much a device has."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from plugins_engine.errors import BadBase
from plugins_engine.model.card import read_card, said_resolution
from plugins_engine.model.directory import ModelDirectory
from plugins_engine.model.families import FAMILIES
from plugins_engine.model.fingerprint import stored_tensors

AvailableMemory = Callable[[torch.device], int]
"""Gives the bytes that a device has free."""

BUFFERS = 4
"""How many of its widest layers the autoencoder's decoder is taken to hold at once."""
SPARE = 1.1
"""What the weights take beyond their own bytes: buffers, fragments, the file that is just being read."""
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryNeed:
    """An estimate, in bytes.

    Args:
        weights: The weights as they are loaded.
        drawing: What drawing one picture takes besides.
    """

    weights: int
    drawing: int

    @property
    def total(self) -> int:
        return self.weights + self.drawing


def memory_need(directory: ModelDirectory, precision: torch.dtype) -> MemoryNeed:
    """Estimate what a base takes when loaded in a precision. Reads headers only. Raises BadBase, naming the file."""
    try:
        numbers = sum(
            math.prod(tensor.shape)
            for files in directory.weights.values()
            for tensor in stored_tensors(files).values()
        )
        pixels, channels = _picture(directory)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BadBase(
            f"{directory.path}: the sizes in its files cannot be read ({error}); expected whole numbers as shapes of "
            f"tensors, and in the config.json of the vae and of the {directory.layout.folder}"
        ) from error
    # The decoder works in float32 wherever half precision might overflow.
    drawing = BUFFERS * pixels * channels * torch.float32.itemsize
    return MemoryNeed(weights=int(SPARE * numbers * precision.itemsize), drawing=drawing)


def available_memory(device: torch.device) -> int:
    """Tell how many bytes are free on a device; for the CPU, within the container's limit too."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if "" in (limit, used) or not limit.isdecimal():  # "max" is no limit
        return free
    # What was read from files counts as used, but gives way.
    cached = _cgroup("memory.stat").partition("inactive_file ")[2].partition("\n")[0] or "0"
    return max(0, min(free, int(limit) - int(used) + int(cached)))


def in_gigabytes(size: int) -> str:
    """Write a number of bytes as a person reads it: "4.3 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _picture(directory: ModelDirectory) -> tuple[int, int]:
    """Give the pixels of a picture of the base's own size, and the channels of the decoder's widest layer at that size."""
    widths = [int(each) for each in directory.configs["vae"]["block_out_channels"]]
    family, layout = FAMILIES[directory.layout.pipeline], directory.layout
    each, own = 2 ** (len(widths) - 1), family.sizes(directory.configs[layout.folder]).own
    card = directory.path / "card.json"
    side = math.ceil(said_resolution(read_card(card), card, each)) if own is None else own * each
    # The last block gets its input at full size from the one before, and so in that one's channels.
    return side * side, max(widths[:2])


def _cgroup(name: str) -> str:
    """Read a file of the control group that this process is confined to; empty where there is none."""
    try:
        return (CGROUP / name).read_text().strip()
    except OSError:
        return ""
