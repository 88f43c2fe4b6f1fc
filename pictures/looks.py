"""What is kept of a picture to recognise it when it was altered: its outlines, and points with their surroundings.

Outlines are where colours change, whichever way: turned to its negative, or drawn in other colours, a picture keeps them. Points are found
on the outlines, and their surroundings described, by SIFT (Lowe, Distinctive Image Features from Scale-Invariant Keypoints, 2004), with the
square roots of its histograms (Arandjelović and Zisserman, Three things everyone should know to improve object retrieval, 2012).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SHEET = 256  # pixels of the longer side on which points are found
SMALL = 128  # and of that on which outlines are kept and compared
LEAST_SIDE = 8  # of a sheet: a ribbon of one pixel has no outlines
MOST_POINTS = 480  # of a picture that is asked about, whose parts may be many
KEPT_POINTS = 192  # of one that is known
DESCRIPTION = 128  # numbers of a point's surroundings: 4 x 4 places x 8 directions
PLACES, DIRECTIONS = 4, 8
GRID = 12  # the shape is GRID x GRID outlines in the box of what is drawn
DRAWN = 0.35  # from this strength on an outline is part of what is drawn
REDUCED = 48  # numbers of surroundings in short
FORMAT = struct.Struct(">HHHHH")  # sheet's width and height, outlines' width and height, points


class NotALook(ValueError):
    """Bytes that say nothing of a picture."""


@dataclass(frozen=True)
class Look:
    """size: of the sheet, width and height. points: (n, 4) x, y, size, direction in radians, the strongest first; descriptions: (n, 128)."""

    size: tuple[int, int]
    outlines: Bytes  # (height, width), of the small sheet
    points: Floats
    descriptions: Bytes

    def packed(self, most: int = KEPT_POINTS) -> bytes:
        """Write it down, with so many points."""
        height, width = self.outlines.shape
        count = min(len(self.points), most)
        head = FORMAT.pack(*self.size, width, height, count)
        points, descriptions = self.points[:count].astype(">f4"), self.descriptions[:count]
        return b"".join([head, self.outlines.tobytes(), points.tobytes(), descriptions.tobytes()])

    @classmethod
    def unpacked(cls, data: bytes) -> Look:
        """Read what `packed` wrote. Raises NotALook."""
        if len(data) < FORMAT.size:
            raise NotALook("too short")
        *size, width, height, count = FORMAT.unpack_from(data)
        outlines, points = width * height, count * 4 * 4
        if len(data) != FORMAT.size + outlines + points + count * DESCRIPTION or max(width, height) > SMALL:
            raise NotALook("of another length than it says")
        if not min(width, height, *size) > 0 or max(size) > SHEET:
            raise NotALook("of a size that no sheet has")
        at = FORMAT.size
        return cls(
            (size[0], size[1]),
            np.frombuffer(data, np.uint8, outlines, at).reshape(height, width),
            np.frombuffer(data, ">f4", count * 4, at + outlines).reshape(count, 4).astype(np.float32),
            np.frombuffer(data, np.uint8, count * DESCRIPTION, at + outlines + points).reshape(
                count, DESCRIPTION
            ),
        )


def sheet(picture: Image.Image, side: int = SHEET) -> Bytes:
    """Bring an RGB picture to a size at which pictures are compared: (height, width, RGB)."""
    scale = side / max(picture.size)
    width, height = (min(side, max(LEAST_SIDE, round(each * scale))) for each in picture.size)
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.ascontiguousarray(picture.resize((width, height), way), dtype=np.uint8)


def look_at(picture: Image.Image) -> Look:
    """Describe an RGB picture."""
    return look_at_sheet(sheet(picture), sheet(picture, SMALL))


def look_at_sheet(large: Bytes, small: Bytes) -> Look:
    drawn = (255 * softened(changes(large, 1.5))).astype(np.uint8)
    # contrastThreshold and edgeThreshold let weak and long outlines through, of which icons are made.
    finder: Any = cv2.SIFT.create(0, 3, 0.02, 12, 1.6)  # the stubs do not know that it may find nothing
    found, histograms = finder.detectAndCompute(drawn, None)
    size = (large.shape[1], large.shape[0])
    outlines = (255 * softened(changes(small, 1.0)) + 0.5).astype(np.uint8)
    if histograms is None:
        nothing = np.zeros((0, DESCRIPTION), np.uint8)
        return Look(size, outlines, np.zeros((0, 4), np.float32), nothing)
    order = np.argsort([-each.response * each.size for each in found], kind="stable")[:MOST_POINTS]
    points = [(*found[each].pt, found[each].size, np.deg2rad(found[each].angle)) for each in order]
    shares = histograms[order] / np.maximum(histograms[order].sum(axis=1, keepdims=True), 1e-6)
    # Of unit length: the numbers are 255 at most, and mostly below 100.
    descriptions = np.clip(512 * np.sqrt(shares) + 0.5, 0, 255).astype(np.uint8)
    return Look(size, outlines, np.array(points, np.float32), descriptions)


def changes(rgb: Bytes, sigma: float) -> Floats:
    """Measure how strongly the colour that changes most changes at each pixel: (height, width)."""
    soft = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), sigma)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    strongest = cv2.magnitude(across[..., 0], down[..., 0])
    for colour in (1, 2):
        strongest = cv2.max(strongest, cv2.magnitude(across[..., colour], down[..., colour]))
    return np.asarray(strongest, np.float32)


def softened(strength: Floats, where: NDArray[np.bool_] | None = None) -> Floats:
    """Bring strengths to 0..1, so that faint outlines count nearly as much as strong ones: s / (s + c)."""
    counted = strength if where is None else strength[where]
    half = max(0.35 * float(np.quantile(counted, 0.98)), 8.0) if counted.size else 8.0
    return strength / (strength + np.float32(half))


def box_of(look: Look) -> tuple[int, int, int, int] | None:
    """Find the box of what is drawn on the small sheet: left, top, right, bottom. None: nothing is."""
    drawn = look.outlines > 255 * DRAWN
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def shape_of(look: Look) -> Floats:
    """Give the outlines within their box as GRID x GRID numbers of length 1, without their mean. Zeros: nothing is drawn."""
    box = box_of(look)
    if box is None:
        return np.zeros((GRID, GRID), np.float32)
    left, top, right, bottom = box
    within = look.outlines[top:bottom, left:right].astype(np.float32)
    grid = cv2.resize(
        within,
        (GRID * 4, GRID * 4),
        interpolation=cv2.INTER_AREA if min(within.shape) > GRID * 4 else cv2.INTER_LINEAR,
    )
    grid = cv2.resize(cv2.GaussianBlur(grid, (0, 0), 3.0), (GRID, GRID), interpolation=cv2.INTER_AREA)
    grid = grid - grid.mean()
    length = float(np.linalg.norm(grid))
    return grid / np.float32(length) if length > 1e-6 else np.zeros_like(grid)


def orientations(grid: Floats) -> list[Floats]:
    """Turn and mirror a shape in all eight ways."""
    return [np.rot90(each, turns) for each in (grid, np.fliplr(grid)) for turns in range(4)]


def mirrored(look: Look) -> Look:
    """Describe the mirrored picture: points on the other side, their surroundings with them."""
    width = look.size[0]
    points = look.points.copy()
    points[:, 0] = width - 1 - points[:, 0]
    points[:, 3] = np.pi - points[:, 3]
    # A description's rows lie across the point's direction: mirrored they change sides, and so do directions.
    by_place = look.descriptions.reshape(-1, PLACES, PLACES, DIRECTIONS)
    turned = by_place[:, ::-1][..., (-np.arange(DIRECTIONS)) % DIRECTIONS]
    return Look(look.size, look.outlines[:, ::-1], points, turned.reshape(-1, DESCRIPTION))


def reduced(descriptions: Bytes) -> Floats:
    """Shorten surroundings to what varies slowly from place to place, at unit length: (n, REDUCED).

    The lowest frequencies of a cosine transform over the places, for each direction.
    """
    by_place = descriptions.reshape(-1, PLACES, PLACES, DIRECTIONS).astype(np.float32)
    waves = cosines(PLACES).astype(np.float32)
    moved = np.einsum("ui,vj,nijk->nuvk", waves, waves, by_place)
    kept = [moved[:, u, v] for u in range(PLACES) for v in range(PLACES) if u + v <= 2]
    short = np.stack(kept, axis=1).reshape(len(descriptions), REDUCED)
    return np.asarray(short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-6), np.float32)


def cosines(count: int) -> NDArray[np.float64]:
    """Give the orthonormal DCT-II matrix of so many numbers: C @ x gives the frequencies of x."""
    frequency, position = np.mgrid[0:count, 0:count]
    matrix = np.sqrt(2.0 / count) * np.cos(np.pi * (2 * position + 1) * frequency / (2 * count))
    matrix[0] /= np.sqrt(2.0)
    return np.asarray(matrix, np.float64)
