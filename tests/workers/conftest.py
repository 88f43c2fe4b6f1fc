"""A base that really draws (a tiny, randomly initialised pipeline), real plug-ins for it, and the cast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest
from plugins_engine import BaseCheckpoint, load_base
from tests.market.conftest import (
    artist,
    client_for,
    ledger_verifies,
    make_person,
    model_owner,
    second_artist,
    stranger,
    user,
)
from tests.market.stage import Weights, make_base, make_order, make_plugin, run, top_up
from tests.plugins_engine import tiny_pipelines
from workers.engine import Engine

# The cast of the market's tests, also here.
__all__ = [
    "artist",
    "client_for",
    "ledger_verifies",
    "make_person",
    "model_owner",
    "second_artist",
    "stranger",
    "user",
]

Ask = Callable[..., GenerationRequest]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: on matrices this small, threads mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipelines.sd1(tmp_path_factory.mktemp("pipeline") / "sd1")


@pytest.fixture(scope="session")
def loaded(pipeline: Path) -> BaseCheckpoint:
    return load_base(pipeline)


@pytest.fixture
def base(model_owner: User, pipeline: Path, loaded: BaseCheckpoint) -> BaseModel:
    return make_base(
        model_owner,
        source=str(pipeline),
        fingerprint=loaded.fingerprint,
        architecture=loaded.architecture,
        resolution=loaded.resolution,
    )


@pytest.fixture
def make_real_plugin(base: BaseModel, loaded: BaseCheckpoint) -> Callable[..., PlugIn]:
    def make(artist: User, *, name: str = "Fxemoji", seed: int = 0) -> PlugIn:
        adapter = tiny_pipelines.random_adapter(loaded, seed=seed, name=name)
        weights = Weights(adapter.to_bytes(), adapter.tensors_sha256, adapter.rank)
        return make_plugin(artist, base, name=name, weights=weights)

    return make


@pytest.fixture
def plugin(artist: User, make_real_plugin: Callable[..., PlugIn]) -> PlugIn:
    return make_real_plugin(artist)


@pytest.fixture
def engine() -> Engine:
    return Engine("cpu")


@pytest.fixture
def ask(user: User, base: BaseModel) -> Ask:
    """Let the user, who has €1, ask for pictures."""
    top_up(user)

    def ask(*plugins: tuple[PlugIn, float], **changes: object) -> GenerationRequest:
        return run(user, make_order(base, *plugins, **changes))

    return ask
