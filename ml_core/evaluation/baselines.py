"""Baselines: simple predictors that every score is to be compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

_Floats = NDArray[np.float64]

LABELS: Mapping[str, str] = {
    "mean": "mean of the reference",
    "column_mean": "position: mean of the same columns",
    "nearest": "position: nearest reference cell",
    "linear": "linear regression on backscatter means",
}
"""What the baselines are called in reports."""


def mean(train_sic: ArrayLike, count: int) -> _Floats:
    """Predict the mean.

    Args:
        train_sic: (N,) reference to fit to, N >= 1.
        count: Cells to predict, M.

    Returns:
        (M,) the mean.
    """
    return np.full(count, np.mean(_vector(train_sic)))


def column_mean(train_column: ArrayLike, train_sic: ArrayLike, column: ArrayLike) -> _Floats:
    """Predict the mean of the reference in the same column.

    Args:
        train_column: (N,) columns of the cells to fit to, N >= 1.
        train_sic: (N,) their reference.
        column: (M,) columns of the cells to predict.

    Returns:
        (M,) the mean of the same column, or of the nearest one that there is.
    """
    columns, place = np.unique(np.asarray(train_column).ravel(), return_inverse=True)
    means = np.bincount(place, _vector(train_sic)) / np.bincount(place)
    wanted = np.asarray(column).ravel()
    right = np.clip(np.searchsorted(columns, wanted), 0, columns.size - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(columns[left] - wanted) <= np.abs(columns[right] - wanted)
    return np.asarray(means[np.where(nearer, left, right)], np.float64)


def nearest(train_place: ArrayLike, train_sic: ArrayLike, place: ArrayLike) -> _Floats:
    """Predict the reference of the nearest cell.

    Args:
        train_place: (N, 2) places of the cells to fit to in one unit of length, N >= 1.
        train_sic: (N,) their reference.
        place: (M, 2) places of the cells to predict.

    Returns:
        (M,) the nearest one's reference.
    """
    tree = KDTree(np.asarray(train_place, np.float64))
    index = tree.query(np.asarray(place, np.float64))[1]
    return np.asarray(_vector(train_sic)[index], np.float64)


def linear(train_features: ArrayLike, train_sic: ArrayLike, features: ArrayLike) -> _Floats:
    """Predict by linear least squares.

    Args:
        train_features: (N, F) means of HH, HV, ... over the footprint, such as in dB; N >= 1.
        train_sic: (N,) reference in percent.
        features: (M, F) of the cells to predict.

    Returns:
        (M,) within 0-100. Features that do not vary get no weight (least norm).
    """
    train = np.asarray(train_features, np.float64)
    centre = train.mean(axis=0)
    sic = _vector(train_sic)
    weights = np.linalg.lstsq(train - centre, sic - sic.mean(), rcond=None)[0]  # (F,)
    predicted = (np.asarray(features, np.float64) - centre) @ weights + sic.mean()
    return np.asarray(np.clip(predicted, 0, 100), np.float64)


@dataclass(frozen=True)
class ReferenceSample:
    """Cells of a grid with a reference.

    Attributes:
        row: (N,) rows.
        col: (N,) columns.
        sic: (N,) reference in percent.
        features: (N, F) footprint means of HH, HV, ...; None where they are not given.
    """

    row: NDArray[np.integer]
    col: NDArray[np.integer]
    sic: NDArray[np.floating]
    features: NDArray[np.floating] | None = None

    def part(self, keep: NDArray[np.bool_]) -> ReferenceSample:
        """Return the cells where ``keep`` (N,) holds."""
        features = None if self.features is None else self.features[keep]
        return ReferenceSample(self.row[keep], self.col[keep], self.sic[keep], features)


def predict(
    train: ReferenceSample, test: ReferenceSample, pixel_size_m: tuple[float, float] = (1.0, 1.0)
) -> dict[str, _Floats]:
    """Predict cells by each baseline that the cells allow.

    Args:
        train: Cells to fit to; at least one.
        test: Cells to predict, M of them; their reference is not used.
        pixel_size_m: (height, width) of the grid's pixels.

    Returns:
        Name (a key of `LABELS`) to (M,) SIC in percent.
    """
    height, width = pixel_size_m
    result = {
        "mean": mean(train.sic, test.row.size),
        "column_mean": column_mean(train.col, train.sic, test.col),
        "nearest": nearest(
            np.column_stack([train.row * height, train.col * width]),
            train.sic,
            np.column_stack([test.row * height, test.col * width]),
        ),
    }
    if train.features is not None and test.features is not None:
        result["linear"] = linear(train.features, train.sic, test.features)
    return result


def cross_fitted(
    cells: ReferenceSample, pixel_size_m: tuple[float, float], gap_m: float
) -> dict[str, _Floats]:
    """Predict every cell by baselines that did not see its surroundings.

    The cells are halved at the median row, and at the median column; each half is predicted from
    the other, without that one's part nearer to the border than the gap. Of the two halvings each
    baseline gets the one that gives it the lower error: a half of water cannot predict one of ice.
    The mean is that of all cells.

    Args:
        cells: N of them.
        pixel_size_m: (height, width) of the grid's pixels.
        gap_m: Width of the gap: the footprint of the reference.

    Returns:
        Name (a key of `LABELS`) to (N,) SIC in percent; empty without cells, the mean alone where
        the gap leaves nothing of a half.
    """
    if not cells.sic.size:
        return {}
    found = {"mean": mean(cells.sic, cells.sic.size)}
    # a column's mean can predict the other half only where that lies above or below
    turned = ReferenceSample(cells.col, cells.row, cells.sic, cells.features)
    height, width = pixel_size_m
    for halved, size in ((cells, (height, width)), (turned, (width, height))):
        for name, values in _by_halves(halved, size, gap_m).items():
            if name not in found or _error(values, cells.sic) < _error(found[name], cells.sic):
                found[name] = values
    return found


def _by_halves(
    cells: ReferenceSample, pixel_size_m: tuple[float, float], gap_m: float
) -> dict[str, _Floats]:
    place = cells.row * pixel_size_m[0]
    border = float(np.median(place))
    lower = place >= border
    result: dict[str, _Floats] = {}
    for half in (lower, ~lower):
        train = ~half & (np.abs(place - border) >= gap_m)
        if not half.any() or not train.any():
            return {}
        for name, values in predict(cells.part(train), cells.part(half), pixel_size_m).items():
            if name != "mean":
                result.setdefault(name, np.full(cells.sic.size, np.nan))[half] = values
    return result


def _error(predicted: _Floats, sic: NDArray[np.floating]) -> float:
    return float(np.mean((predicted - sic) ** 2))


def _vector(values: ArrayLike) -> _Floats:
    return np.asarray(values, np.float64).ravel()
