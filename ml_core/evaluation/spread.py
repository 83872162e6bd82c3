"""Spread: whether a stated uncertainty is as large as the errors are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from .bins import PERCENT, Bins

CALIBRATED = (0.85, 0.95)
"""Shares of cells that a calibrated 90 % interval may hold."""

SPREAD_BINS = Bins(
    "Uncertainty [% SIC]",
    ("<1", "1–2", "2–3", "3–5", "5–7.5", "7.5–10", "10–15", "15–20", "20–30", ">30"),
    (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0),
)

_Z_STEP, _Z_MOST = 0.02, 12.0

_LEAST_SPREAD_PERCENT = 1e-3
"""A spread below this is taken as this: saturated outputs have none."""

_Floats = NDArray[np.float64]


def z_of(level: float) -> float:
    """Return how many standard deviations a central interval of a normal error reaches."""
    return float(norm.ppf((1 + level) / 2))


class SpreadSums:
    """Errors against their stated standard deviation, added block by block.

    Attributes:
        sums: (3, spread bins) count, squared spread, squared error.
        z_counts: Cells by size of error / spread, in steps of 0.02; the last holds the rest.
        by_sic: (2, SIC bins) cells, and those within their 90 % interval.
    """

    def __init__(self) -> None:
        self.sums: _Floats = np.zeros((3, len(SPREAD_BINS)))
        self.z_counts: _Floats = np.zeros(round(_Z_MOST / _Z_STEP) + 1)
        self.by_sic: _Floats = np.zeros((2, len(PERCENT)))

    def add(
        self, error_percent: ArrayLike, spread_percent: ArrayLike, reference_percent: ArrayLike
    ) -> None:
        """Add cells: error, stated standard deviation and reference, (N,) each, without NaN."""
        error = np.asarray(error_percent, np.float64).ravel()
        spread = np.maximum(np.asarray(spread_percent, np.float64).ravel(), _LEAST_SPREAD_PERCENT)
        number = SPREAD_BINS.index(spread)
        for row, value in enumerate((np.ones_like(error), spread**2, error**2)):
            self.sums[row] += np.bincount(number, value, minlength=len(SPREAD_BINS))
        z = np.abs(error) / spread
        place = np.minimum(np.ceil(z / _Z_STEP), self.z_counts.size - 1).astype(np.intp)
        self.z_counts += np.bincount(place, minlength=self.z_counts.size)
        sic = PERCENT.index(np.asarray(reference_percent).ravel())
        self.by_sic[0] += np.bincount(sic, minlength=len(PERCENT))
        self.by_sic[1] += np.bincount(sic, z <= z_of(0.9), minlength=len(PERCENT))

    @property
    def count(self) -> int:
        """Cells added."""
        return int(self.z_counts.sum())

    def coverage(self, level: float) -> float | None:
        """Return the share of cells whose error lies within the central interval of a level."""
        if not self.count:
            return None
        held = np.cumsum(self.z_counts)[:-1]
        # z_counts[k] holds z from (k - 1) to k steps
        return float(np.interp(z_of(level) / _Z_STEP, np.arange(held.size), held) / self.count)

    def skill(self) -> list[tuple[str, int, float, float]]:
        """Return label, count, root mean squared spread and RMSE of each spread bin with cells."""
        return [
            (label, round(count), float(np.sqrt(spread / count)), float(np.sqrt(error / count)))
            for label, (count, spread, error) in zip(SPREAD_BINS.labels, self.sums.T, strict=True)
            if count > 0
        ]

    def coverage_by_sic(self) -> list[tuple[str, int, float]]:
        """Return label, count and 90 % coverage of each SIC bin with cells."""
        return [
            (label, round(count), float(held / count))
            for label, (count, held) in zip(PERCENT.labels, self.by_sic.T, strict=True)
            if count > 0
        ]
