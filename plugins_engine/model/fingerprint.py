"""The identity of a base model: a SHA-256 over what determines its pictures, read from its files."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins_engine.errors import BadBase
from plugins_engine.safetensors_header import BadHeader, entries_in, read_header

CHUNK = 8 * 1024 * 1024
MAX_HEADER = 100 * 1024 * 1024
# Of a scheduler only the noise that the model was trained with is identity; how to sample is the user's choice.
TRAINING_NOISE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
)


@dataclass(frozen=True)
class StoredTensor:
    """Where the bytes of one tensor lie, as a file's header says."""

    file: Path
    dtype: str
    shape: list[int]
    start: int  # absolute, in bytes
    end: int


def fingerprint(
    weights: dict[str, list[Path]], configs: dict[str, dict[str, Any]], vocabularies: Iterable[Path]
) -> str:
    """Hash tensors in order of component and name, the configs without version notes, and the vocabularies.

    It does not depend on how files divide or order the tensors, on header metadata, or on the precision that they are
    later loaded in. A copy stored in another precision is another base. It streams, so memory
    stays flat for any size.
    """
    digest = hashlib.sha256(b"plugins_engine base v1\n")
    for component in sorted(weights):
        tensors = stored_tensors(weights[component])
        for name in sorted(tensors):
            tensor = tensors[name]
            digest.update(f"{component}/{name} {tensor.dtype} {tensor.shape}\n".encode())
            _hash_range(digest, tensor)
    for component in sorted(configs):
        digest.update(f"{component} {_canonical_config(component, configs[component])}\n".encode())
    for path in sorted(vocabularies, key=lambda each: (each.parent.name, each.name)):
        digest.update(
            f"{path.parent.name}/{path.name} ".encode() + hashlib.sha256(path.read_bytes()).digest()
        )
    return digest.hexdigest()


def _canonical_config(component: str, config: dict[str, Any]) -> str:
    if component == "scheduler":
        kept = {key: config[key] for key in TRAINING_NOISE if key in config}
    else:
        # Names with an underscore are notes about the file: library version, where it was loaded from.
        notes = ("transformers_version", "torch_dtype", "dtype", "architectures")
        kept = {key: value for key, value in config.items() if not key.startswith("_") and key not in notes}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def stored_tensors(files: list[Path]) -> dict[str, StoredTensor]:
    """Read the headers of safetensors files, and none of the weights. Raises BadBase, naming the file."""
    tensors: dict[str, StoredTensor] = {}
    for file in files:
        with file.open("rb") as stream:
            try:
                header, begin = read_header(stream, MAX_HEADER)
                for name, entry in entries_in(header).items():
                    start, end = entry["data_offsets"]
                    tensors[name] = StoredTensor(
                        file, entry["dtype"], entry["shape"], begin + start, begin + end
                    )
            except (BadHeader, ValueError, KeyError, TypeError) as error:
                raise BadBase(
                    f"{file}: expected a safetensors file, its header cannot be read ({error})"
                ) from error
    return tensors


def _hash_range(digest: "hashlib._Hash", tensor: StoredTensor) -> None:
    with tensor.file.open("rb") as stream:
        stream.seek(tensor.start)
        left = tensor.end - tensor.start
        while left > 0:
            chunk = stream.read(min(CHUNK, left))
            if not chunk:
                raise BadBase(f"{tensor.file}: the file ends inside a tensor; copy it again")
            digest.update(chunk)
            left -= len(chunk)
