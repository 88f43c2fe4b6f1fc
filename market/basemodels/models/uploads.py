"""Diffusers directories on their way to the market: which files there will be, and the parts that have arrived."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

PART_BYTES = 8 * 1024 * 1024
"""The bytes of every part of a file, except the last, which has the rest."""

SHA256 = r"^[0-9a-f]{64}$"
FOLDERS = "unet|transformer|vae|text_encoder(_[23])?|tokenizer(_[23])?|scheduler"
FILE_PATH = (
    rf"^((({FOLDERS})/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,120}}|model_index|card|prompts)\.(safetensors|json|txt)"
    r"|tokenizer(_[23])?/chat_template\.jinja)$"
)
"""The files of a diffusers directory that the engine reads. None could run code when it is opened: templates are filled in in a sandbox."""


class BaseUploadQuerySet(models.QuerySet["BaseUpload"]):
    def unclaimed(self) -> BaseUploadQuerySet:
        """Uploads that no base has or is to have, and that no release was made from: nothing refers to their files."""
        return self.filter(base=None, next_base=None, releases=None)

    def unproven(self) -> BaseUploadQuerySet:
        """Uploads without a base, or whose base has not passed its check."""
        return self.filter(Q(base=None, releases=None) | Q(base__fingerprint=""))


class BaseUpload(models.Model):
    """One directory being sent. The same list of files from the same person continues the same upload."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="base_uploads")
    list_sha256 = models.CharField(max_length=64, help_text="Of the paths, sizes and hashes of its files.")
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    touched_at = models.DateTimeField(default=timezone.now, editable=False)

    files: RelatedManager[BaseUploadFile]

    objects: ClassVar[BaseUploadQuerySet] = BaseUploadQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        verbose_name = "upload of a base model"
        verbose_name_plural = "uploads of base models"
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "list_sha256"], name="basemodels_baseupload_list_once_a_person"
            ),
            models.CheckConstraint(
                condition=Q(list_sha256__regex=SHA256), name="basemodels_baseupload_list_sha256_shape"
            ),
        ]

    def __str__(self) -> str:
        return f"Upload of {self.started_at:%Y-%m-%d %H:%M} by {self.owner}"

    def get_absolute_url(self) -> str:
        return reverse("basemodels:upload", args=[self.pk])

    def touch(self) -> None:
        """Note that it was used just now. Unused ones that nothing refers to are deleted after a time."""
        BaseUpload.objects.filter(pk=self.pk).update(touched_at=Now())

    @property
    def is_complete(self) -> bool:
        return all(file.complete for file in self.files.all())


class BaseUploadFile(models.Model):
    """One file of the directory, as it was announced; `parts` have arrived, in order."""

    upload = models.ForeignKey(BaseUpload, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveSmallIntegerField()
    path = models.CharField(max_length=160)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    parts = models.PositiveIntegerField(default=0)
    complete = models.BooleanField(
        default=False, help_text="All parts are there and have the announced hash."
    )

    arrived: RelatedManager[BaseUploadPart]

    class Meta:
        verbose_name = "file of an upload"
        verbose_name_plural = "files of uploads"
        ordering = ["upload", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["upload", "position"], name="basemodels_baseuploadfile_position_once"
            ),
            models.UniqueConstraint(fields=["upload", "path"], name="basemodels_baseuploadfile_path_once"),
            models.CheckConstraint(
                condition=Q(path__regex=FILE_PATH), name="basemodels_baseuploadfile_path_allowed"
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex=SHA256), name="basemodels_baseuploadfile_sha256_shape"
            ),
            models.CheckConstraint(condition=Q(size__gte=1), name="basemodels_baseuploadfile_size_positive"),
            models.CheckConstraint(
                condition=Q(complete=False) | Q(size__lte=F("parts") * PART_BYTES),
                name="basemodels_baseuploadfile_complete_with_all_parts",
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def parts_needed(self) -> int:
        return -(-self.size // PART_BYTES)

    def bytes_of_part(self, number: int) -> int:
        return min(PART_BYTES, self.size - number * PART_BYTES)


def place_of_part(part: BaseUploadPart, name: str) -> str:
    return f"bases/uploads/{part.file.upload_id}/{part.file.position}/{part.number}"


class BaseUploadPart(models.Model):
    """One part of a file, in the storage."""

    file = models.ForeignKey(BaseUploadFile, on_delete=models.CASCADE, related_name="arrived")
    number = models.PositiveIntegerField(help_text="From 0.")
    sha256 = models.CharField(max_length=64)
    content = models.FileField(upload_to=place_of_part, max_length=200)

    class Meta:
        verbose_name = "part of an upload"
        verbose_name_plural = "parts of uploads"
        ordering = ["file", "number"]
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="basemodels_baseuploadpart_number_once"),
            models.CheckConstraint(
                condition=Q(sha256__regex=SHA256), name="basemodels_baseuploadpart_sha256_shape"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file.path}, part {self.number}"
