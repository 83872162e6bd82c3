"""Metrics: sums over cells, added block by block, and the scores that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

R2_LEAST_STD_PERCENT = 5.0
"""R2 is withheld where the reference varies less than this.

Passive-microwave SIC errs by about 5 % in winter (Cavalieri 1992, cited in the guides of the NASA
Team products); a share of a variance below its square does not measure the prediction.
"""

R2_LEAST_COUNT = 20
"""R2 is withheld for fewer cells."""

_SHIFT = 50.0
"""Subtracted from SIC before squares are summed, so that little precision is lost."""


@dataclass(frozen=True)
class Scores:
    """How a prediction compares with a reference over some cells; undefined scores are None.

    Attributes:
        count: Cells compared.
        rmse_percent: Root of the mean squared error.
        mae_percent: Mean absolute error.
        bias_percent: Mean error, prediction minus reference.
        r2: Share of the reference's variance that the prediction explains,
            1 - sum of squared errors / sum of squared deviations of the reference.
        r2_withheld: Why `r2` is None; empty where it is not.
        reference_mean_percent: Mean of the reference.
        reference_std_percent: Standard deviation of the reference (population).
    """

    count: int
    rmse_percent: float | None
    mae_percent: float | None
    bias_percent: float | None
    r2: float | None
    r2_withheld: str
    reference_mean_percent: float | None
    reference_std_percent: float | None

    @property
    def errors_percent(self) -> tuple[float | None, float | None, float | None]:
        """RMSE, mean absolute error and bias, in the order of the reports' columns."""
        return self.rmse_percent, self.mae_percent, self.bias_percent

    @property
    def prediction_mean_percent(self) -> float | None:
        """Mean of the prediction."""
        if self.reference_mean_percent is None or self.bias_percent is None:
            return None
        return self.reference_mean_percent + self.bias_percent


class ErrorSums:
    """Sums of errors in groups of cells.

    Args:
        groups: Number of groups.

    Attributes:
        sums: (6, groups) float64: count, error, absolute error, squared error, reference and
            squared reference (both shifted).
    """

    def __init__(self, groups: int = 1) -> None:
        self.sums: NDArray[np.float64] = np.zeros((6, groups))

    def __len__(self) -> int:
        return int(self.sums.shape[1])

    def add(
        self,
        predicted_percent: ArrayLike,
        reference_percent: ArrayLike,
        group: ArrayLike | None = None,
        weight: ArrayLike = 1.0,
    ) -> None:
        """Add cells.

        Args:
            predicted_percent: (N,) SIC, without NaN.
            reference_percent: (N,) SIC, without NaN.
            group: (N,) number of each cell's group; None: all are of group 0.
            weight: (N,) of how many cells each counts; without groups.
        """
        predicted = np.asarray(predicted_percent, np.float64).ravel()
        reference = np.asarray(reference_percent, np.float64).ravel()
        error = predicted - reference
        shifted = reference - _SHIFT
        values = (error, np.abs(error), error * error, shifted, shifted * shifted)
        if group is None:
            for row, value in enumerate((np.ones_like(error), *values)):
                self.sums[row, 0] += (value * weight).sum()
            return
        numbers = np.asarray(group).ravel()
        self.sums[0] += np.bincount(numbers, minlength=len(self))
        for row, value in enumerate(values, start=1):
            self.sums[row] += np.bincount(numbers, value, minlength=len(self))

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each group's mean error and mean reference, (groups,); NaN without cells."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sums[1] / self.sums[0], self.sums[4] / self.sums[0] + _SHIFT

    def scores(self) -> list[Scores]:
        """Return the scores of each group."""
        return [score(column) for column in self.sums.T]

    def total(self) -> Scores:
        """Return the scores of all groups together."""
        return score(self.sums.sum(axis=1))


def score(sums: Sequence[float] | NDArray[np.float64]) -> Scores:
    """Return the scores that follow from a column of `ErrorSums.sums`."""
    count, error, absolute, square, reference, reference_square = (float(value) for value in sums)
    n = round(count)
    if n == 0:
        return Scores(0, None, None, None, None, "no cells", None, None)
    deviations = max(reference_square - reference * reference / count, 0.0)
    std = math.sqrt(deviations / count)
    withheld = ""
    if n < R2_LEAST_COUNT:
        withheld = f"{n} cells are too few; {R2_LEAST_COUNT} are needed"
    elif std < R2_LEAST_STD_PERCENT:
        withheld = (
            f"the reference varies by {std:.1f} % only (standard deviation), less than the"
            f" {R2_LEAST_STD_PERCENT:g} % that a reference itself may err by"
        )
    return Scores(
        count=n,
        rmse_percent=math.sqrt(square / count),
        mae_percent=absolute / count,
        bias_percent=error / count,
        r2=None if withheld else 1.0 - square / deviations,
        r2_withheld=withheld,
        reference_mean_percent=reference / count + _SHIFT,
        reference_std_percent=std,
    )


class Confusion:
    """How many cells of each class were predicted as which.

    Args:
        classes: Number of classes, which are ordered.

    Attributes:
        counts: (classes, classes) int64; the row is the reference's class, the column the
            prediction's.
    """

    def __init__(self, classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)

    def add(self, predicted_class: ArrayLike, reference_class: ArrayLike) -> None:
        """Add cells by their classes, (N,) each, 0 to classes - 1."""
        n = self.counts.shape[0]
        pairs = np.asarray(reference_class).ravel() * n + np.asarray(predicted_class).ravel()
        self.counts += np.bincount(pairs, minlength=n * n).reshape(n, n)

    def within(self, classes: int) -> float | None:
        """Return the share of cells whose class is at most so many classes off; None: no cells."""
        total = int(self.counts.sum())
        if total == 0:
            return None
        row, col = np.indices(self.counts.shape)
        return float(self.counts[np.abs(row - col) <= classes].sum()) / total


class Density:
    """How many cells have which reference and prediction.

    Args:
        edges: (K + 1,) edges of both axes in percent; values beyond count at the ends.

    Attributes:
        counts: (K, K) int64; the first axis is the reference's, the second the prediction's.
    """

    def __init__(self, edges: ArrayLike) -> None:
        self.edges: NDArray[np.float64] = np.asarray(edges, np.float64)
        n = self.edges.size - 1
        self.counts: NDArray[np.int64] = np.zeros((n, n), np.int64)

    def add(self, predicted_percent: ArrayLike, reference_percent: ArrayLike) -> None:
        """Add cells, (N,) SIC each, without NaN."""
        n = self.edges.size - 1
        row, col = (
            np.clip(np.digitize(np.asarray(values).ravel(), self.edges) - 1, 0, n - 1)
            for values in (reference_percent, predicted_percent)
        )
        self.counts += np.bincount(row * n + col, minlength=n * n).reshape(n, n)
