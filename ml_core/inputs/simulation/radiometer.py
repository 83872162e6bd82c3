"""The simulated reference: the true SIC as a passive-microwave radiometer would see it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...raster.grid import Grid, Window
from .lattice import Field

FWHM_PER_DEVIATION = 2.0 * math.sqrt(2.0 * math.log(2.0))


class Footprints:
    """Collects the true SIC of a scene and its margin, then averages it over footprints.

    SIC is gathered on cells of a twelfth of the footprint, then averaged with a Gaussian.

    Args:
        footprint_m: Full width at half maximum of a footprint.
        pixel_m: Size of the pixels that come in.
        height: Rows of the scene.
        width: Columns of the scene.
        beyond_m: How far outside the scene the centre of a footprint may lie.
    """

    def __init__(
        self, footprint_m: float, pixel_m: float, height: int, width: int, beyond_m: float
    ) -> None:
        self._footprint_m = footprint_m
        self._pixel_m = pixel_m
        self._per_cell = max(1, round(footprint_m / 12.0 / pixel_m))
        # a Gaussian's tail beyond 1.3 times its full width at half maximum holds 0.1 %
        self._cells = math.ceil((1.3 * footprint_m + beyond_m) / (self._per_cell * pixel_m))
        rows = -(-height // self._per_cell) + 2 * self._cells
        cols = -(-width // self._per_cell) + 2 * self._cells
        self._sum = np.zeros((rows, cols))
        self._count = np.zeros((rows, cols))

    @property
    def margin_px(self) -> int:
        """Pixels around the scene whose SIC is needed as well."""
        return self._cells * self._per_cell

    def add(self, window: Window, sic: Field) -> None:
        """Take in the SIC of a window in the scene's rows and columns; negative in the margin."""
        rows = np.arange(window.row, window.stop_row) // self._per_cell + self._cells
        cols = np.arange(window.col, window.stop_col) // self._per_cell + self._cells
        row_starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
        col_starts = np.flatnonzero(np.diff(cols, prepend=cols[0] - 1))
        sums = np.add.reduceat(np.add.reduceat(sic, row_starts, axis=0), col_starts, axis=1)
        counts = np.outer(
            np.diff(row_starts, append=len(rows)), np.diff(col_starts, append=len(cols))
        )
        place = np.ix_(rows[row_starts], cols[col_starts])
        self._sum[place] += sums
        self._count[place] += counts

    def at(self, scene: Grid, reference: Grid) -> NDArray[np.float64]:
        """Return the averages over footprints around a coarse grid's centres, in the SIC's unit."""
        left, _, _, top = scene.bounds()
        pixel_m, first = reference.transform.a, reference.transform
        x_m = first.c + (np.arange(reference.width) + 0.5) * pixel_m - left
        y_m = top - first.f + (np.arange(reference.height) + 0.5) * pixel_m
        cell_m = self._per_cell * self._pixel_m
        mean = self._sum / np.maximum(self._count, 1.0)
        deviation = self._footprint_m / FWHM_PER_DEVIATION / cell_m
        blurred = ndimage.gaussian_filter(mean, deviation, mode="nearest", truncate=3.5)
        axes = (y_m / cell_m + self._cells - 0.5, x_m / cell_m + self._cells - 0.5)
        places = np.meshgrid(*axes, indexing="ij")
        averages: NDArray[np.float64] = ndimage.map_coordinates(
            blurred, places, order=1, mode="nearest"
        )
        return averages
