"""What a base needs is estimated from its files, and what a device has is asked of the system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from plugins_engine.errors import BadBase
from plugins_engine.model import memory
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.directory import read_directory
from plugins_engine.model.memory import available_memory, in_gigabytes, memory_need


def test_the_weights_are_counted_as_they_are_loaded(base: BaseCheckpoint) -> None:
    modules = (base.denoiser, base.vae, *(each.encoder for each in base.readers.values()))
    numbers = sum(each.numel() for module in modules for each in [*module.parameters(), *module.buffers()])

    need = memory_need(base.directory, torch.float32)

    assert 4 * numbers <= need.weights <= 4 * numbers * 1.15
    assert memory_need(base.directory, torch.float16).weights == pytest.approx(need.weights / 2, abs=1)
    assert need.total > need.weights


def test_a_larger_picture_takes_more(sd_folder: Path) -> None:
    small = memory_need(read_directory(sd_folder), torch.float32)
    config = sd_folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": [32, 32]}))

    large = memory_need(read_directory(sd_folder), torch.float32)

    assert (large.weights, large.drawing) == (small.weights, 4 * small.drawing)


def test_a_truncated_header_is_named(sd_folder: Path) -> None:
    weights = sd_folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:60])

    with pytest.raises(BadBase, match=r"vae/diffusion_pytorch_model\.safetensors.*header cannot be read"):
        memory_need(read_directory(sd_folder), torch.float32)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("unet/config.json", {"sample_size": "large"}),
        ("vae/config.json", {"block_out_channels": None}),
        ("vae/config.json", {"block_out_channels": ["wide"]}),
        ("vae/config.json", {"block_out_channels": []}),
    ],
)
def test_sizes_that_are_no_numbers_are_refused(
    sd_folder: Path, file: str, changes: dict[str, object]
) -> None:
    config = sd_folder / file
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))

    with pytest.raises(BadBase, match="expected whole numbers"):
        memory_need(read_directory(sd_folder), torch.float32)


def test_the_processors_memory_is_what_is_free_within_the_containers_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    free = available_memory(torch.device("cpu"))
    assert free > 10_000_000

    for name, text in {
        "max": "9000000\n",
        "current": "5000000\n",
        "stat": "anon 1\ninactive_file 2000000\nx 1\n",
    }.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert available_memory(torch.device("cpu")) == 6_000_000

    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(torch.device("cpu")) > 10_000_000


def test_bytes_are_written_for_people() -> None:
    assert (in_gigabytes(4_260_000_000), in_gigabytes(1_500_000)) == ("4.3 GB", "1.5 MB")
