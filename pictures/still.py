"""Read a picture file as it looks: upright, in sRGB, 8 bits a channel. The file may be hostile."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.Image import DecompressionBombError

pillow_heif.register_heif_opener()

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "HEIF", "BMP", "TIFF")
NAMES = "PNG, JPEG, WebP, GIF, AVIF, HEIC, BMP or TIFF"
"""The formats as people call them."""
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".avif", ".heic", ".heif", ".bmp", ".tif", ".tiff",
)  # fmt: skip
# Files of several pictures that come from a camera: the first picture is the photograph.
_OF_CAMERAS = ("MPO", "HEIF")
_WHOLE, _DEEP = 255, 65_535  # of 8 and 16 bits

Why = Literal["unknown", "too large", "too small", "several pages", "animated", "damaged"]


class NotAStill(Exception):
    """Say why a file is no picture that can be used; whoever reads it words that. size: (width, height), if it was read."""

    def __init__(self, why: Why, size: tuple[int, int] = (0, 0)) -> None:
        super().__init__(why)
        self.why, self.size = why, size


@dataclass(frozen=True)
class Sizes:
    """What is taken, in pixels. It is looked at before any pixel is decoded."""

    most_pixels: int = 178_956_970  # Pillow's own limit
    most_side: int = 65_535
    least_side: int = 1

    def check(self, size: tuple[int, int]) -> None:
        """Raise NotAStill for a size that is not taken."""
        width, height = size
        if width * height > self.most_pixels or max(size) > self.most_side:
            raise NotAStill("too large", size)
        if min(size) < self.least_side:
            raise NotAStill("too small", size)


@dataclass(frozen=True)
class Still:
    """A picture, RGB or RGBA, and the format that it was in. What is fully transparent has no colour, (0, 0, 0)."""

    picture: Image.Image
    format: str


def read_still(data: bytes, sizes: Sizes = Sizes()) -> Still:  # it cannot change
    """Read a picture's bytes. Raises NotAStill, and MemoryError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about strange files
            with Image.open(BytesIO(data), formats=FORMATS) as opened:
                form = opened.format or ""
                sizes.check(opened.size)
                if form not in _OF_CAMERAS and getattr(opened, "n_frames", 1) > 1:
                    raise NotAStill("several pages" if form == "TIFF" else "animated", opened.size)
                opened.load()
                return Still(_seen(_upright(opened)), form)
    except (NotAStill, MemoryError):
        raise
    except UnidentifiedImageError:
        raise NotAStill("unknown") from None
    except DecompressionBombError:
        raise NotAStill("too large") from None
    except Exception:  # noqa: BLE001  # a decoder fed hostile bytes raises almost anything
        raise NotAStill("damaged") from None


def on_white(picture: Image.Image) -> Image.Image:
    """Lay a picture on white paper, as training and the eye do."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture.convert("RGBA")).convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    """Apply the camera's orientation; damaged EXIF data is no reason to lose the picture."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001  # EXIF parsers fed hostile bytes raise almost anything
        return picture


def _seen(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        picture, profile = _shallow(picture), None
    has_alpha = picture.has_transparency_data
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.createProfile("LAB"))
    if profile and picture.mode in {"RGB", "CMYK", "L"}:
        picture = _to_srgb(picture, profile)
    if not has_alpha:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    if profile and picture.mode == "RGBA":
        alpha = rgba.getchannel("A")
        rgba = _to_srgb(rgba.convert("RGB"), profile).convert("RGBA")
        rgba.putalpha(alpha)
    if rgba.getchannel("A").getextrema() == (_WHOLE, _WHOLE):
        return rgba.convert("RGB")
    pixels = np.array(rgba)  # (height, width, RGBA)
    pixels[pixels[:, :, 3] == 0] = 0
    return Image.fromarray(pixels)


def _shallow(picture: Image.Image) -> Image.Image:
    """Bring grey of 16 or more bits, or in fractions, to 8 bits."""
    deep = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    # TIFF keeps fractions of white as such.
    white = 1.0 if picture.mode == "F" and deep.max(initial=0.0) <= 1.0 else float(_DEEP)
    return Image.fromarray(np.clip(deep * (_WHOLE / white) + 0.5, 0, _WHOLE).astype(np.uint8))


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert colours by the embedded profile; an unusable profile is ignored, as browsers do."""
    try:
        return _converted(picture, ImageCms.ImageCmsProfile(BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture


def _converted(picture: Image.Image, profile: object) -> Image.Image:
    found = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")  # type: ignore[arg-type]  # either kind of profile
    return picture if found is None else found
