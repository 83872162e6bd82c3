"""Observations: what a reference says of a scene, one value for each piece of ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..raster.grid import Grid, Window
from ..raster.pixelmap import PixelMap
from ..raster.radiometry import Floats, Mask, block_mean
from ..raster.reference import Reference
from .support import CELLS_PER_FOOTPRINT

LEAST_JUDGED = 0.95
"""Share of its support that a map must cover for an observation to be compared with it. Of those
that a simulated scene covers in part, the true SIC then has an error of 0.4 % (RMS); from one half
on, 2.9 %."""

_STRIP_ROWS = 512

_HALF_TENTH: Final = 5.0
"""A single tenth of a chart means itself +- 5 % SIC, 10/10 95 to 100 %."""


@dataclass(frozen=True, eq=False)
class Observations:
    """What a reference says of a scene: values, each of a support.

    A value may be an interval, as the codes of ice charts are; that of a radiometer is a number.
    The error of a map is how far its mean over the support lies outside the interval.

    Attributes:
        row: (N,) the support's centre in pixels of the scene, whose first pixel spans 0 to 1.
        col: (N,) likewise.
        percent: (N,) SIC.
        low: (N,) the lowest SIC that it may mean.
        high: (N,) the highest.
        uncertainty_percent: (N,) one standard deviation; NaN where it is not known.
        footprint_px: Full width at half maximum of the Gaussian footprint that all of them have; 0
            where each is of a polygon.
        area_px: (N,) pixels of each polygon that have backscatter and are compared; 0 for
            footprints.
    """

    row: Floats
    col: Floats
    percent: Floats
    low: Floats
    high: Floats
    uncertainty_percent: Floats
    footprint_px: float
    area_px: Floats

    @classmethod
    def of_footprints(
        cls,
        row: NDArray[np.floating],
        col: NDArray[np.floating],
        percent: NDArray[np.floating],
        uncertainty_percent: NDArray[np.floating] | None,
        footprint_px: float,
    ) -> Observations:
        """Return the values (N,) of a radiometer."""
        sic = percent.astype(np.float32)
        unknown = np.full_like(sic, np.nan)
        sigma = unknown if uncertainty_percent is None else uncertainty_percent.astype(np.float32)
        places = row.astype(np.float32), col.astype(np.float32)
        return cls(*places, sic, sic, sic, sigma, footprint_px, np.zeros_like(sic))

    @classmethod
    def of_polygons(
        cls,
        row: NDArray[np.floating],
        col: NDArray[np.floating],
        percent: NDArray[np.floating],
        low: NDArray[np.floating],
        high: NDArray[np.floating],
        area_px: NDArray[np.floating],
    ) -> Observations:
        """Return what the polygons (N,) of a chart say.

        Single tenths are widened: analysts give them by eye, to a tenth. Open water stays 0.

        Args:
            row: Mean row of a polygon's pixels.
            col: Mean column.
            percent: SIC.
            low: The lowest SIC that its code means.
            high: The highest.
            area_px: Pixels.
        """
        single = (low == high) & (low > 0)
        low = np.where(single, np.maximum(low - _HALF_TENTH, 0), low)
        high = np.where(single, np.minimum(high + _HALF_TENTH, 100), high)
        unknown = np.full(len(row), np.nan, np.float32)
        return cls(
            row.astype(np.float32),
            col.astype(np.float32),
            percent.astype(np.float32),
            low.astype(np.float32),
            high.astype(np.float32),
            unknown,
            footprint_px=0.0,
            area_px=area_px.astype(np.float32),
        )

    def __len__(self) -> int:
        return self.row.size

    @property
    def shares(self) -> Floats:
        """How much each counts (N,), 1 on average: polygons by their area."""
        if not self.are_polygons:
            return np.ones_like(self.row)
        shares: Floats = np.asarray(self.area_px / self.area_px.mean(), np.float32)
        return shares

    @property
    def are_polygons(self) -> bool:
        """Whether each is of a polygon; else of a footprint."""
        return not self.footprint_px

    def nearest(
        self, sic_percent: NDArray[np.floating], index: NDArray[np.int64] | slice = slice(None)
    ) -> Floats:
        """Return what the observations say (N,) nearest to means of a map over their supports.

        Args:
            sic_percent: (..., N) of the map.
            index: Which observations; all of them by default.
        """
        found: Floats = np.clip(sic_percent, self.low[index], self.high[index]).astype(np.float32)
        return found


def footprints_of(reference: Reference, grid: Grid, footprint_m: float) -> Observations | None:
    """Return what a reference says of a scene, at the reference's own cells.

    A reference finer than an eighth of its footprint, such as an interpolated one, is averaged over
    squares of that size: more values would say the same.

    Args:
        reference: The reference.
        grid: The scene's grid.
        footprint_m: The reference's footprint.

    Returns:
        The values whose centres lie in the scene; None where there is none.
    """
    own = reference.own_grid
    step = max(1, int(footprint_m / CELLS_PER_FOOTPRINT / own.resolution_m))
    inside = PixelMap(grid, own).source_window(grid.window, margin=1)
    if inside.is_empty:
        return None
    parts = [
        found
        for strip in inside.blocks(max(1, _STRIP_ROWS // step) * step, inside.width)
        if (found := _of_strip(reference, strip, step, grid)) is not None
    ]
    if not parts:
        return None
    row, col, percent, sigma = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not row.size:
        return None
    return Observations.of_footprints(row, col, percent, sigma, footprint_m / grid.resolution_m)


def footprints_on(
    sic_percent: Floats, footprint_px: float, per_footprint: int = CELLS_PER_FOOTPRINT
) -> Observations | None:
    """Return the observations of a reference that is only known on the scene's own pixels.

    Args:
        sic_percent: (H, W), NaN where there is none.
        footprint_px: The reference's footprint in pixels.
        per_footprint: Values along a footprint.
    """
    step = max(1, int(footprint_px / per_footprint))
    means, enough = _means(sic_percent, np.isfinite(sic_percent), step)
    rows, cols = np.nonzero(enough)
    if not rows.size:
        return None
    row, col = (rows + 0.5) * step, (cols + 0.5) * step
    return Observations.of_footprints(row, col, means[rows, cols], None, footprint_px)


def _of_strip(
    reference: Reference, strip: Window, step: int, grid: Grid
) -> tuple[NDArray[np.floating], ...] | None:
    """Return rows, columns, SIC and uncertainty (n,) of the values in a strip of own pixels."""
    percent, known = _means(*reference.read_own(strip), step)
    if not known.any():
        return None
    sigma, has_sigma = _means(*reference.read_own_uncertainty(strip), step)
    squares = reference.own_grid.part(strip).coarsened(step, step)
    row, col = PixelMap(squares, grid).source_pixels(squares.window)
    row, col = (np.broadcast_to(at, known.shape) for at in (row, col))
    with np.errstate(invalid="ignore"):
        known = known & (row >= 0) & (row < grid.height) & (col >= 0) & (col < grid.width)
    sigma = np.where(has_sigma, sigma, np.float32(np.nan))
    return row[known], col[known], percent[known], sigma[known]


def _means(values: Floats, valid: Mask, step: int) -> tuple[Floats, Mask]:
    """Return means of squares of pixels, and where half of a square has a value."""
    more = [(0, -side % step) for side in valid.shape]
    means, enough = block_mean(np.pad(values, more), np.pad(valid, more), step, step)
    return means, enough & (means >= 0)
