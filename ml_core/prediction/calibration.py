"""Calibration: what a spread of samples is to be turned into, so that it is as large as errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.9
"""The interval that calibration makes hold its level."""

LEAST_CELLS = 20

_SCALES = np.geomspace(0.05, 30, 48)
_FLOORS_PERCENT = np.concatenate([[0.0], np.geomspace(0.25, 40, 40)])
_LEAST_SPREAD_PERCENT = 1e-3

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Turns a spread into a standard deviation: the root of (scale * spread)^2 + floor^2.

    Networks that differ by their dropout or by their first weights share what all of them get
    wrong; the floor is that part, without which cells that all agree on would count as certain.

    Attributes:
        scale: Factor on the spread.
        floor_percent: Standard deviation where there is no spread.
    """

    scale: float = 1.0
    floor_percent: float = 0.0

    def apply(self, spread_percent: ArrayLike) -> _Floats:
        """Return the standard deviation in percent for a spread in percent; NaN stays NaN."""
        spread = np.asarray(spread_percent, np.float64)
        return np.hypot(self.scale * spread, self.floor_percent)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration in a model card's ``calibration``."""
        return cls(float(values["scale"]), float(values["floor_percent"]))


def calibrate(error_percent: ArrayLike, spread_percent: ArrayLike) -> Calibration:
    """Fit scale and floor to errors that a network made where it was not fitted.

    The likeliest pair for normal errors, then scaled so that the 90 % interval holds 90 % of the
    cells: the tails of such errors are no normal ones.

    Args:
        error_percent: (N,) prediction minus reference, means over footprints.
        spread_percent: (N,) standard deviation of the samples' means over footprints.
    """
    error = np.asarray(error_percent, np.float64)
    spread = np.maximum(np.asarray(spread_percent, np.float64), _LEAST_SPREAD_PERCENT)
    best, likeliest = np.inf, Calibration()
    for scale in _SCALES:
        for floor in _FLOORS_PERCENT:
            variance = (scale * spread) ** 2 + floor**2
            cost = float(np.mean(np.log(variance) + error**2 / variance))
            if cost < best:
                best, likeliest = cost, Calibration(float(scale), float(floor))
    z = np.abs(error) / np.maximum(likeliest.apply(spread), _LEAST_SPREAD_PERCENT)
    factor = float(np.quantile(z, LEVEL)) / _z()
    return Calibration(likeliest.scale * factor, likeliest.floor_percent * factor)


def coverage(
    error_percent: ArrayLike, spread_percent: ArrayLike, calibration: Calibration
) -> float:
    """Return the share of cells whose error lies within the calibrated 90 % interval."""
    return float(np.mean(np.abs(error_percent) <= _z() * calibration.apply(spread_percent)))


def held_out_coverage(
    error_percent: _Floats, spread_percent: _Floats, group: NDArray[np.integer]
) -> float | None:
    """Return the coverage of cells by calibrations that did not see their group.

    Args:
        error_percent: (N,).
        spread_percent: (N,).
        group: (N,) number of each cell's block.

    Returns:
        The share; None with fewer than two groups.
    """
    groups = np.unique(group)
    if groups.size < 2:
        return None
    held = 0
    for number in groups:
        here = group == number
        found = calibrate(error_percent[~here], spread_percent[~here])
        held += round(here.sum() * coverage(error_percent[here], spread_percent[here], found))
    return held / error_percent.size


def _z() -> float:
    return NormalDist().inv_cdf((1 + LEVEL) / 2)
