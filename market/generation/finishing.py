"""The end of a request: first files, then money, pictures and the job's success in one transaction, or nothing."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from PIL import Image

from market.generation.models import GenerationRequest, Picture
from market.generation.provenance import signed_png
from market.jobs.clearing import empty_folder
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.ledger.errors import HoldAlreadyVoided

log = logging.getLogger(__name__)

TOO_LATE = "It waited for a day and no worker could do it. Nothing was charged."


@dataclass(frozen=True)
class StoredPicture:
    """A picture whose file is written but that has no row yet."""

    name: str
    sha256: str
    seed: int
    width: int
    height: int


def release_expired_holds() -> int:
    """Release expired holds, whatever became of what they were for."""
    return len(ledger.expire_holds())


def folder_of(pk: UUID) -> str:
    return f"pictures/{pk}"


def store_pictures(
    *, pk: UUID, token: int, pictures: Sequence[tuple[Image.Image, int]]
) -> list[StoredPicture]:
    """Write the files of an attempt, each picture with its seed.

    Every attempt has its own folder, so a late one cannot overwrite what another attempt published.
    """
    request = GenerationRequest.objects.select_related("release__base", "person").get(pk=pk)
    stored = []
    for index, (picture, seed) in enumerate(pictures):
        content = signed_png(picture, request=request, seed=seed, index=index)
        name = default_storage.save(f"{folder_of(pk)}/{token}/{index}.png", ContentFile(content))
        stored.append(
            StoredPicture(
                name=name,
                sha256=hashlib.sha256(content).hexdigest(),
                seed=seed,
                width=picture.width,
                height=picture.height,
            )
        )
    return stored


def finish_generation(*, pk: UUID, token: int, stored: Sequence[StoredPicture]) -> list[Picture]:
    """Post the royalties, record the pictures and mark the job as succeeded, all or nothing.

    Raises LeaseLost if the attempt no longer holds the job; then nothing has changed.
    """
    with transaction.atomic():
        request = GenerationRequest.objects.select_related("hold").get(pk=pk)
        if len(stored) != request.count:
            raise ValueError(f"request {pk} is for {request.count} pictures, the worker made {len(stored)}")
        pictures = [
            Picture(
                request=request,
                index=index,
                file=picture.name,
                sha256=picture.sha256,
                seed=picture.seed,
                width=picture.width,
                height=picture.height,
            )
            for index, picture in enumerate(stored)
        ]
        # First, because it locks the job's row: whoever comes second finds that the attempt is over.
        Job.objects.succeed(pk, token=token, result={"pictures": [str(picture.pk) for picture in pictures]})
        if request.hold is not None:
            ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
        made = Picture.objects.bulk_create(pictures)
        transaction.on_commit(partial(discard_files, pk, keep=token), robust=True)
        return made


def settle_unfinished(job: Job) -> None:
    """Release the money of a request that failed or was cancelled, in the transaction that ends its job."""
    request = GenerationRequest.objects.select_related("hold").filter(pk=job.pk).first()
    if request is None:
        return
    if request.hold is not None:
        # An expired hold has released the money already.
        with suppress(HoldAlreadyVoided):
            ledger.void(hold=request.hold, key=f"{request.reference}:void", reason=job.get_state_display())
    transaction.on_commit(partial(discard_files, job.pk), robust=True)


def discard_late_files(job: Job) -> None:
    """Delete what a late attempt wrote after the job had ended."""
    discard_files(job.pk, keep=job.fencing_token if job.state == JobState.SUCCEEDED else None)


def give_up_expired() -> int:
    """Fail requests that no worker did before their hold expired, which releases the money."""
    return Job.objects.filter(generation_request__expires_at__lt=timezone.now()).abandon_all(error=TOO_LATE)


def discard_files(pk: UUID, *, keep: int | None = None) -> None:
    """Delete files of attempts to which no picture refers: all, or all but the folder of attempt `keep`."""
    root = folder_of(pk)
    try:
        attempts, _ = default_storage.listdir(root)
    except FileNotFoundError:
        return
    for attempt in attempts:
        if attempt != str(keep):
            empty_folder(f"{root}/{attempt}")
    if keep is None:
        default_storage.delete(root)
