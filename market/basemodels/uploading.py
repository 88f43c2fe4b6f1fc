"""Take a diffusers directory in parts. Its files are announced first. Parts come in order, and any may come again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.contents import PICKLES, require_few, require_size, require_together
from market.basemodels.models import BaseModel, BaseUpload, BaseUploadFile, BaseUploadPart
from market.basemodels.models.uploads import FILE_PATH, PART_BYTES, SHA256
from market.decoding.children import let_go_of_the_database
from market.decoding.places import places_for_parts
from market.refusals import Refused, gone_on, invalid, too_many
from market.stored_files import files_undone

MAX_OPEN = 3
"""The most uploads of one person that have not passed a check. Each may be as large as the market takes."""
KEPT_UNTOUCHED = timedelta(days=2)
KEPT_EMPTY = timedelta(hours=1)
"""How long an upload of which nothing has arrived is kept. What is only announced takes room from others."""
CLAIMED = "A base model has this upload; it stays."
"""Why an upload cannot be given up."""
_LOCK = 7_266_003  # the advisory lock of PostgreSQL for those who begin an upload


@dataclass(frozen=True)
class Announced:
    """A file that will come."""

    path: str
    size: int
    sha256: str


def announced(said: Any) -> list[Announced]:
    """Read the list of files that an upload begins with. Raises Refused, which names the first that cannot be taken."""
    entries = said.get("files") if isinstance(said, dict) else None
    if not isinstance(entries, list) or not entries:
        raise invalid('Expected {"files": [{"path": …, "size": …, "sha256": …}, …]} with at least one file.')
    require_few(len(entries))
    files = [_announced(entry) for entry in entries]
    require_together(files)
    return files


def _announced(entry: Any) -> Announced:
    if not isinstance(entry, dict):
        raise invalid("Expected each file as an object with path, size and sha256.")
    path, size, sha256 = entry.get("path"), entry.get("size"), entry.get("sha256")
    if not isinstance(path, str) or not re.fullmatch(FILE_PATH, path):
        raise invalid(_why_not(str(path)[:200]))
    size = require_size(path, size)
    if not isinstance(sha256, str) or not re.fullmatch(SHA256, sha256):
        raise invalid(f"{path}: expected its SHA-256 as 64 hexadecimal digits in lower case.")
    return Announced(path, size, sha256)


def _why_not(path: str) -> str:
    if path.endswith(PICKLES):
        return (
            f"{path}: a file of this kind can run code when it is opened, and is not taken. Convert the weights to "
            "safetensors."
        )
    return (
        f"“{path}” is none of the files that are read of a diffusers directory. Expected model_index.json, and .safetensors, "
        ".json or .txt files in unet or transformer, vae, text_encoder, tokenizer, scheduler (for SDXL also text_encoder_2, tokenizer_2; for "
        "Stable Diffusion 3 text_encoder_3, tokenizer_3 besides; for Z-Image chat_template.jinja in tokenizer). "
        "Leave it out."
    )


def begin_upload(owner: User, files: Sequence[Announced]) -> BaseUpload:
    """Give the upload of these files: the one that this person began with the same list, or a new one."""
    listed = json.dumps(sorted((each.path, each.size, each.sha256) for each in files))
    digest = hashlib.sha256(listed.encode()).hexdigest()
    with transaction.atomic():
        # One after the other, so that uploads can be counted and two clicks do not make two.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        known = BaseUpload.objects.filter(owner=owner, list_sha256=digest).first()
        if known is not None:
            _require_unregistered(known)
            BaseUpload.objects.filter(pk=known.pk).update(touched_at=timezone.now())
            return known
        if BaseUpload.objects.unproven().filter(owner=owner).count() >= MAX_OPEN:
            raise too_many(
                f"You have {MAX_OPEN} uploads that are not registered, or whose base model has not passed its check; more are not "
                "kept at a time. Finish one, or remove it."
            )
        _require_space(sum(each.size for each in files))
        upload = BaseUpload.objects.create(owner=owner, list_sha256=digest)
        BaseUploadFile.objects.bulk_create(
            BaseUploadFile(upload=upload, position=position, **vars(each))
            for position, each in enumerate(files)
        )
        return upload


def _require_space(size: int) -> None:
    """Refuse more bytes than all uploads may have together. Others who begin an upload wait here until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    on_their_way = BaseUploadFile.objects.filter(upload__in=BaseUpload.objects.unproven())
    announced = on_their_way.aggregate(total=Sum("size"))["total"] or 0
    if announced + size > settings.UPLOADS.unproven_bases_bytes:
        raise Refused(
            f"The market has no room for {size / 1e6:,.1f} MB more just now: uploads that others began take it. They end within "
            "two days; begin this one again later.",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )


def take_part(upload: BaseUpload, position: int, number: int, data: bytes) -> BaseUploadFile:
    """Keep the next part of a file, or see that it is there already. Raises Refused.

    With the last part the file's hash is checked. If it is not the announced hash, the parts are dropped and the file starts
    anew. The last part may come again if the file could not be checked.
    """
    with places_for_parts().taken_by(upload.owner_id):
        file = _with_part(upload, position, number, data)
        if file.complete or file.parts < file.parts_needed:
            return file
        return _checked(file)


def _with_part(upload: BaseUpload, position: int, number: int, data: bytes) -> BaseUploadFile:
    digest = hashlib.sha256(data).hexdigest()
    with transaction.atomic():
        file = (
            BaseUploadFile.objects.select_for_update(of=("self",))
            .filter(upload=upload, position=position)
            .first()
        )
        if file is None:
            raise Refused(f"This upload has no file number {position}.", status=HTTPStatus.NOT_FOUND)
        if number < file.parts:
            if file.arrived.filter(number=number, sha256=digest).exists():
                return file
            raise Refused(
                f"{file.path}: part {number} arrived before, with other content. If the file has changed, begin another "
                "upload with its new hash."
            )
        _require_next(file, number, len(data))
        _keep(file, number, digest, data)
        return file


def _checked(file: BaseUploadFile) -> BaseUploadFile:
    """Compare a file with its announced hash. No transaction is open: reading a large file takes minutes."""
    found = _hash_of(file)
    with transaction.atomic():
        # Unless another request finished it meanwhile.
        same = BaseUploadFile.objects.select_for_update().filter(pk=file.pk, parts=file.parts, complete=False)
        if found == file.sha256:
            file.complete = True
            same.update(complete=True)
            return file
        if waiting := same.first():
            _start_over(waiting)
    raise invalid(
        f"{file.path}: the SHA-256 of what arrived is {found}, announced was {file.sha256}. The file starts anew: "
        "send its parts again, or begin another upload with the right hash."
    )


def _require_next(file: BaseUploadFile, number: int, size: int) -> None:
    if file.complete or file.parts >= file.parts_needed:
        raise Refused(f"{file.path}: all {file.parts_needed} parts are there already.")
    if number != file.parts:
        raise Refused(
            f"{file.path}: expected part {file.parts} next, not part {number}. Parts come in order."
        )
    expected = file.bytes_of_part(number)
    if size != expected:
        raise invalid(f"{file.path}: expected {expected} bytes as part {number}, found {size}.")


def _keep(file: BaseUploadFile, number: int, digest: str, data: bytes) -> None:
    part = BaseUploadPart(
        file=file, number=number, sha256=digest, content=ContentFile(data, name=str(number))
    )
    with files_undone() as stored:
        stored.append(part.content)
        part.save(force_insert=True)
        file.parts = number + 1
        file.save(update_fields=["parts"])
    BaseUpload.objects.filter(pk=file.upload_id).update(touched_at=timezone.now())


def _hash_of(file: BaseUploadFile) -> str:
    names = list(file.arrived.order_by("number").values_list("content", flat=True))
    let_go_of_the_database()
    digest = hashlib.sha256()
    try:
        for name in names:
            with default_storage.open(name) as stored:
                for chunk in stored.chunks():
                    digest.update(chunk)
    except FileNotFoundError:
        raise gone_on("upload") from None
    return digest.hexdigest()


def _start_over(file: BaseUploadFile) -> None:
    _forget_parts(BaseUploadPart.objects.filter(file=file))
    file.parts = 0
    file.save(update_fields=["parts"])


def give_up_upload(pk: UUID) -> bool:
    """Delete an upload that nothing refers to, with all that has arrived. False: there is none."""
    with transaction.atomic():
        upload = BaseUpload.objects.unclaimed().select_for_update(of=("self",)).filter(pk=pk).first()
        if upload is None:
            return False
        _forget_parts(BaseUploadPart.objects.filter(file__upload=upload))
        upload.delete()
        return True


def _forget_parts(parts: QuerySet[BaseUploadPart]) -> None:
    """Delete parts; their files in the storage when the transaction commits."""
    names = list(parts.values_list("content", flat=True))
    parts.delete()

    def delete() -> None:
        for name in names:
            default_storage.delete(name)

    transaction.on_commit(delete, robust=True)


def _require_unregistered(upload: BaseUpload) -> None:
    base = base_with(upload)
    if base is not None:
        raise Refused(f"These files are those of your base model “{base.name}” already.")


def base_with(upload: BaseUpload) -> BaseModel | None:
    """Give the base whose weights this upload is, was, or is to be."""
    of = Q(upload=upload) | Q(next_upload=upload) | Q(releases__upload=upload)
    return BaseModel.objects.filter(of).first()


def complete_upload(owner: User, pk: UUID) -> BaseUpload:
    """Lock a complete upload of this person that no base has. Raises Refused."""
    upload = BaseUpload.objects.select_for_update().filter(pk=pk, owner=owner).first()
    if upload is None:
        raise invalid("There is no such upload of yours. Begin one anew.")
    if (base := base_with(upload)) is not None:
        raise invalid(f"This upload is your base model “{base.name}” already.")
    missing = list(upload.files.filter(complete=False).values_list("path", flat=True))
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise invalid(f"The upload is not complete: {shown} did not arrive in full. Go on with it first.")
    return upload


def sweep_abandoned() -> int:
    """Give up uploads that nobody continued for two days, or for which nothing came after they were announced."""
    now = timezone.now()
    empty = ~Exists(BaseUploadPart.objects.filter(file__upload=OuterRef("pk")))
    old = BaseUpload.objects.unclaimed().filter(
        Q(touched_at__lt=now - KEPT_UNTOUCHED) | Q(empty, touched_at__lt=now - KEPT_EMPTY)
    )
    return sum(give_up_upload(pk) for pk in list(old.values_list("pk", flat=True)[:20]))


def as_json(upload: BaseUpload) -> dict[str, Any]:
    """Say what is there of an upload, for whoever sends it."""
    return {
        "upload": str(upload.pk),
        "url": upload.get_absolute_url(),
        "part_bytes": PART_BYTES,
        "complete": upload.is_complete,
        "files": [file_as_json(file) for file in upload.files.all()],
    }


def file_as_json(file: BaseUploadFile) -> dict[str, Any]:
    return {
        "position": file.position,
        "path": file.path,
        "size": file.size,
        "parts": file.parts,
        "parts_needed": file.parts_needed,
        "complete": file.complete,
    }
