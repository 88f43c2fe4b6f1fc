"""Fetching a base model from a hub, at one commit: the files that the engine reads, as large as the hub said, and no others.

The listing is read and judged before anything is fetched. What has arrived is held against the hashes of the listing, and gets
the name by which it is found only when all of it is there; a later attempt goes on with the files that were not.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2
from django.conf import settings
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.tqdm import tqdm

from market.basemodels.contents import PICKLES, is_weights, require_few, require_size, require_together
from market.basemodels.models import BaseModel
from market.basemodels.models.uploads import FILE_PATH
from market.basemodels.sources import HubSource, hub_source
from market.refusals import Refused
from plugins_engine import WEIGHT_VARIANTS, BadBase, OnProgress, Progress

MAX_LISTED = 10_000
"""Entries of a repository that are looked at."""
POLL = 1.0
"""Seconds between two reports."""
_MB = 1_000_000
_VARIANT = re.compile(rf"\.({'|'.join(each for each in WEIGHT_VARIANTS if each)})\.")


@dataclass(frozen=True)
class Listed:
    """A file of the repository, as its listing has it: of a large one the SHA-256, of others git's hash of a blob."""

    path: str
    size: int
    blob: str
    sha256: str | None

    def is_at(self, path: Path) -> bool:
        """Whether this is what lies there."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        digest = hashlib.sha256() if self.sha256 else hashlib.sha1(usedforsecurity=False)
        if not self.sha256:
            digest.update(b"blob %d\0" % self.size)
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == (self.sha256 or self.blob)


class _Stopped(Exception):
    """Nobody waits for the rest any more, or more came than was announced."""


def copy_of_hub(base: BaseModel, on_progress: OnProgress | None = None) -> Path:
    """Give this machine's copy of a base from a hub; fetch it first where there is none. Raises BadBase."""
    source = hub_source(base.source)
    copies: Path = settings.HUB_COPIES_DIR
    copy = copies / _key(base.source)
    if copy.is_dir():
        return copy
    try:
        source.require_allowed()
    except Refused as refusal:
        raise BadBase(str(refusal)) from refusal
    copies.mkdir(parents=True, exist_ok=True)
    with _alone(copies / f".{copy.name}.lock"):
        if not copy.is_dir():
            _clear_away(copies)
            with _in_words(source):
                _fetch(source, copies / f".{copy.name}", copy, on_progress)
    return copy


def _fetch(source: HubSource, draft: Path, copy: Path, on_progress: OnProgress | None) -> None:
    files = _chosen(source, _listed(source))
    _download(source, files, draft, on_progress)
    wrong = [each for each in files if not each.is_at(draft / each.path)]
    if wrong:
        for each in wrong:
            (draft / each.path).unlink(missing_ok=True)
        raise BadBase(
            f"{source}: {wrong[0].path} is not what the hub's listing says, by its size or its hash; check it again, which fetches "
            "that file anew, and tell the hub if it stays so"
        )
    shutil.rmtree(draft / ".cache", ignore_errors=True)
    draft.rename(copy)


def _listed(source: HubSource) -> list[RepoFile]:
    api = HfApi(endpoint=settings.HF_ENDPOINT, token=_token())
    entries = api.list_repo_tree(source.name, recursive=True, revision=source.revision)
    found = list(islice(entries, MAX_LISTED + 1))
    if len(found) > MAX_LISTED:
        raise BadBase(f"{source}: it lists more than {MAX_LISTED} entries; expected a diffusers directory")
    return [each for each in found if isinstance(each, RepoFile)]


def _chosen(source: HubSource, listed: Sequence[RepoFile]) -> list[Listed]:
    """Choose the files to fetch, of weights that come in several precisions the plain ones. Raises BadBase."""
    read = [each for each in listed if re.fullmatch(FILE_PATH, each.path)]
    plain = {_folder(each.path) for each in read if is_weights(each.path) and not _VARIANT.search(each.path)}
    files = [
        Listed(each.path, int(each.size), str(each.blob_id), each.lfs.sha256 if each.lfs else None)
        for each in read
        if not (_VARIANT.search(each.path) and _folder(each.path) in plain)
    ]
    try:
        require_few(len(files))
        for each in files:
            require_size(each.path, each.size)
        require_together(files)
    except Refused as refusal:
        raise BadBase(f"{source}: {refusal}") from refusal
    if not any(is_weights(each.path) for each in files):
        pickled = next((each.path for each in listed if each.path.endswith(PICKLES)), "")
        found = f"only {pickled}, which can run code when it is opened" if pickled else "none"
        raise BadBase(
            f"{source}: expected weights as .safetensors, found {found}; choose a commit that has them"
        )
    return files


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _download(
    source: HubSource, files: Sequence[Listed], draft: Path, on_progress: OnProgress | None
) -> None:
    """Fetch the files in a thread, and report from this one, until all is there or the report says to stop."""
    stop, most = threading.Event(), sum(each.size for each in files)

    class Counted(tqdm):
        """Draw nothing, and count what arrives."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]
            self.arrived = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.arrived += int(n or 0)
            if stop.is_set() or self.arrived > most:
                raise _Stopped
            seen[0] = max(seen[0], self.arrived)
            return None

    seen = [0]
    with ThreadPoolExecutor(1) as pool:
        fetching: Future[Any] = pool.submit(
            snapshot_download,
            source.name,
            revision=source.revision,
            local_dir=draft,
            cache_dir=draft / ".cache",
            allow_patterns=[each.path for each in files],
            endpoint=settings.HF_ENDPOINT,
            token=_token(),
            tqdm_class=Counted,
            max_workers=2,
        )
        try:
            while not fetching.done():
                if on_progress is not None:
                    on_progress(Progress(seen[0] // _MB, -(-most // _MB), message="fetching from the hub"))
                _wait(fetching)
        finally:
            stop.set()
        fetching.result()


def _wait(fetching: Future[Any]) -> None:
    try:
        fetching.exception(timeout=POLL)
    except TimeoutError:
        return


@contextmanager
def _in_words(source: HubSource) -> Iterator[None]:
    """Say to a person what went wrong at the hub."""
    try:
        yield
    except _Stopped as stopped:
        raise BadBase(
            f"{source}: more arrived than the hub's listing says; nothing of it is kept"
        ) from stopped
    except GatedRepoError as error:
        raise BadBase(
            f"{source}: its owner lets in only who has asked; accept its terms on the hub, and give the workers that account's HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise BadBase(
            f"{source}: the hub has no such commit; copy its hash from the model's history"
        ) from error
    except RepositoryNotFoundError as error:
        raise BadBase(f"{source}: the hub has no such model, or not for the workers' HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise BadBase(f"{source}: the hub answered {error.response.status_code}; try again later") from error
    except (httpx2.HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise BadBase(
            f"{source}: the hub cannot be reached from the workers; what was fetched is kept, so check it again once it can"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadBase(
            f"{source}: what the hub sent cannot be used ({str(error)[:200]}); try again later"
        ) from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process of this machine fetch at a time; the others wait, and find the copy."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear_away(copies: Path) -> None:
    """Delete copies of what no base is any more."""
    # Listed first: what another process begins to fetch from here on is neither known as kept nor touched.
    there = list(copies.iterdir())
    kept = {_key(source) for source in BaseModel.objects.exclude(source="").values_list("source", flat=True)}
    for each in there:
        if each.is_dir() and each.name.removeprefix(".") not in kept:
            shutil.rmtree(each, ignore_errors=True)


def _key(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:32]


def _token() -> str | bool:
    """Give the workers' token; none that somebody's login has left on the machine."""
    return settings.HF_TOKEN or False
