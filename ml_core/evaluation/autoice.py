"""Scores of SIC as the AutoICE challenge counts them, beside errors that count what is independent.

The challenge (Stokholm et al. 2024, doi 10.5194/tc-18-3471-2024) takes R2 of classes of tens of
percent over all pixels of all test scenes together, of 80 m, where the chart has a class. A chart
gives one SIC to a polygon of thousands of pixels, and a scene has one ice regime: errors are
therefore counted by area and by scene, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label

from ..raster.radiometry import Floats
from .bootstrap import LEAST_BLOCKS, LEVEL
from .metrics import Confusion, ErrorSums, Scores

CLASSES = 11
"""0, 10, … 100 %."""

CHALLENGE_PIXEL_M = 80.0

_LEAST_AREA_KM2 = 1.0
"""Slivers between polygons are no observations."""

_REPEATS = 2000


@dataclass(frozen=True)
class AutoIceResult:
    """What a network scores on scenes that it has not seen.

    Attributes:
        r2_percent: The challenge's; None where the charts have one class only.
        pixels: Errors of pixels.
        areas: Errors of means over areas of one SIC, each of which counts once.
        scenes: Errors of pixels by scene.
        rmse_range_percent: 95 % interval of the pixels' RMSE, from scenes drawn again; None for
            fewer than 20.
    """

    r2_percent: float | None
    pixels: Scores
    areas: Scores
    scenes: Mapping[str, Scores]
    rmse_range_percent: tuple[float, float] | None


class AutoIceScore:
    """Sums over the pixels of test scenes, added scene by scene."""

    def __init__(self) -> None:
        self._confusion = Confusion(CLASSES)
        self._scenes: dict[str, ErrorSums] = {}
        self._areas = ErrorSums()

    def add(
        self, name: str, predicted_percent: Floats, chart_percent: Floats, pixel_m: float
    ) -> None:
        """Add a scene.

        Args:
            name: Its name.
            predicted_percent: SIC (H, W), NaN where there is none.
            chart_percent: SIC of the chart (H, W), NaN where there is none.
            pixel_m: Side of a pixel.
        """
        compared = np.isfinite(predicted_percent) & np.isfinite(chart_percent)
        predicted, chart = predicted_percent[compared], chart_percent[compared]
        self._confusion.add(class_of(predicted), class_of(chart))
        errors = self._scenes[name] = ErrorSums()
        errors.add(predicted, chart)
        classes = np.where(compared, class_of(np.where(compared, chart_percent, 0)), -1)
        for number in np.unique(classes[compared]):
            areas, found = label(classes == number)
            area = areas[compared]
            pixels = np.bincount(area, minlength=found + 1)
            sums = np.bincount(area, predicted, found + 1)
            charted = np.bincount(area, chart, found + 1)
            large = pixels * (pixel_m / 1000) ** 2 >= _LEAST_AREA_KM2
            large[0] = False  # the other classes
            self._areas.add(sums[large] / pixels[large], charted[large] / pixels[large])

    def result(self) -> AutoIceResult:
        """Return the scores of the scenes that were added."""
        sums = np.stack([errors.sums[:, 0] for errors in self._scenes.values()])  # (N, 6)
        pixels = ErrorSums()
        pixels.sums[:, 0] = sums.sum(axis=0)
        return AutoIceResult(
            r2_percent(self._confusion.counts),
            pixels.total(),
            self._areas.total(),
            {name: errors.total() for name, errors in self._scenes.items()},
            _rmse_range(sums[:, 0], sums[:, 3]),
        )


def class_of(sic_percent: ArrayLike) -> NDArray[np.int64]:
    """Return the class whose SIC is nearest, 0-10; the upper one of two as near."""
    tens = np.floor(np.asarray(sic_percent, np.float64) / 10 + 0.5)
    return np.clip(tens, 0, CLASSES - 1).astype(np.int64)


def r2_percent(counts: NDArray[np.int64]) -> float | None:
    """Return 100 (1 - squared errors / squared deviations) of classes; None where none deviates.

    Args:
        counts: (K, K) pixels by class of the chart (rows) and of the prediction (columns).
    """
    chart, predicted = np.indices(counts.shape)
    total = int(counts.sum())
    if not total:
        return None
    mean = float((counts * chart).sum()) / total
    deviations = float((counts * (chart - mean) ** 2).sum())
    if deviations <= 0:
        return None
    return 100 * (1 - float((counts * (chart - predicted) ** 2).sum()) / deviations)


def _rmse_range(
    pixels: NDArray[np.float64], squares: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return the interval of the RMSE if other scenes of the kind had been taken.

    Args:
        pixels: (N,) of each scene.
        squares: (N,) sums of squared errors.
    """
    count = len(pixels)
    if count < LEAST_BLOCKS:
        return None
    drawn = np.random.default_rng(0).integers(0, count, (_REPEATS, count))
    rmse = np.sqrt(squares[drawn].sum(axis=1) / np.maximum(pixels[drawn].sum(axis=1), 1))
    low, high = np.quantile(rmse, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
