"""Turn an uploaded file into a clean picture of our own encoding, or refuse it with the reason.

Nothing of the upload but its pixels survives: they are decoded, turned upright, brought to sRGB and encoded anew, so
metadata, embedded profiles, hidden colours under full transparency and whatever was appended are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image, ImageOps

from market.catalog.likeness import MIN_SPREAD, Likeness, likeness, spread
from market.provenance import is_made_here, reservation_in
from market.refusals import Refused
from pictures.alike import Probe, probe_of
from pictures.looks import MOST_POINTS, Look, look_at
from pictures.still import NAMES, NotAStill, Sizes, Still, on_white, read_still

_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF")
MIN_SIDE = 64
MAX_SIDE = 16_000  # WebP ends at 16,383
THUMBNAIL_SIDE = 320
WEBP_QUALITY = 95


@dataclass(frozen=True)
class Limits:
    """What is taken: sizes of the file in bytes, of the picture in pixels."""

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
    probe: Probe
    made_here: bool  # by this program, as the file says
    reservation: str = ""  # what in its content credentials forbids training; "" if nothing does


_PLAIN = ("content_type", "extension", "width", "height", "pixels_sha256", "made_here", "reservation")


def clean(data: bytes, limits: Limits) -> CleanPicture:
    """Decode, check and re-encode an uploaded file. Raises Refused."""
    if not data:
        raise Refused("The file is empty.")
    if len(data) > limits.max_bytes:
        raise Refused(
            f"The file has {_megabytes(len(data))}; at most {_megabytes(limits.max_bytes)} are taken."
        )
    still = _decode(data, limits)
    picture, lossless = still.picture, still.format in _LOSSLESS
    flat = on_white(picture)
    if spread(flat) < MIN_SPREAD:
        raise Refused("The picture is blank: on white paper it is of a single colour.")
    encoded = _png(picture) if lossless else _webp(picture)
    return CleanPicture(
        data=encoded,
        thumbnail=_thumbnail(picture),
        content_type="image/png" if lossless else "image/webp",
        extension="png" if lossless else "webp",
        width=picture.width,
        height=picture.height,
        pixels_sha256=pixels_sha256(picture),
        likeness=likeness(flat),
        mirrored=likeness(ImageOps.mirror(flat)),
        probe=probe_of(flat),
        made_here=is_made_here(data),
        reservation=reservation_in(data),
    )


def clean_in_child(data: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Do the same in a child (`decoding.child`), to which the limits are the options."""
    picture = clean(data, Limits(**options))
    likenesses = (picture.likeness, picture.mirrored)
    found = {name: getattr(picture, name) for name in _PLAIN}
    found["hashes"] = [each.perceptual_hash for each in likenesses]
    parts = (
        picture.data,
        picture.thumbnail,
        picture.probe.look.packed(MOST_POINTS),
        picture.probe.sheet.tobytes(),
    )
    return found, (*parts, *(each.grid for each in likenesses))


def from_child(found: dict[str, Any], parts: Sequence[bytes]) -> CleanPicture:
    """Make of a child's answer what it is about."""
    data, thumbnail, packed, pixels, *grids = parts
    upright, mirrored = (Likeness(each, grid) for each, grid in zip(found.pop("hashes"), grids, strict=True))
    look = Look.unpacked(packed)
    width, height = look.size
    probe = Probe(look, np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
    return CleanPicture(
        data=data, thumbnail=thumbnail, likeness=upright, mirrored=mirrored, probe=probe, **found
    )


def look_in_child(data: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Describe a picture that the market keeps, in a child: for those from before there were looks, and those it made."""
    limits = Limits(**options)
    picture = _decode(data, limits).picture
    return {"pixels_sha256": pixels_sha256(picture)}, (look_at(on_white(picture)).packed(),)


def pixels_sha256(picture: Image.Image) -> str:
    """Hash what is seen, whatever the file format."""
    digest = hashlib.sha256(f"{picture.width}x{picture.height} RGBA\n".encode())
    digest.update(picture.convert("RGBA").tobytes())
    return digest.hexdigest()


def _decode(data: bytes, limits: Limits) -> Still:
    try:
        return read_still(data, Sizes(limits.max_pixels, limits.max_side, limits.min_side))
    except NotAStill as wrong:
        raise Refused(_worded(wrong, limits)) from None


def _worded(wrong: NotAStill, limits: Limits) -> str:
    width, height = wrong.size
    match wrong.why:
        case "unknown":
            return f"The file is not a {NAMES} picture."
        case "too large":
            found = f"The picture has {width} x {height} pixels. " if width else ""
            return (
                f"{found}At most {limits.max_pixels / 1_000_000:.0f} megapixels are taken, "
                f"and at most {limits.max_side} pixels a side."
            )
        case "too small":
            return f"The picture has {width} x {height} pixels; each side needs at least {limits.min_side}."
        case "animated":
            return "The picture is animated. Save the frame you mean as a still picture."
        case "several pages":
            return "The file has several pages. Save the one you mean as a picture of its own."
        case "damaged":
            return "The picture is damaged: it cannot be read to its end."


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
