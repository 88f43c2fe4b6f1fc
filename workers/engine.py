"""The warm engine of a process: bases and plug-ins stay loaded between jobs."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import torch
from django.core.files.storage import default_storage

from market.basemodels.models import BaseRelease
from market.catalog.models import PlugInVersion
from plugins_engine.adapter import Adapter
from plugins_engine.base import BaseModel, load_base
from plugins_engine.errors import BadAdapter, BadBase
from workers.weights import directory_of

log = logging.getLogger(__name__)

Value = TypeVar("Value")

BASES = 1
"""Loaded bases: one fills the memory of most devices."""
ADAPTERS = 32


class Recent(Generic[Value]):
    """Keep the most recently used values, at most `size`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        while len(self._values) >= self.size:
            # Before making the next, not after: two bases at once might not fit.
            self._values.popitem(last=False)
        self._values[key] = make()
        return self._values[key]

    def clear(self) -> None:
        self._values.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)


class Engine:
    """Loads what a job needs, once. `device` is cpu, cuda, cuda:N, mps, or auto."""

    def __init__(self, device: str = "auto", *, bases: int = BASES, adapters: int = ADAPTERS) -> None:
        self.device = choose_device(device)
        self.bases: Recent[BaseModel] = Recent(bases)
        self.adapters: Recent[Adapter] = Recent(adapters)

    def base(self, release: BaseRelease) -> BaseModel:
        """Give the base with a release's weights. Raises BadBase if the directory holds others."""
        loaded = self.bases.get(release.fingerprint, lambda: self._load_base(release))
        if loaded.fingerprint != release.fingerprint:
            raise BadBase(
                f"{release}: its directory holds the weights {loaded.fingerprint[:12]}…, registered are "
                f"{release.fingerprint[:12]}…; register the base again or restore its files"
            )
        return loaded

    def make_room(self) -> None:
        """Let every loaded base go."""
        self.bases.clear()
        # Modules refer to each other in circles, so their memory would come back some time later.
        gc.collect()

    def fresh_base(self, directory: Path) -> BaseModel:
        """Load a directory as it is now, in the place of whatever is loaded. Raises BadBase."""
        self.make_room()
        loaded = load_base(directory, device=self.device)
        return self.bases.get(loaded.fingerprint, lambda: loaded)

    def adapter(self, version: PlugInVersion) -> Adapter:
        """Give a plug-in's weights. Raises BadAdapter if the stored file is not the one that was registered."""
        return self.adapters.get(version.tensors_sha256, lambda: _load_adapter(version))

    def _load_base(self, release: BaseRelease) -> BaseModel:
        log.info("loading %s on %s", release, self.device)
        return load_base(directory_of(release.base), device=self.device)


def _load_adapter(version: PlugInVersion) -> Adapter:
    with default_storage.open(str(version.file.name)) as file:
        adapter = Adapter.load(file.read())
    if adapter.tensors_sha256 != version.tensors_sha256:
        raise BadAdapter(
            f"the stored file of “{version}” is not the one that was registered: its weights have the hash "
            f"{adapter.tensors_sha256[:12]}…, expected {version.tensors_sha256[:12]}…; restore it from a backup"
        )
    return adapter


def choose_device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"
