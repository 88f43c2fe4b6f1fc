"""Tiny pipelines, built once a session."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from tests.plugins_engine import tiny_pipelines
from tests.plugins_engine.carrying.generations import NextOf, next_generation

BUILDERS: dict[str, Callable[[Path], Path]] = {
    "sd1": tiny_pipelines.sd1,
    "sd2": tiny_pipelines.sd2,
    "sdxl": tiny_pipelines.sdxl,
    "edm": tiny_pipelines.edm,
    "sd3": tiny_pipelines.sd3,
    "sd35": tiny_pipelines.sd35,
    "flux": tiny_pipelines.flux,
    "z_image": tiny_pipelines.z_image,
    "shifted": tiny_pipelines.shifted,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: on matrices this small, threads mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of a tiny pipeline of each architecture. Read only: copy one before changing it."""
    root = tmp_path_factory.mktemp("pipelines")
    return {name: build(root / name) for name, build in BUILDERS.items()}


@pytest.fixture
def sd_folder(pipelines: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the SD 1.x-like pipeline that a test may change."""
    return Path(shutil.copytree(pipelines["sd1"], tmp_path / "base"))


@pytest.fixture(scope="session")
def bases(pipelines: dict[str, Path]) -> dict[str, BaseCheckpoint]:
    """The same, loaded on the CPU."""
    return {name: load_base(path) for name, path in pipelines.items()}


@pytest.fixture(params=sorted(BUILDERS.keys() - {"edm", "sd35", "shifted"}))
def base(request: pytest.FixtureRequest, bases: dict[str, BaseCheckpoint]) -> BaseCheckpoint:
    """A base of each kind in turn."""
    return bases[request.param]


@pytest.fixture
def sd(bases: dict[str, BaseCheckpoint]) -> BaseCheckpoint:
    """The SD 1.x-like base, where the architecture does not matter."""
    return bases["sd1"]


@pytest.fixture(scope="session")
def next_of(tmp_path_factory: pytest.TempPathFactory) -> NextOf:
    """Give the next generation of a base, made once a session."""
    made: dict[str, BaseCheckpoint] = {}

    def give(base: BaseCheckpoint) -> BaseCheckpoint:
        if base.fingerprint not in made:
            made[base.fingerprint] = next_generation(base, tmp_path_factory.mktemp("next") / "base")
        return made[base.fingerprint]

    return give
