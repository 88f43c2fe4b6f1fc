"""Pictures in a grid, whatever it shows: an extraction, a release, a plug-in drawn again."""

from __future__ import annotations

import uuid

from django.db import models

PROMPT_LENGTH = 500


def picture_path(row: GridPicture, filename: str) -> str:
    return f"extractions/pictures/{uuid.uuid4().hex}.png"


class GridPicture(models.Model):
    """A picture in a grid of something (`of`). A row is a prompt; a column is what draws it."""

    title = models.CharField(max_length=100)
    row = models.PositiveSmallIntegerField()
    column = models.PositiveSmallIntegerField()
    stage = models.CharField(max_length=60, help_text="Names the column.")
    prompt = models.CharField(max_length=PROMPT_LENGTH)
    file = models.FileField(upload_to=picture_path, max_length=200)

    class Meta:
        abstract = True
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("of", "title", "row", "column"), name="%(app_label)s_%(class)s_one_a_place"
            ),
        )

    def __str__(self) -> str:
        return f"{self.prompt}, {self.stage}"
