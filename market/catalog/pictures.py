"""Turn an uploaded file into a clean picture of our own encoding, or refuse it with the reason.

Only the pixels of the upload survive. They are decoded, turned upright, converted to sRGB and encoded anew. Metadata, embedded
profiles, hidden colours under full transparency and appended data are gone.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.Image import DecompressionBombError

from market.catalog.likeness import MIN_SPREAD, Likeness, likeness, spread
from market.refusals import Refused

FORMATS = ("PNG", "JPEG", "WEBP")
MIN_SIDE = 64
MAX_SIDE = 16_000  # WebP ends at 16,383
THUMBNAIL_SIDE = 320
WEBP_QUALITY = 95


@dataclass(frozen=True)
class Limits:
    """The largest uploads: the file in bytes, the picture in pixels."""

    max_bytes: int
    max_pixels: int
    min_side: int = MIN_SIDE
    max_side: int = MAX_SIDE

    @classmethod
    def configured(cls) -> Limits:
        return cls(max_bytes=settings.UPLOADS.work_bytes, max_pixels=settings.UPLOADS.work_pixels)


@dataclass(frozen=True)
class CleanPicture:
    """A picture in our own encoding, with what identifies it."""

    data: bytes
    thumbnail: bytes  # WebP
    content_type: str
    extension: str
    width: int
    height: int
    pixels_sha256: str
    likeness: Likeness
    mirrored: Likeness


_PLAIN = ("content_type", "extension", "width", "height", "pixels_sha256")


def clean(data: bytes, limits: Limits) -> CleanPicture:
    """Decode, check and re-encode an uploaded file. Raises Refused."""
    if not data:
        raise Refused("The file is empty.")
    if len(data) > limits.max_bytes:
        raise Refused(
            f"The file has {_megabytes(len(data))}; at most {_megabytes(limits.max_bytes)} are taken."
        )
    picture, was_png = _decode(data, limits)
    flat = on_white(picture)
    if spread(flat) < MIN_SPREAD:
        raise Refused("The picture is blank: on white paper it is of a single colour.")
    encoded = _png(picture) if was_png else _webp(picture)
    return CleanPicture(
        data=encoded,
        thumbnail=_thumbnail(picture),
        content_type="image/png" if was_png else "image/webp",
        extension="png" if was_png else "webp",
        width=picture.width,
        height=picture.height,
        pixels_sha256=pixels_sha256(picture),
        likeness=likeness(flat),
        mirrored=likeness(ImageOps.mirror(flat)),
    )


def clean_in_child(data: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Do the same in a child process (`decoding.child`). The limits are its options."""
    picture = clean(data, Limits(**options))
    likenesses = (picture.likeness, picture.mirrored)
    found = {name: getattr(picture, name) for name in _PLAIN}
    found["hashes"] = [each.perceptual_hash for each in likenesses]
    return found, (picture.data, picture.thumbnail, *(each.grid for each in likenesses))


def from_child(found: dict[str, Any], parts: Sequence[bytes]) -> CleanPicture:
    """Make the picture from a child's answer."""
    data, thumbnail, *grids = parts
    upright, mirrored = (Likeness(each, grid) for each, grid in zip(found.pop("hashes"), grids, strict=True))
    return CleanPicture(data=data, thumbnail=thumbnail, likeness=upright, mirrored=mirrored, **found)


def on_white(picture: Image.Image) -> Image.Image:
    """Put a picture on a white ground, as training and the eye do."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")


def pixels_sha256(picture: Image.Image) -> str:
    """Hash what is seen, whatever the file format."""
    digest = hashlib.sha256(f"{picture.width}x{picture.height} RGBA\n".encode())
    digest.update(picture.convert("RGBA").tobytes())
    return digest.hexdigest()


def _decode(data: bytes, limits: Limits) -> tuple[Image.Image, bool]:
    """Read the pixels as upright sRGB, RGB or RGBA, and whether they came from a PNG."""
    try:
        with warnings.catch_warnings():
            # Warnings about odd files. Our own limit on pixels, checked before decoding, is the one that counts.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=FORMATS) as opened:
                _check_header(opened, limits)
                was_png = opened.format == "PNG"
                opened.load()
                picture = _to_rgb(_upright(opened))
    except (Refused, MemoryError):
        raise
    except UnidentifiedImageError:
        raise Refused("The file is not a PNG, JPEG or WebP picture.") from None
    except DecompressionBombError:
        raise Refused(_too_many_pixels(limits)) from None
    except Exception:  # noqa: BLE001  # a decoder fed hostile bytes raises almost anything
        raise Refused("The picture is damaged: it cannot be read to its end.") from None
    return picture, was_png


def _check_header(opened: Image.Image, limits: Limits) -> None:
    """Refuse a file by its header, before any pixel is decoded."""
    width, height = opened.size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise Refused(f"The picture has {width} x {height} pixels. " + _too_many_pixels(limits))
    if min(width, height) < limits.min_side:
        raise Refused(
            f"The picture has {width} x {height} pixels; each side needs at least {limits.min_side}."
        )
    # A JPEG with several pictures (MPO) comes from a camera: its first picture is the photograph.
    if opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1:
        raise Refused("The picture is animated. Save the frame you mean as a still picture.")


def _too_many_pixels(limits: Limits) -> str:
    return (
        f"At most {limits.max_pixels / 1_000_000:.0f} megapixels are taken, "
        f"and at most {limits.max_side} pixels a side."
    )


def _upright(picture: Image.Image) -> Image.Image:
    """Apply the camera's orientation; damaged EXIF data is no reason to lose the picture."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001  # EXIF parsers fed hostile bytes raise almost anything
        return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        deep = np.asarray(picture, dtype=np.float64)  # 16 bits a pixel
        picture = Image.fromarray(np.clip(deep / 257.0 + 0.5, 0, 255).astype(np.uint8))
        profile = None
    has_alpha = picture.has_transparency_data
    if profile and picture.mode in {"RGB", "CMYK", "L"}:
        picture = _to_srgb(picture, profile)
    if not has_alpha:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    if profile and picture.mode == "RGBA":
        alpha = rgba.getchannel("A")
        rgba = _to_srgb(rgba.convert("RGB"), profile).convert("RGBA")
        rgba.putalpha(alpha)
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("RGB")
    pixels = np.array(rgba)  # (height, width, RGBA)
    pixels[pixels[:, :, 3] == 0] = 0
    return Image.fromarray(pixels)


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert colours by the embedded profile; an unusable profile is ignored, as browsers do."""
    try:
        converted = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted if converted is not None else picture


def _png(picture: Image.Image) -> bytes:
    target = BytesIO()
    Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(target, "PNG", compress_level=6)
    return target.getvalue()


def _webp(picture: Image.Image) -> bytes:
    target = BytesIO()
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    bare.save(target, "WEBP", quality=WEBP_QUALITY, method=4)
    return target.getvalue()


def _thumbnail(picture: Image.Image) -> bytes:
    small = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    target = BytesIO()
    small.save(target, "WEBP", quality=85, method=4)
    return target.getvalue()


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
