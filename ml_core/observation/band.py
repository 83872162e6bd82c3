"""A fine raster observed by the cells of a coarse reference, in windows of these."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from affine import Affine

from ..raster.aligned import AlignedBand, Quantity
from ..raster.grid import Grid, Window
from ..raster.pixelmap import PixelMap
from ..raster.radiometry import Floats, Mask, db_to_linear, linear_to_db
from ..raster.reading import Band
from .support import (
    CELLS_PER_FOOTPRINT,
    LEAST_COVER,
    WIDER_THAN_CELL,
    Footprints,
    observe,
    reach,
    weights,
)

_FINEST, _COARSEST = CELLS_PER_FOOTPRINT, 2 * CELLS_PER_FOOTPRINT
"""Working cells per footprint: at least the first, at most the second where cells are finer."""

_MOST_KEPT = 16_000_000
"""Working cells that are computed once and kept."""

_READ_PX = 2048
"""Side of the part of the fine raster that is read at once."""


class ObservedBand:
    """A band averaged over the footprints of a grid's cells.

    A cell's value is the mean weighted with a Gaussian whose full width at half maximum is the
    footprint, centred on the cell; the mean over the cell where no footprint is known, or where it
    is as small as the band's pixels. Where the band is coarser than the cells, its values are
    interpolated.

    The Gaussian is applied on a working grid of 8 to 16 cells per footprint, so that the cost
    does not grow with the footprint. Its width in cells is that in the middle of the grid.

    Args:
        band: The fine raster.
        grid: The cells.
        footprint_m: Full width at half maximum of the footprint; None: it is not known.
        quantity: What the values are; sigma0 in dB is averaged as linear power.
        least_cover: Share of a footprint, at least a half, that must be valid.
        on_part: Called for each part that is read; it may raise to stop the work.
    """

    def __init__(
        self,
        band: Band,
        grid: Grid,
        footprint_m: float | None,
        *,
        quantity: Quantity = Quantity.PLAIN,
        least_cover: float = LEAST_COVER,
        on_part: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_part = on_part
        self.grid = grid
        self._least_cover = least_cover
        wide = footprint_m is not None and footprint_m > WIDER_THAN_CELL * band.grid.resolution_m
        self.is_gaussian = wide
        self._is_power = quantity is not Quantity.PLAIN
        height_m, width_m = grid.pixel_size_m
        # working cells per cell and axis; odd where above 1, so that centres coincide
        per_cell = (1.0, 1.0)
        footprint_m = footprint_m or grid.resolution_m
        if self.is_gaussian:
            per_cell = (_per_cell(height_m, footprint_m), _per_cell(width_m, footprint_m))
        self._per_cell = per_cell
        self._working = Grid(
            grid.crs,
            grid.transform @ Affine.scale(1 / per_cell[1], 1 / per_cell[0]),
            math.ceil(grid.height * per_cell[0]),
            math.ceil(grid.width * per_cell[1]),
        )
        self._band = AlignedBand(band, self._working, quantity=quantity)
        self._step_px = max(PixelMap(self._working, band.grid).step_px, 1e-6)
        # side of a working cell and footprint along rows and columns, in the band's pixels
        self._cell_px = max(1.0, self._step_px)
        self._footprint_px = (
            footprint_m * per_cell[0] / height_m * self._cell_px,
            footprint_m * per_cell[1] / width_m * self._cell_px,
        )
        self._reach = [reach(side, self._cell_px) for side in self._footprint_px]
        self._all = self._working.window.grown(self._reach[0] + 1, self._reach[1] + 1)

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the footprint means of a window's cells.

        Args:
            window: Cells of the grid, inside it.

        Returns:
            Values (sigma0 in dB) and where enough of the footprint is valid, half of a cell, both
            (window.height, window.width); values are NaN elsewhere.
        """
        if not self.is_gaussian:
            return self._means(window)
        # places of the cells' centres among the centres of working cells
        rows = (np.arange(window.row, window.stop_row) + 0.5) * self._per_cell[0] - 0.5
        cols = (np.arange(window.col, window.stop_col) + 0.5) * self._per_cell[1] - 0.5
        first = math.floor(rows[0]), math.floor(cols[0])
        part = Window(
            *first, math.ceil(rows[-1]) + 1 - first[0], math.ceil(cols[-1]) + 1 - first[1]
        ).grown(*self._reach)
        if self._all.height * self._all.width <= _MOST_KEPT:
            place = part.moved(-self._all.row, -self._all.col).slices
            values, valid = self._kept[0][place], self._kept[1][place]
        else:
            values, valid = self._means(part)
        supports = Footprints(
            weights(rows - part.row, part.height, self._footprint_px[0], self._cell_px),
            weights(cols - part.col, part.width, self._footprint_px[1], self._cell_px),
        )
        plain = db_to_linear(values) if self._is_power else values
        means, cover = observe(plain, valid, supports)
        enough = cover >= self._least_cover
        means = np.where(enough, means, means.dtype.type(np.nan))
        return (linear_to_db(means) if self._is_power else means), enough

    @cached_property
    def _kept(self) -> tuple[Floats, Mask]:
        return self._means(self._all)

    def _means(self, window: Window) -> tuple[Floats, Mask]:
        """Return the band's means over working cells, read in parts that fit in memory."""
        values = np.full((window.height, window.width), np.nan, np.float32)
        valid = np.zeros(values.shape, bool)
        for part in window.blocks(max(1, int(_READ_PX / self._step_px))):
            place = part.moved(-window.row, -window.col).slices
            self._on_part()
            values[place], valid[place] = self._band.read(part)
        return values, valid


def _per_cell(size_m: float, footprint_m: float) -> float:
    """Return how many working cells a cell of a size has; a fraction where they are larger."""
    if size_m > footprint_m / _FINEST:
        return float(math.ceil(_FINEST * size_m / footprint_m) // 2 * 2 + 1)
    return 1.0 / max(1, math.floor(footprint_m / _COARSEST / size_m))


def overlap(reference: Grid, prediction: Grid) -> Window:
    """Return the reference's cells that may lie on a prediction; empty where there are none."""
    return PixelMap(prediction, reference).source_window(prediction.window, margin=1)
