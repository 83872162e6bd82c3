"""Intervals: whether the stated bounds hold as many references as they should."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from .bins import PERCENT, Bins

LEVEL = 0.9

CALIBRATED = (0.85, 0.95)
"""Shares of cells that a calibrated 90 % interval may hold."""

HALF_WIDTH_BINS = Bins(
    "Half-width of the 90 % interval [% SIC]",
    ("<1", "1–2", "2–3", "3–5", "5–7.5", "7.5–10", "10–15", "15–20", "20–30", ">30"),
    (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0),
)

DEVIATIONS = float(norm.ppf((1 + LEVEL) / 2))
"""Standard deviations that the interval of a normal error reaches to either side."""

_Floats = NDArray[np.float64]


class IntervalSums:
    """References against their stated interval, added block by block.

    Attributes:
        by_width: (3, half-width bins) cells, those within their interval, sum of half-widths.
        by_sic: (3, SIC bins) likewise.
        miss_percent: Sum of how far references lie outside.
    """

    def __init__(self) -> None:
        self.by_width: _Floats = np.zeros((3, len(HALF_WIDTH_BINS)))
        self.by_sic: _Floats = np.zeros((3, len(PERCENT)))
        self.miss_percent = 0.0

    def add(
        self, lower_percent: ArrayLike, upper_percent: ArrayLike, reference_percent: ArrayLike
    ) -> None:
        """Add cells: bounds and reference, (N,) each, without NaN."""
        lower, upper, reference = (
            np.asarray(values, np.float64).ravel()
            for values in (lower_percent, upper_percent, reference_percent)
        )
        half = (upper - lower) / 2
        miss = np.maximum(np.maximum(lower - reference, reference - upper), 0)
        held = miss == 0
        self.miss_percent += float(miss.sum())
        for sums, number in (
            (self.by_width, HALF_WIDTH_BINS.index(half)),
            (self.by_sic, PERCENT.index(reference)),
        ):
            for row, values in enumerate((np.ones_like(half), held, half)):
                sums[row] += np.bincount(number, values, minlength=sums.shape[1])

    @property
    def count(self) -> int:
        """Cells added."""
        return int(self.by_width[0].sum())

    @property
    def coverage(self) -> float | None:
        """Share of cells whose reference lies within the interval."""
        return self._mean(self.by_width[1].sum())

    @property
    def width_percent(self) -> float | None:
        """Mean width of the interval."""
        return self._mean(2 * self.by_width[2].sum())

    @property
    def score_percent(self) -> float | None:
        """Interval score: the width, and 2 / (1 - level) times how far references lie outside.

        It is least for the narrowest interval that holds its level (Gneiting and Raftery 2007, doi
        10.1198/016214506000001437, equation 43).
        """
        return self._mean(2 * self.by_width[2].sum() + 2 / (1 - LEVEL) * self.miss_percent)

    def rows_by_width(self) -> list[tuple[str, int, float, float]]:
        """Return label, cells, coverage and mean width of each half-width bin with cells."""
        return _rows(HALF_WIDTH_BINS, self.by_width)

    def rows_by_sic(self) -> list[tuple[str, int, float, float]]:
        """Return the same of each SIC bin with cells."""
        return _rows(PERCENT, self.by_sic)

    def _mean(self, total: float) -> float | None:
        return float(total / self.count) if self.count else None


def _rows(bins: Bins, sums: _Floats) -> list[tuple[str, int, float, float]]:
    return [
        (label, round(count), float(held / count), float(2 * half / count))
        for label, (count, held, half) in zip(bins.labels, sums.T, strict=True)
        if count > 0
    ]
