"""The warm engine of a process: bases and plug-ins stay loaded between jobs."""

from __future__ import annotations

import gc
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import torch
from django.core.files.storage import default_storage

from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import PlugInVersion
from market.extractions.releases import Weights, laid_over, own_weights
from plugins_engine import Adapter, BadAdapter, BadBase, BaseCheckpoint, Weighted, load_base
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


def available_cores() -> int:
    """Give how many cores this process may use, which a container or `taskset` can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_for(cores: int, workers: int) -> int:
    """Give the threads that each of several workers on one machine computes with.

    Together they fill the cores; two threads are the least where there are two cores, so that one request alone is not slower
    for a worker that has nothing to do.
    """
    return max(min(cores, 2), -(-cores // workers))


class Engine:
    """Loads what a job needs, once. `device` is cpu, cuda, cuda:N, mps, or auto."""

    def __init__(self, device: str = "auto", *, bases: int = BASES, adapters: int = ADAPTERS) -> None:
        self.device = choose_device(device)
        self.bases: Recent[BaseCheckpoint] = Recent(bases)
        self.adapters: Recent[Adapter] = Recent(adapters)

    def base(self, release: BaseRelease) -> BaseCheckpoint:
        """Give the base with the weights of a release, without what lies over them (`laid_over`). Raises BadBase."""
        return self.base_of(release.base, release.fingerprint)

    def base_of(self, base: BaseModel, fingerprint: str) -> BaseCheckpoint:
        """Give a base with certain weights. Raises BadBase if its directory holds others."""
        loaded = self.bases.get(fingerprint, lambda: self._load_base(base, fingerprint))
        if loaded.fingerprint != fingerprint:
            raise BadBase(
                f"{base}: its directory holds the weights {loaded.fingerprint[:12]}…, registered are "
                f"{fingerprint[:12]}…; register the base again or restore its files"
            )
        return loaded

    def laid_over(
        self, release: BaseRelease, chosen: Sequence[tuple[PlugInVersion, float]] = ()
    ) -> list[Weighted]:
        """Load what lies over the base on a release, of which the market decides. Raises BadAdapter."""
        return [(self.stored(weights), weight) for weights, weight in laid_over(release, chosen)]

    def make_room(self) -> None:
        """Let every loaded base go."""
        self.bases.clear()
        # Modules refer to each other in circles, so their memory would come back some time later.
        gc.collect()

    def fresh_base(self, directory: Path) -> BaseCheckpoint:
        """Load a directory as it is now, in the place of whatever is loaded. Raises BadBase."""
        self.make_room()
        loaded = load_base(directory, device=self.device)
        return self.bases.get(loaded.fingerprint, lambda: loaded)

    def adapter(self, version: PlugInVersion) -> Adapter:
        """Give a plug-in's weights as they were registered. Raises BadAdapter."""
        return self.stored(own_weights(version))

    def stored(self, weights: Weights) -> Adapter:
        """Give an adapter of the storage. Raises BadAdapter if the file is not the one that was registered."""
        # By file, not by hash: a plug-in that was carried over as it was has the tensors of the old one, for another base.
        return self.adapters.get(weights.file, lambda: _load_adapter(weights))

    def _load_base(self, base: BaseModel, fingerprint: str) -> BaseCheckpoint:
        log.info("loading %s on %s", base, self.device)
        return load_base(directory_of(base, base.upload_of(fingerprint)), device=self.device)


def _load_adapter(weights: Weights) -> Adapter:
    with default_storage.open(weights.file) as file:
        adapter = Adapter.load(file.read())
    if adapter.tensors_sha256 != weights.tensors_sha256:
        raise BadAdapter(
            f"the stored file of {weights.called} is not the one that was registered: its weights have the hash "
            f"{adapter.tensors_sha256[:12]}…, expected {weights.tensors_sha256[:12]}…; restore it from a backup"
        )
    return adapter


def choose_device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"
