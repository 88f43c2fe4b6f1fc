"""Where a worker has a base's weights: the embedded ones, a directory it can read, or its own copy of an upload or a hub's model."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from uuid import UUID

from django.conf import settings

from market.basemodels.models import BaseModel, BaseUpload, BaseUploadFile
from market.basemodels.sources import is_on_hub
from plugins_engine import EMBEDDED, BadBase, OnProgress
from workers.hub import copy_of_hub

DRAFTS_KEPT = 24 * 3600  # seconds: longer than any copy takes


def directory_of(base: BaseModel, upload: BaseUpload | None, on_progress: OnProgress | None = None) -> Path:
    """Give the directory of a base's weights, which of an uploaded one are those of `upload`.

    Raises BadBase if an upload's parts are not what arrived, or a hub has not what it is to have.
    """
    if upload is not None:
        return copy_of(upload)
    if is_on_hub(base.source):
        return copy_of_hub(base, on_progress)
    return Path(base.source) if base.source else EMBEDDED


def copy_of(upload: BaseUpload) -> Path:
    """Put the parts of an upload together on this machine, once; other processes find the copy.

    It comes by its name only when it is whole. Copies of uploads that are gone are cleared away on the way.
    """
    copies: Path = settings.BASE_COPIES_DIR
    copy = copies / str(upload.pk)
    if copy.is_dir():
        return copy
    copies.mkdir(parents=True, exist_ok=True)
    _clear_away(copies)
    draft = copies / f".{upload.pk}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for file in upload.files.all():
            _put_together(file, draft / file.path)
        try:
            draft.rename(copy)
        except OSError:
            if not copy.is_dir():  # else another process was quicker, and made the same
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return copy


def _put_together(file: BaseUploadFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as written:
        for part in file.arrived.order_by("number"):
            with part.content.open("rb") as stored:
                for chunk in stored.chunks():
                    digest.update(chunk)
                    written.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise BadBase(
            f"{file.path}: what is stored of the upload has not the hash that arrived; restore the files of the market from a "
            f"backup, or upload the base again"
        )


def _clear_away(copies: Path) -> None:
    for each in copies.iterdir():
        if each.name.startswith("."):
            gone = time.time() - each.stat().st_mtime > DRAFTS_KEPT
        else:
            gone = not BaseUpload.objects.filter(pk=UUID(each.name)).exists()
        if gone:
            shutil.rmtree(each, ignore_errors=True)
