"""The footprint of a reference, estimated from how steeply its values change."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfinv

_QUANTILE: Final = 0.999
"""The steepest change is read at this quantile, so that a few odd pixels do not decide."""

_LOW: Final = 0.25
"""Share of the range that a change must reach to stand above noise and rounding."""

_LEAST_RANGE_PERCENT: Final = 20.0
"""A reference that varies less has no ice edge to measure."""


def estimate_footprint_px(sic_percent: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Return the smallest footprint that explains how smooth a reference is, in pixels.

    A radiometer with a Gaussian footprint of full width at half maximum F shows a sharp ice edge
    as an error function: over a distance h across the edge, SIC changes by erf(sqrt(ln 2) h / F)
    of its range. The shortest h over which the steepest change reaches a quarter of the range gives
    F. It is an upper bound where the scene has no sharp edge, and about one pixel where neighbours
    are independent: a product on its own grid, an ice chart.

    Args:
        sic_percent: Reference (H, W), 0-100.
        valid: Where it has values (H, W).

    Returns:
        F in pixels; 1.0 where it is not wider than a pixel or cannot be told, because SIC varies
        by less than 20 %.
    """
    if not valid.any():
        return 1.0
    values = np.where(valid, sic_percent, np.nan)
    low, high = np.quantile(sic_percent[valid], (1 - _QUANTILE, _QUANTILE))
    span = float(high - low)
    if span < _LEAST_RANGE_PERCENT:
        return 1.0
    for lag in _lags(min(values.shape)):
        change = _steepest(values, lag) / span
        if change >= _LOW:
            if lag == 1:
                return 1.0
            return max(1.0, lag * math.sqrt(math.log(2)) / float(erfinv(min(change, 0.999))))
    return 1.0


def _lags(side: int) -> list[int]:
    """Return lags from one pixel to a quarter of the scene, each some 15 % longer."""
    lags = [1]
    while lags[-1] < side / 4:
        lags.append(max(lags[-1] + 1, round(lags[-1] * 1.15)))
    return lags


def _steepest(values: NDArray[np.float32], lag: int) -> float:
    """Return the high quantile of changes over a lag along rows and columns, without NaN."""
    changes = [
        np.abs(values[lag:] - values[:-lag]).ravel(),
        np.abs(values[:, lag:] - values[:, :-lag]).ravel(),
    ]
    finite = np.concatenate(changes)
    finite = finite[np.isfinite(finite)]
    return float(np.quantile(finite, _QUANTILE)) if finite.size else 0.0
