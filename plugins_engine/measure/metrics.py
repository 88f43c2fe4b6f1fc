"""Measures of pictures, on labels and features given as arrays: how often right, how far apart, how alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

MIN_SUBSET = 100
Features = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A share of right answers, with the 95% interval that this number of trials allows.

    Args:
        right: How many were right.
        total: Of how many.
    """

    right: int
    total: int

    @property
    def rate(self) -> float:
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, which stays sensible near 0 and 1 where the usual ± does not."""
        z, n, p = 1.959964, self.total, self.rate
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def rate_figures(rate: Rate) -> dict[str, float | int]:
    """Give a rate with its interval, for JSON."""
    low, high = rate.interval
    return {"rate": rate.rate, "low": low, "high": high, "pictures": rate.total}


@dataclass(frozen=True)
class Kid:
    """A kernel inception distance: 0 for sets of one distribution, up to noise, so it may be a little negative.

    Args:
        mean: Over the subsets.
        std: Over the subsets. They overlap, so it understates the uncertainty of small sets.
        subsets: How many were compared.
        subset_size: Pictures in each.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int


def kid(
    first: ArrayLike, second: ArrayLike, *, subsets: int = 100, subset_size: int = MIN_SUBSET, seed: int = 0
) -> Kid:
    """Estimate the KID of two sets of features (n, d), (m, d), drawn independently of each other.

    Mean over random subsets, drawn without replacement, of the unbiased squared MMD with the kernel
    (x·y / d + 1)³ (Bińkowski et al., 2018, arXiv 1801.01401). Subsets below 100 are refused: their noise is larger
    than the differences measured.
    """
    x, y = _features(first), _features(second)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"expected features of one width, got {x.shape[1]} and {y.shape[1]}")
    if subset_size < MIN_SUBSET or subsets < 1:
        raise ValueError(
            f"expected at least one subset of at least {MIN_SUBSET}, got {subsets} of {subset_size}"
        )
    if min(len(x), len(y)) < subset_size:
        raise ValueError(f"expected at least {subset_size} pictures in each set, got {len(x)} and {len(y)}")
    generator = np.random.default_rng(seed)
    values = [
        squared_mmd(
            x[generator.choice(len(x), subset_size, replace=False)],
            y[generator.choice(len(y), subset_size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return Kid(float(np.mean(values)), float(np.std(values)), subsets, subset_size)


def squared_mmd(x: Features, y: Features) -> float:
    """Give the unbiased squared maximum mean discrepancy with the kernel (x·y / d + 1)³."""
    n, m = len(x), len(y)
    within_x, within_y, across = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    # Unbiased: a picture is not compared with itself.
    mean_x = (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
    mean_y = (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return float(mean_x + mean_y - 2 * across.mean())


def similarity_to_works(pictures: ArrayLike, works: ArrayLike) -> NDArray[np.float64]:
    """Give for each picture the cosine similarity, -1 to 1, of its features to the nearest of the works': (n,)."""
    x, y = _features(pictures), _features(works)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"expected features of one width, got {x.shape[1]} and {y.shape[1]}")
    nearest: NDArray[np.float64] = (_unit(x) @ _unit(y).T).max(axis=1)
    return nearest


def moved(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> float:
    """Give the root mean square difference of pixels, 0 to 1, averaged over pictures."""
    return float(np.mean(_differences(before, after)))


def moved_interval(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> tuple[float, float]:
    """Give the 95% interval of how far pictures moved that their number allows: for a single picture, any distance."""
    differences = _differences(before, after)
    if len(differences) < 2:
        return 0.0, 1.0
    mean, half = np.mean(differences), 1.959964 * np.std(differences, ddof=1) / math.sqrt(len(differences))
    return max(0.0, float(mean - half)), min(1.0, float(mean + half))


def _kernel(x: Features, y: Features) -> Features:
    values: Features = (x @ y.T / x.shape[1] + 1) ** 3
    return values


def _unit(x: Features) -> Features:
    values: Features = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return values


def _features(given: ArrayLike) -> Features:
    """Check features and widen them: float32 sums of cubes lose the digits that KID is made of."""
    features: Features = np.asarray(given, dtype=np.float64)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"expected features of shape (pictures, width), got {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("expected finite features, found NaN or infinity")
    return features


def _differences(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> list[float]:
    return [
        float(
            np.sqrt(np.mean((np.asarray(a, dtype=np.float32) - np.asarray(b, dtype=np.float32)) ** 2)) / 255
        )
        for a, b in zip(before, after, strict=True)
    ]
