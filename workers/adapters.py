"""Adapters as they are handed over: named as the market names them, and written as files with the hashes of what reading gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from market.basemodels.samples import Sample
from market.catalog.plugin_likeness import sketch_key
from market.catalog.versions import VersionOutput
from market.extractions.finishing import StoredAdapter
from plugins_engine import Adapter, BaseCheckpoint, sketch
from workers.patience import patiently


def named(adapter: Adapter, base: BaseCheckpoint, *, name: str, kind: str) -> Adapter:
    """Call an adapter as the market does, and say that it is for the base that it was found to fit."""
    return replace(
        adapter, name=name, kind=kind, base_fingerprint=base.fingerprint, architecture=base.architecture
    )


def to_store(adapter: Adapter) -> StoredAdapter:
    content = adapter.to_bytes()
    stored = Adapter.load(content)
    return StoredAdapter(content, stored.file_sha256, stored.tensors_sha256)


def output_of(
    adapter: Adapter, base: BaseCheckpoint, figures: dict[str, Any], samples: Sequence[Sample]
) -> VersionOutput:
    """Give what becomes a version: the file, and what is kept beside it."""
    stored = to_store(adapter)
    return VersionOutput(
        adapter=stored.content,
        file_sha256=stored.file_sha256,
        tensors_sha256=stored.tensors_sha256,
        base_fingerprint=base.fingerprint,
        rank=adapter.rank,
        figures=figures,
        samples=samples,
        sketch=sketch_of(adapter, base),
    )


def sketch_of(adapter: Adapter, base: BaseCheckpoint) -> list[float]:
    """Give what the market finds likenesses by."""
    return [float(each) for each in sketch(base, adapter, patiently(sketch_key))]
