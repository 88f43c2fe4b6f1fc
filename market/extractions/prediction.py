"""Predict how well a base draws with more taken out of it, from how it drew with less.

The model: after n extractions, the log-odds that a picture shows what was asked for are a - b n. So each extraction lowers the
odds by the same factor. Each (a, b) on a grid is weighed by the counted pictures, and the prediction for the next release is
the average over the grid. A logistic regression on a grid, and its posterior predictive: Gelman et al., Bayesian Data Analysis,
3rd edition, section 3.7. The heavy-tailed prior of b, half of a Cauchy: Gelman (2006), doi:10.1214/06-BA117A.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

USUAL_DECLINE = 0.1
"""Half of the prior lies below it.

On the embedded base the log-odds fell by 0.03 an extraction, over 50 (docs/figures/multi_extraction.json).
"""
USUAL_START = (3.0, 3.0)
"""Mean and standard deviation of the prior of a: from a base that draws next to nothing rightly to one that hardly errs."""
COVERED = 0.95
"""The share of future counts that should lie in the interval."""
_STARTS = np.linspace(-6.0, 10.0, 161)
_DECLINES = np.concatenate([[0.0], np.geomspace(1e-3, 10.0, 140)])
_BINS = 500

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """How many of so many pictures, drawn after so many extractions, showed what was asked for."""

    extractions: int
    right: int
    pictures: int

    def __post_init__(self) -> None:
        if not (self.extractions >= 0 and 0 <= self.right <= self.pictures and self.pictures > 0):
            raise ValueError(
                f"expected some right pictures of at least one, after 0 extractions or more: {self}"
            )


@dataclass(frozen=True)
class Predicted:
    """The predicted share of right pictures (the median), and the interval that should contain 95 of 100 counts."""

    extractions: int
    rate: float
    low: float
    high: float


def predict(counted: Iterable[Counted], extractions: int, pictures: int) -> Predicted:
    """Predict the count in so many pictures, drawn after so many extractions.

    If little was counted, the prediction follows the prior, with a wide interval.
    """
    weights = _weights(counted)  # (starts, declines)
    rates = _rates(extractions)
    low, high = _interval(rates, weights, pictures)
    return Predicted(extractions, _median(rates, weights), low, high)


def _log_odds(extractions: int) -> Array:
    odds: Array = _STARTS[:, None] - _DECLINES[None, :] * extractions
    return odds


def _rates(extractions: int) -> Array:
    rates: Array = 1 / (1 + np.exp(-_log_odds(extractions)))
    return rates


def _weights(counted: Iterable[Counted]) -> Array:
    """Weigh every (a, b) by the prior and by the counts. The weights sum to 1."""
    middle, spread = USUAL_START
    steps = np.gradient(_DECLINES)  # the grid is finer near 0
    log = -0.5 * ((_STARTS[:, None] - middle) / spread) ** 2
    log = log + np.log(steps / (1 + (_DECLINES / USUAL_DECLINE) ** 2))[None, :]
    for each in counted:
        odds = _log_odds(each.extractions)
        log = log - each.right * np.logaddexp(0, -odds) - (each.pictures - each.right) * np.logaddexp(0, odds)
    weights: Array = np.exp(log - log.max())
    weights /= weights.sum()
    return weights


def _interval(rates: Array, weights: Array, pictures: int) -> tuple[float, float]:
    """Give the interval of shares that contains the middle of all counts, from a mixture of binomials, one for each rate."""
    share, edges = np.histogram(rates, bins=_BINS, range=(0.0, 1.0), weights=weights)
    rate = (edges[1:] + edges[:-1]) / 2
    right = np.arange(pictures + 1)
    ways = np.array([math.lgamma(k + 1) + math.lgamma(pictures - k + 1) for k in right])
    log = math.lgamma(pictures + 1) - ways[:, None] + right[:, None] * np.log(rate)
    log = log + (pictures - right[:, None]) * np.log1p(-rate)
    below = np.cumsum(np.exp(log) @ share)
    outside = (1 - COVERED) / 2
    low, high = np.searchsorted(below, [outside, 1 - outside])
    return float(low) / pictures, float(min(high, pictures)) / pictures


def _median(values: Array, weights: Array) -> float:
    order = np.argsort(values, axis=None)
    below = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(below, 0.5)])
