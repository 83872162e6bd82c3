"""Polygons of a chart on a scene's pixels, summed up window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from ..observation.observations import Observations
from ..raster.grid import Window
from ..raster.polygon_bands import NO_POLYGON, PolygonPixels
from ..raster.radiometry import Floats

_ROWS_AT_ONCE = 512

NUMBER, AREA, ROW, COL, PERCENT, LOW, HIGH = range(7)
"""Rows of the sums."""


class PolygonsOnScene:
    """A chart's polygons as they lie on a scene: which pixels are of each, and what it says.

    A pixel is of a polygon where the scene has backscatter and the polygon a SIC.

    Args:
        pixels: (H, W) zeros, may be memory-mapped; becomes the polygon's place among the
            observations, from 1; 0 where there is none.
        connected: Whether each connected region of one number is a polygon of its own.
    """

    def __init__(self, pixels: NDArray[np.int32], *, connected: bool) -> None:
        self.pixels = pixels
        self._connected = connected
        self._found: list[NDArray[np.float64]] = []

    def add(self, window: Window, polygons: PolygonPixels, sic_percent: Floats) -> None:
        """Add a window; windows do not overlap.

        Args:
            window: Where it lies.
            polygons: What its pixels hold.
            sic_percent: (h, w), NaN where there is no backscatter or no SIC.
        """
        known = np.isfinite(sic_percent)
        if self._connected:  # by what they say, since classes have no numbers
            number = np.where(known, np.rint(np.nan_to_num(sic_percent)) + 1, NO_POLYGON)
        else:
            number = np.where(known, polygons.number, NO_POLYGON)
        self.pixels[window.slices] = number
        low, high = (np.where(np.isnan(b), sic_percent, b) for b in (polygons.low, polygons.high))
        self._found.append(sums_of(window, number.astype(np.int64), (sic_percent, low, high)))

    def observations(self) -> Observations | None:
        """Number the pixels' polygons from 1, and return what these say; None without any."""
        found = joined(self._found)
        if self._connected:
            found = self._parted(found)
        numbers = found[NUMBER].astype(np.int64)
        if not numbers.size:
            return None
        for rows in range(0, self.pixels.shape[0], _ROWS_AT_ONCE):
            part = self.pixels[rows : rows + _ROWS_AT_ONCE]
            # NO_POLYGON lies before all others
            part[...] = np.searchsorted(numbers, part, "right")
        return observations_of(found)

    def _parted(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Number connected regions, and return their sums (7, N)."""
        regions = np.zeros(self.pixels.shape, np.int32)
        parts, count = [], 0
        for column in found.T:
            one, number = label(self.pixels == column[NUMBER])
            regions[one > 0] = one[one > 0] + count
            of_one = np.repeat(column[:, None], number, axis=1)
            of_one[PERCENT] /= of_one[AREA]
            of_one[NUMBER] = count + np.arange(1, number + 1)
            parts.append(of_one)
            count += number
        self.pixels[...] = regions
        height, width = self.pixels.shape[:2]
        places = joined(
            [
                sums_of(window, regions[window.slices].astype(np.int64), ())
                for window in Window(0, 0, height, width).blocks(_ROWS_AT_ONCE)
            ]
        )
        of_regions = np.concatenate([np.zeros((7, 0)), *parts], axis=1)
        of_regions[AREA:PERCENT] = places[AREA:PERCENT]
        of_regions[PERCENT] *= of_regions[AREA]
        return of_regions


def observations_of(sums: NDArray[np.float64]) -> Observations:
    """Return what polygons say of which the sums (7, N) are known."""
    area = sums[AREA]
    places = sums[ROW] / area, sums[COL] / area
    return Observations.of_polygons(*places, sums[PERCENT] / area, sums[LOW], sums[HIGH], area)


def sums_of(
    window: Window, number: NDArray[np.int64], values: tuple[Floats, ...]
) -> NDArray[np.float64]:
    """Return the sums (7, n) over a window's pixels of each number; without values: of places."""
    row, col = np.nonzero(number != NO_POLYGON)
    found, index = np.unique(number[row, col], return_inverse=True)
    sums = np.zeros((7, found.size))
    sums[NUMBER], sums[LOW], sums[HIGH] = found, np.inf, -np.inf
    sums[AREA] = np.bincount(index, minlength=found.size)
    sums[ROW] = np.bincount(index, row + window.row + 0.5, found.size)
    sums[COL] = np.bincount(index, col + window.col + 0.5, found.size)
    if values:
        sic, low, high = (each[row, col] for each in values)
        sums[PERCENT] = np.bincount(index, sic, found.size)
        np.minimum.at(sums[LOW], index, low)
        np.maximum.at(sums[HIGH], index, high)
    return sums


def joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sums of windows (7, N), of each number once, rising."""
    columns = np.concatenate([np.zeros((7, 0)), *parts], axis=1)
    numbers, index = np.unique(columns[NUMBER], return_inverse=True)
    found = np.zeros((7, numbers.size))
    found[LOW], found[HIGH] = np.inf, -np.inf
    for row in (AREA, ROW, COL, PERCENT):
        found[row] = np.bincount(index, columns[row], numbers.size)
    np.minimum.at(found[LOW], index, columns[LOW])
    np.maximum.at(found[HIGH], index, columns[HIGH])
    found[NUMBER] = numbers
    return found
