"""The rendered pictures as tensors, and which of them the base may see."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.subjects import (
    EXTRA_STYLE,
    HELD_OUT_CHARACTERS,
    HELD_OUT_STYLE,
    STYLES,
    SUBJECTS,
    is_held_out_pair,
)


@dataclass(frozen=True)
class Picture:
    """One real picture: where it lies, its style's package, and its subject ("other-…" for the rest of a set)."""

    path: Path
    package: str
    subject: str

    @property
    def is_held_out(self) -> bool:
        """Tell whether the base must never see this picture."""
        if self.package == HELD_OUT_STYLE.package or self.subject in HELD_OUT_CHARACTERS:
            return True
        if self.subject not in SUBJECTS or self.package == EXTRA_STYLE.package:
            return False
        packages = [style.package for style in STYLES]
        return is_held_out_pair(list(SUBJECTS).index(self.subject), packages.index(self.package))

    @property
    def words(self) -> str:
        """Give its subject's caption. Raises KeyError for what is not one of SUBJECTS."""
        return SUBJECTS[self.subject][0]


def all_pictures(root: Path) -> list[Picture]:
    """List every rendered picture, in a fixed order.

    Raises: FileNotFoundError when the dataset stage has not run.
    """
    found = [
        Picture(path, style.package, path.stem)
        for style in (*STYLES, HELD_OUT_STYLE, EXTRA_STYLE)
        for path in sorted((root / "pictures" / style.package).glob("*.png"))
    ]
    if not found:
        raise FileNotFoundError(
            f"no pictures under {root / 'pictures'}: run `python -m training dataset` first"
        )
    return found


def of_the_base(every: list[Picture]) -> list[Picture]:
    """Give the pictures that the base is trained on: named subjects in its styles, without what is held out."""
    packages = {style.package for style in STYLES}
    return [p for p in every if p.subject in SUBJECTS and p.package in packages and not p.is_held_out]


def load(pictures: list[Picture]) -> torch.Tensor:
    """Read pictures as (n, 3, size, size) float32 in -1..1."""
    arrays = [np.asarray(Image.open(p.path).convert("RGB"), dtype=np.uint8) for p in pictures]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous()
