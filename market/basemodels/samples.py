"""Sample pictures of what weights draw, as a worker hands them over."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.files.base import ContentFile
from PIL import Image

PROMPT_LENGTH = 500
SAMPLE_SEED = 1
"""The seed of the first sample. Each further one has the next number."""


@dataclass(frozen=True)
class Sample:
    """What was drawn, from which seed, as a PNG. plain: the same without the plug-in that is shown, where that was drawn."""

    prompt: str
    seed: int
    png: bytes
    plain: bytes = b""

    def as_fields(self) -> dict[str, Any]:
        """Give the fields of the row that keeps it, among a base model's samples or a plug-in's."""
        with Image.open(BytesIO(self.png), formats=["PNG"]) as picture:
            width, height = picture.size
        return {
            "prompt": self.prompt[:PROMPT_LENGTH],
            "seed": self.seed,
            "file": ContentFile(self.png, name="sample.png"),
            "width": width,
            "height": height,
        }
