"""The footprint of a reference: what is known of it, or an estimate from how steep it is."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfinv

from ..raster.grid import Window
from ..raster.reference import Reference

_MOST_SIDE_PX: Final = 1000
"""The footprint is estimated on every n-th pixel of a reference with longer sides."""

_LARGEST_FOOTPRINT_M: Final = 60e3
"""No radiometer for SIC averages over more (19 GHz: 45 x 69 km)."""

_STRIP_ROWS: Final = 512

_QUANTILE: Final = 0.999
"""The steepest change is read at this quantile, so that a few odd pixels do not decide."""

_LOW: Final = 0.25
"""Share of the range that a change must reach to stand above noise and rounding."""

_LEAST_RANGE_PERCENT: Final = 20.0
"""A reference that varies less has no ice edge to measure."""


def reference_footprint_m(reference: Reference, given_m: float | None) -> tuple[float, str]:
    """Return the reference's footprint and, where it was estimated, a line that says so.

    What the analyst or the file says counts. Else a reference that changes over several pixels at
    its steepest was interpolated: its footprint is estimated, since values within one footprint
    of each other are not independent and must not be split between training and validation.

    Args:
        reference: The reference.
        given_m: What the analyst says; None or 0: nothing.
    """
    known = reference.footprint_m
    if given_m or known > 1.01 * reference.resolution_m:
        return known, ""
    step = max(1, math.ceil(max(reference.own_grid.shape) / _MOST_SIDE_PX))
    sic, valid = _thinned(reference, step)
    pixels = estimate_footprint_px(sic, valid) * step
    estimate = min(pixels * reference.resolution_m, _LARGEST_FOOTPRINT_M)
    if pixels <= 2 * step:
        return known, ""
    return estimate, (
        f"{reference.label}: its SIC changes no faster than over {estimate / 1000:.1f} km"
        f" ({pixels:.0f} pixels), so it was interpolated from a footprint of that size, by which"
        " training and validation are kept apart. Give the Footprint if you know it"
    )


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
        F in pixels; 1.0 where it is not wider than a pixel or cannot be estimated, because SIC
        varies by less than 20 %.
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


def _thinned(reference: Reference, step: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return every n-th row and column of a reference on its own grid, read in strips."""
    grid = reference.own_grid
    sic, valid = [], []
    for row in range(0, grid.height, _STRIP_ROWS * step):
        window = Window(row, 0, _STRIP_ROWS * step, grid.width).clipped(*grid.shape)
        values, holds = reference.read_own(window)
        sic.append(values[::step, ::step])
        valid.append(holds[::step, ::step])
    return np.concatenate(sic), np.concatenate(valid)
