"""Errors of a map's means over the polygons of a chart, against what its codes mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..datasets.polygons import AREA, NUMBER, PERCENT, joined, observations_of, sums_of
from ..observation.observations import LEAST_JUDGED
from ..raster.grid import Window
from ..raster.polygon_bands import NO_POLYGON, PolygonPixels
from ..raster.radiometry import Floats
from .metrics import ErrorSums, Scores


@dataclass(frozen=True)
class PolygonScores:
    """A map's errors by polygons.

    Attributes:
        scores: Distances of means from what the codes mean, weighted by area.
        left_out: Polygons of which the map covers too little.
        within: Share of the area whose polygons do not err.
    """

    scores: Scores
    left_out: int
    within: float


@dataclass
class PolygonComparison:
    """Sums of a chart and of a map over polygons, added window by window."""

    _charted: list[NDArray[np.float64]] = field(default_factory=list)
    _predicted: list[NDArray[np.float64]] = field(default_factory=list)

    def add(
        self, window: Window, polygons: PolygonPixels, sic_percent: Floats, predicted: Floats
    ) -> None:
        """Add a window; windows do not overlap.

        Args:
            window: Where it lies.
            polygons: What its cells hold.
            sic_percent: (h, w) of the chart, NaN where there is none.
            predicted: (h, w) SIC in percent, NaN where there is none.
        """
        number = np.where(np.isfinite(sic_percent), polygons.number, NO_POLYGON)
        low, high = (np.where(np.isnan(b), sic_percent, b) for b in (polygons.low, polygons.high))
        self._charted.append(sums_of(window, number.astype(np.int64), (sic_percent, low, high)))
        seen = np.where(np.isfinite(predicted), number, NO_POLYGON)
        self._predicted.append(sums_of(window, seen.astype(np.int64), (predicted,) * 3))

    def result(self) -> PolygonScores | None:
        """Return the errors; None where no polygon is covered."""
        charted, predicted = joined(self._charted), joined(self._predicted)
        place = np.searchsorted(charted[NUMBER], predicted[NUMBER])
        enough = predicted[AREA] >= LEAST_JUDGED * charted[AREA, place]
        left_out = int((~enough).sum())
        if not enough.any():
            return None
        seen = observations_of(charted[:, place[enough]])
        means = predicted[PERCENT, enough] / predicted[AREA, enough]
        errors, nearest = ErrorSums(), seen.nearest(means)
        errors.add(means, nearest, weight=seen.shares)
        within = float(np.average(np.abs(means - nearest) < 1e-3, weights=seen.area_px))
        return PolygonScores(errors.total(), left_out, within)
