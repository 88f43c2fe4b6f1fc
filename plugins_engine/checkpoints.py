"""How far a long operation came, kept in a folder, so that after a loss the next attempt goes on from there.

What is kept belongs to one exact request: a digest over all that its outcome follows from stands in each file, beside one over the
content. So another request's, or a damaged file, is never taken up. The operation then starts anew. Nor is one that cannot be
written an error: whoever has no checkpoint loses time, not work.
"""

import hashlib
import io
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from plugins_engine.atomic import write_bytes

log = logging.getLogger(__name__)

SUFFIX = ".checkpoint"
MARK = (
    b"plugins_engine checkpoint 1\n"  # then the digests of the request and of the content, then the content
)
_DIGEST = 32  # bytes of a SHA-256
_COMPUTED_BY = ("accelerate", "diffusers", "peft", "torch", "transformers")


@dataclass(frozen=True)
class Checkpoints:
    """A folder in which long operations keep how far they came, for the next attempt at the very same.

    Whoever gives it calls `clear` when the outcome is safe. One folder serves one operation at a time, with all its stages.

    Args:
        folder: Where. It is made when something is kept, for this user alone.
        every: Seconds between two savings of a training. What was done since the last one is done again after a loss.
    """

    folder: Path
    every: float = 60.0

    def of(self, operation: str, request: Mapping[str, Any]) -> "Checkpoint":
        """Give the checkpoint of one operation on one request.

        Args:
            operation: What is done; names the files.
            request: All that the outcome follows from, as JSON or dataclasses. This library's code and versions count too.
        """
        return Checkpoint(self.folder, operation, request_digest(request), self.every)

    def clear(self) -> None:
        """Delete what was kept, and the folder where nothing else is in it."""
        if not self.folder.is_dir():
            return
        for pattern in (f"*{SUFFIX}", f".*{SUFFIX}.*.part"):  # a kill in the middle of a write leaves parts
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


class Checkpoint:
    """What one operation keeps of one request, part by part. `Checkpoints.of` makes it."""

    def __init__(self, folder: Path | None, operation: str, request: bytes, every: float) -> None:
        self._folder, self._operation, self._request, self._every = folder, operation, request, every
        self._kept_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep a training's state again."""
        return self._folder is not None and time.monotonic() - self._kept_at >= self._every

    def read(self, part: str) -> dict[str, Any] | None:
        """Give a part as it was kept, its tensors in memory; None: there is none of this request that is whole."""
        if self._folder is None:
            return None
        path = self._path(part)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s cannot be read (%s); this starts anew", path, error)
            return None
        request, digest, content = self._taken_apart(stored)
        if hashlib.sha256(content).digest() != digest:
            log.warning("%s is damaged; this starts anew", path)
            return None
        if request != self._request:
            log.warning("%s is of another request, or of another version; this starts anew", path)
            return None
        try:
            found: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001  # whatever torch makes of it
            log.warning("%s cannot be read (%s); this starts anew", path, error)
            return None
        return found

    def write(self, part: str, content: Mapping[str, Any]) -> None:
        """Keep tensors, numbers, words, and lists or dictionaries of these, in place of what was kept of the part."""
        if self._folder is None:
            return
        buffer = io.BytesIO()
        torch.save(dict(content), buffer)
        stored = buffer.getvalue()
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            digest = hashlib.sha256(stored).digest()
            write_bytes(self._path(part), b"".join([MARK, self._request, digest, stored]))
        except OSError as error:
            log.warning("%s cannot be written (%s); this goes on without", self._path(part), error)
        self._kept_at = time.monotonic()

    def pictures(self, part: str) -> list[Image.Image] | None:
        """Give pictures as they were kept, to the bit; None: there are none."""
        found = self.read(part)
        return None if found is None else [_opened(each) for each in found["pictures"]]

    def keep_pictures(self, part: str, pictures: Sequence[Image.Image]) -> None:
        if self._folder is not None:
            self.write(part, {"pictures": [_stored(each) for each in pictures]})

    def _path(self, part: str) -> Path:
        assert self._folder is not None  # noqa: S101  # asked for by those that looked
        return self._folder / f"{self._operation}.{part}{SUFFIX}"

    @staticmethod
    def _taken_apart(stored: bytes) -> tuple[bytes, bytes, bytes]:
        """Give the request's digest, the content's, and the content; the digest is wrong where the file is not ours."""
        begin = len(MARK)
        if not stored.startswith(MARK) or len(stored) < begin + 2 * _DIGEST:
            return b"", b"", stored
        cuts = begin, begin + _DIGEST, begin + 2 * _DIGEST
        return stored[cuts[0] : cuts[1]], stored[cuts[1] : cuts[2]], stored[cuts[2] :]


NO_CHECKPOINT = Checkpoint(None, "", b"", math.inf)
"""Keeps nothing: for operations that were given no folder."""


def checkpoint_of(
    checkpoints: Checkpoints | None, operation: str, request: Callable[[], Mapping[str, Any]]
) -> Checkpoint:
    """Give the checkpoint of one operation on one request, as `Checkpoints.of` does; `NO_CHECKPOINT` where nothing is kept.

    The request is only put together where it is needed: it may hash every picture.
    """
    return NO_CHECKPOINT if checkpoints is None else checkpoints.of(operation, request())


def request_digest(request: Mapping[str, Any]) -> bytes:
    said = json.dumps(request, sort_keys=True, default=_plain)
    return hashlib.sha256(f"{_computed_by()}\n{said}".encode()).digest()


def pictures_digest(pictures: Sequence[Image.Image]) -> str:
    """Hash pictures, pixel by pixel."""
    digest = hashlib.sha256()
    for each in pictures:
        digest.update(f"{each.mode} {each.size}\n".encode())
        digest.update(each.tobytes())
    return digest.hexdigest()


@cache
def _computed_by() -> str:
    """Hash this library's own code, and name the versions of what it computes with: another one need not give the same."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return " ".join([digest.hexdigest(), *(f"{each} {version(each)}" for each in _COMPUTED_BY)])


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"expected JSON or a dataclass in a request, found {type(value).__name__}")


def _stored(picture: Image.Image) -> torch.Tensor:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return torch.from_numpy(np.frombuffer(buffer.getvalue(), dtype=np.uint8).copy())


def _opened(stored: torch.Tensor) -> Image.Image:
    with Image.open(io.BytesIO(stored.numpy().tobytes())) as picture:
        picture.load()
        return picture.copy()
