"""Confidence intervals by a spatial block bootstrap: errors of neighbours are not independent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

LEVEL = 0.95
"""Nominal probability that an interval covers the score."""

LEAST_BLOCKS = 20
"""Intervals are withheld under this many blocks."""

_AIMED_BLOCKS = 36
"""Blocks that an area is cut into where the autocorrelation allows; larger ones hold more of it."""

_REPEATS = 2000

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of scores.

    Attributes:
        blocks: Blocks with cells.
        block_px: Side of a block in px of the raster of sums.
        autocorrelation_px: Distance at which the error's autocorrelation has fallen to 1/e.
        ranges: Low and high end of ``rmse_percent``, ``mae_percent`` and ``bias_percent``; empty
            where withheld.
        withheld: Why there are no intervals; empty where there are.
    """

    blocks: int
    block_px: float
    autocorrelation_px: float
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    withheld: str = ""


def autocorrelation(error: _Floats) -> _Floats:
    """Return the autocorrelation of a field by distance.

    Args:
        error: (H, W); NaN where there is none.

    Returns:
        (K,) for distances 0, 1, ... px along rows and columns, up to where it reaches 0; a field
        that does not vary gives 1 at distance 0 alone.
    """
    valid = np.isfinite(error)
    if not valid.any():
        return np.ones(1)
    deviation = np.where(valid, error - error[valid].mean(), 0.0)
    if np.sum(deviation**2) <= 1e-12 * valid.sum():
        return np.ones(1)
    products, pairs = _lagged(deviation), _lagged(valid.astype(np.float64))
    reach = max(1, max(error.shape) // 2)
    profile = np.zeros(reach)
    weight = np.zeros(reach)
    for along in (np.s_[:reach, 0], np.s_[0, :reach]):
        n = products[along].size
        profile[:n] += products[along]
        weight[:n] += pairs[along]
    enough = weight > 0.5
    covariance = np.where(enough, profile / np.maximum(weight, 0.5), 0.0)
    correlation: _Floats = covariance / covariance[0]
    ends = np.nonzero(correlation <= 0)[0]
    return correlation[: ends[0]] if ends.size else correlation


def _lagged(values: _Floats) -> _Floats:
    """Return the sums of products (H, W) of values (H, W) with themselves, by shift in px."""
    shape = [2 * n for n in values.shape]
    power = np.abs(np.fft.rfft2(values, shape)) ** 2
    sums: _Floats = np.fft.irfft2(power, shape)[: values.shape[0], : values.shape[1]]
    return sums


def intervals(sums: _Floats, *, seed: int = 0) -> Intervals:
    """Return confidence intervals of scores from sums over small parts of an area.

    Whole blocks are drawn with replacement (Lahiri 2003, Resampling Methods for Dependent Data,
    chapter 12). Two corrections make the intervals hold their level on simulated fields: a
    t-quantile in place of the normal one for few blocks, and the spread of block sums is
    raised by the share of the error's covariance that reaches from a block into its neighbours.

    Args:
        sums: (6, H, W) `metrics.ErrorSums.sums` of parts that are the pixels of a raster.
        seed: Of the drawing.

    Returns:
        The intervals, or why they are withheld.
    """
    count = sums[0]
    height, width = count.shape
    with np.errstate(invalid="ignore", divide="ignore"):
        error = sums[1] / count  # NaN without cells
    correlation = autocorrelation(error)
    short = np.nonzero(correlation < math.exp(-1))[0]
    length = float(short[0]) if short.size else float(correlation.size)
    side = max(length, math.sqrt(np.count_nonzero(count) / _AIMED_BLOCKS), 1.0)
    rows, cols = (np.arange(n) * max(1, math.floor(n / side + 1e-9)) // n for n in (height, width))
    number = (rows[:, None] * width + cols[None, :]).ravel()
    blocks = np.stack([np.bincount(number, row.ravel()) for row in sums])  # (6, B)
    blocks = blocks[:, blocks[0] > 0]
    n = blocks.shape[1]
    if n < LEAST_BLOCKS:
        return Intervals(
            n,
            side,
            length,
            withheld=(
                f"the error stays correlated so far that the area holds {n} independent blocks"
                f" only; {LEAST_BLOCKS} are needed"
            ),
        )
    tail = (1 - LEVEL) / 2
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), _REPEATS)
    spread = student.ppf(1 - tail, n - 1) / norm.ppf(1 - tail) * math.sqrt(n / (n - 1))
    spread /= _held_share(correlation, side)
    ranges = {}
    found, samples = _scores(blocks.sum(axis=1)[None]), _scores(drawn.astype(np.float64) @ blocks.T)
    for name in found:
        estimate = found[name][0]
        low, high = estimate + spread * (np.quantile(samples[name], [tail, 1 - tail]) - estimate)
        least = -math.inf if name == "bias_percent" else 0.0
        ranges[name] = (max(float(low), least), float(high))
    return Intervals(n, side, length, ranges)


def is_below(own: _Floats, other: _Floats, block: NDArray[np.integer]) -> bool | None:
    """Return whether one predictor's mean square error is below another's beyond chance.

    The differences are paired, cell by cell, and summed over blocks, whose sums are taken as
    independent: a ratio estimate of their mean, its standard error from the blocks, and Student's
    t for few of them.

    Args:
        own: (N,) errors of the one.
        other: (N,) errors of the other on the same cells.
        block: (N,) number of each cell's block.

    Returns:
        Whether the whole interval is on the one's side; None under `LEAST_BLOCKS` blocks.
    """
    number = np.unique(block, return_inverse=True)[1].ravel()
    counts = np.bincount(number)
    n = counts.size
    if n < LEAST_BLOCKS:
        return None
    gains = np.bincount(number, other**2 - own**2)
    mean = gains.sum() / counts.sum()
    error = math.sqrt(n / (n - 1) * float(np.sum((gains - mean * counts) ** 2))) / counts.sum()
    return bool(mean > student.ppf((1 + LEVEL) / 2, n - 1) * error)


def _scores(sums: _Floats) -> dict[str, _Floats]:
    """Return the scores (N,) of columns of sums (N, 6)."""
    count = sums[:, 0]
    return {
        "rmse_percent": np.sqrt(sums[:, 3] / count),
        "mae_percent": sums[:, 2] / count,
        "bias_percent": sums[:, 1] / count,
    }


def _held_share(correlation: _Floats, side: float) -> float:
    """Return which share of the covariance along one axis falls between cells of one block.

    The spread of block means misses the rest. Two axes of equal share: the standard deviation is
    too small by this factor.
    """
    distance = np.arange(correlation.size)
    held = 2 * np.sum(correlation * np.clip(1 - distance / side, 0, 1)) - 1
    return float(np.clip(held / (2 * correlation.sum() - 1), 0.2, 1.0))
