"""Tell whether a picture shows another one, altered: turned, mirrored, cropped, in a larger picture, in other colours.

Points that fit together propose how one picture would lie on the other, and so do the boxes of what is drawn. What decides is whether,
laid so, the outlines of both are the same. Two artists' drawings of one thing are not, and hardly become so by any turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictures.looks import (
    SMALL,
    Bytes,
    Floats,
    Look,
    box_of,
    changes,
    look_at_sheet,
    mirrored,
    sheet,
    softened,
)

Map = NDArray[np.float64]  # (3, 3): from the sheet of one picture to that of another

FIT = 0.80  # the least cosine of two points' surroundings
NEIGHBOURS = 2  # of each point, that may be its counterpart
NEAR = 10.0  # pixels of a sheet, within which a counterpart lies where it should
TURN, STRETCH = 0.5, 0.45  # radians, and logarithm of the size, by which a counterpart may differ
LEAST_COVER = 0.25
WHOLE = 0.75  # of one of the two pictures has to be compared: a part of both lies on many others
# Points of the known picture that what is compared has about: a plain sign lies on any like it.
LEAST_EVIDENCE = 12
# The least likeness of a picture with so many points. Two artists' plain signs can nearly be the same: hearts, 0.967; a bone, 0.96. Of
# 420,000 pairs of drawings by different artists, the 260 that look most alike from afar were compared: above 60 points 0.9 at most.
# Copies have 0.97 and more, blurred ones 0.93.
LEAST = ((60, 0.975), (100, 0.92))
LEAST_POINTS = 3
PROPOSALS = 3  # of each side, mirrored or not
BOXES = 2  # ways to lay a box on a box
COARSE = 4  # pixels of the small sheet that are one from afar
PROMISING = 0.4  # a likeness from which on a proposal is refined
SOFT = (0.7, 1.4)  # pixels of the small sheet by which a known picture's outlines are widened
MARGIN = 4  # pixels of the small sheet, where frames and seams of a larger picture lie
HALVINGS = 4  # sheets of a probe, each half the size of the one before
LEAST_AREA = 300  # pixels that are compared


@dataclass(frozen=True)
class Found:
    """How alike two pictures are.

    likeness: the correlation of their outlines. cover: how much of the known one's outlines it is about, 0 to 1. own: how much of
    those of the picture that is asked about.
    """

    likeness: float = 0.0
    cover: float = 0.0
    own: float = 0.0


@dataclass(frozen=True)
class Probe:
    """A picture that is asked about, with its sheet."""

    look: Look
    sheet: Bytes

    @cached_property
    def sheets(self) -> list[Bytes]:
        """The sheet, and what it is at half its size, a quarter, an eighth."""
        halved = [self.sheet]
        while len(halved) < HALVINGS:
            height, width = (max(1, (each + 1) // 2) for each in halved[-1].shape[:2])
            halved.append(
                np.asarray(cv2.resize(halved[-1], (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            )
        return halved

    @cached_property
    def mirrored(self) -> Look:
        """The look of the mirrored picture, with which every known picture is compared, too."""
        return mirrored(self.look)

    def laid(self, onto: Map, size: tuple[int, int]) -> Bytes:
        """Lay it as a map says, from the sheet that is nearest to it in size, or single pixels would stand for many."""
        shrinks = 1 / max(float(np.sqrt(abs(np.linalg.det(onto[:2, :2])))), 1e-3)
        halvings = int(np.clip(np.log2(shrinks * 1.2), 0, HALVINGS - 1))
        source = self.sheets[halvings]
        height, width = self.sheet.shape[:2]
        grow = np.diag([width / source.shape[1], height / source.shape[0], 1.0])
        laid = cv2.warpPerspective(
            source, onto @ grow, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(laid, np.uint8)


def probe_of(picture: Image.Image) -> Probe:
    """Describe an RGB picture that is asked about."""
    large = sheet(picture)
    return Probe(look_at_sheet(large, sheet(picture, SMALL)), large)


def compare(probe: Probe, known: Look) -> Found:
    """Find how alike a picture is to a known one, in the best way to lie on it."""
    best, way = Found(), np.eye(3)
    frame = np.asarray(known.outlines, np.float32) / np.float32(255)  # (height, width)
    for proposal in _proposals(probe, known):
        found, refined = _refined(probe, proposal, frame, known.size)
        if found.likeness * min(1.0, found.cover + 0.5) > best.likeness * min(1.0, best.cover + 0.5):
            best, way = found, refined
        if best.likeness > 0.97 and best.cover > 0.9:
            break
    return replace(best, own=_own_share(probe.look, known, way))


def _own_share(look: Look, known: Look, laid: Map) -> float:
    """Give how much of the outlines of a picture comes to lie on the known one."""
    height, width = look.outlines.shape
    try:
        back = np.linalg.inv(laid @ np.diag([look.size[0] / width] * 2 + [1.0]))
    except np.linalg.LinAlgError:
        return 0.0
    whole = np.full(known.size[::-1], 255, np.uint8)
    there = np.asarray(cv2.warpPerspective(whole, back, (width, height), flags=cv2.INTER_NEAREST)) > 0
    outlines = look.outlines.astype(np.float64)
    return float(outlines[there].sum() / max(outlines.sum(), 1e-6))


def _proposals(probe: Probe, known: Look) -> Iterator[Map]:
    width = probe.look.size[0]
    flip = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    for look, before in ((probe.look, np.eye(3)), (probe.mirrored, flip)):
        for fitting in _by_points(look, known):
            yield fitting @ before
    yield from _by_boxes(probe.look, known)


def _by_points(look: Look, known: Look) -> Iterator[Map]:
    """Propose what most pairs of points agree on. Each pair has a place, a size and a direction, and so proposes a map by itself."""
    if min(len(look.points), len(known.points)) < LEAST_POINTS:
        return
    fit = _unit(look.descriptions) @ _unit(known.descriptions).T  # (n, m)
    nearest = np.argsort(-fit, axis=1)[:, :NEIGHBOURS]
    ours = np.repeat(np.arange(len(fit)), nearest.shape[1])
    theirs = nearest.ravel()
    fits = fit[ours, theirs] > FIT
    here, there = look.points[ours[fits]], known.points[theirs[fits]]  # (k, 4)
    if len(here) < LEAST_POINTS:
        return
    agree, maps = _agreeing(here, there)
    votes = agree.sum(axis=1)
    for _ in range(PROPOSALS):
        leader = int(np.argmax(votes))
        if votes[leader] < LEAST_POINTS:
            return
        follow = agree[leader]
        yield _fitted(here[follow, :2], there[follow, :2], maps[leader])
        votes[follow] = 0
        votes[leader] = 0


def _unit(descriptions: Bytes) -> Floats:
    numbers = descriptions.astype(np.float32)
    return np.asarray(numbers / np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-6), np.float32)


def _agreeing(here: Floats, there: Floats) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """For each pair of points say which others its map brings together, and give the maps: (k, k), (k, 3, 3)."""
    size, turn = there[:, 2] / here[:, 2], there[:, 3] - here[:, 3]
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    right = there[:, 0] - (cosine * here[:, 0] - sine * here[:, 1])
    down = there[:, 1] - (sine * here[:, 0] + cosine * here[:, 1])
    x = cosine[:, None] * here[None, :, 0] - sine[:, None] * here[None, :, 1] + right[:, None]
    y = sine[:, None] * here[None, :, 0] + cosine[:, None] * here[None, :, 1] + down[:, None]
    together = np.hypot(x - there[None, :, 0], y - there[None, :, 1]) < NEAR
    together &= np.abs(np.log(size)[:, None] - np.log(size)[None]) < STRETCH
    together &= np.abs((turn[:, None] - turn[None] + np.pi) % (2 * np.pi) - np.pi) < TURN
    zero, one = np.zeros_like(size), np.ones_like(size)
    maps = np.stack([cosine, -sine, right, sine, cosine, down, zero, zero, one], axis=1)
    return together, maps.reshape(-1, 3, 3).astype(np.float64)


def _fitted(here: Floats, there: Floats, first: Map) -> Map:
    """Fit an affine map to the pairs that agree with a first one, or keep that one."""
    if len(np.unique(here.round(), axis=0)) < 4:
        return first
    found: Any = cv2.estimateAffine2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=5.0, maxIters=200)
    fitted = found[0]  # None, whatever the stubs say, where the points lie on a line
    if fitted is None or not 0.02 < abs(np.linalg.det(fitted[:, :2])) < 50:
        return first
    return np.vstack([fitted, [0.0, 0.0, 1.0]])


def _by_boxes(look: Look, known: Look) -> list[Map]:
    """Propose to lay the box of what is drawn on the other's, in those two of the eight ways that look best from afar."""
    ours, theirs = box_of(look), box_of(known)
    if ours is None or theirs is None:
        return []
    here, there = _corners(ours), _corners(theirs) / np.float32(COARSE)
    height, width = (-(-each // COARSE) for each in known.outlines.shape)
    target = cv2.resize(known.outlines, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    likely = []
    for corners in (there, there[[1, 0, 3, 2]]):
        for turns in range(4):
            way = cv2.getPerspectiveTransform(here, np.roll(corners, turns, axis=0))
            seen = cv2.warpPerspective(look.outlines, way, (width, height), flags=cv2.INTER_AREA)
            likely.append((_correlation(seen.ravel().astype(np.float32), target.ravel()), way))
    likely.sort(key=lambda each: -each[0])
    shrink, grow = (np.diag([of.size[0] / of.outlines.shape[1]] * 2 + [1.0]) for of in (look, known))
    finer = np.diag([COARSE, COARSE, 1.0])
    return [grow @ finer @ way @ np.linalg.inv(shrink) for _, way in likely[:BOXES]]


def _corners(box: tuple[int, int, int, int]) -> Floats:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _compared(
    probe: Probe, laid: Map, frame: Floats, size: tuple[int, int]
) -> tuple[Found, Floats, NDArray[np.bool_]]:
    """Lay the probe on the known picture's small sheet, and compare outlines where it lies."""
    height, width = frame.shape
    shrink = width / size[0]
    small = np.diag([shrink, shrink, 1.0]) @ laid
    laid_sheet = probe.laid(small, (width, height))
    whole = np.full(probe.sheet.shape[:2], 255, np.uint8)
    covers = cv2.warpPerspective(whole, small, (width, height), flags=cv2.INTER_NEAREST)
    covers[:MARGIN] = covers[-MARGIN:] = 0
    covers[:, :MARGIN] = covers[:, -MARGIN:] = 0
    where = np.asarray(cv2.erode(covers, np.ones((5, 5), np.uint8)), np.uint8) > 0
    seen = softened(changes(laid_sheet, 1.0), where)
    inner = frame[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cover = float(frame[where].sum() / max(float(inner.sum()), 1e-6))
    likeness = _correlation(seen[where], frame[where])
    if likeness > PROMISING:  # a soft picture has wide outlines
        for sigma in SOFT:
            soft = np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.float32)
            likeness = max(likeness, _correlation(seen[where], soft[where]))
    return Found(likeness, min(1.0, cover)), seen, where


def _correlation(one: Floats, other: Floats) -> float:
    if len(one) < LEAST_AREA:
        return 0.0
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 1e-6 else 0.0


def _refined(probe: Probe, laid: Map, frame: Floats, size: tuple[int, int]) -> tuple[Found, Map]:
    """Compare, and where it is promising move the map a little until the outlines fit best (Evangelidis and Psarakis, 2008)."""
    found, seen, where = _compared(probe, laid, frame, size)
    if found.likeness < PROMISING or found.cover < 0.15:
        return found, laid
    shift = np.eye(3, dtype=np.float32)
    try:
        _, moved_by = cv2.findTransformECC(
            frame, seen, shift, cv2.MOTION_HOMOGRAPHY, (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 25, 1e-4),
            where.astype(np.uint8) * 255, 5,
        )  # fmt: skip
        moved = np.linalg.inv(np.asarray(moved_by, np.float64))
    except (cv2.error, np.linalg.LinAlgError):
        return found, laid  # it does not converge
    grow = np.diag([size[0] / frame.shape[1]] * 2 + [1.0])
    closer = grow @ moved @ np.linalg.inv(grow) @ laid
    better, _, _ = _compared(probe, closer, frame, size)
    return (better, closer) if better.likeness > found.likeness else (found, laid)


def is_alike(found: Found, known: Look) -> bool:
    """Decide whether what was found is the known picture."""
    if found.cover < LEAST_COVER or found.cover * len(known.points) < LEAST_EVIDENCE:
        return False
    if max(found.cover, found.own) < WHOLE:
        return False
    points, least = zip(*LEAST, strict=True)
    return found.likeness >= float(np.interp(len(known.points), points, least))
