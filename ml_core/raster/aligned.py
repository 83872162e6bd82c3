"""Aligned bands: a band read on another grid, resampled window by window in memory.

Why not GDAL's warper: `rasterio.warp.reproject` on linear power, with a second warp of the mask for
the rule that half of a pixel must be valid, was tried in this module's place (rasterio 1.4.4, GDAL
3.10.3); 16 of the 220 tests of rasters and observations failed. On scenes of 10,000 x 10,000 px of
40 m with speckle of four looks, against float64 means of power over the target pixels' polygons:

==============================  ==========  ==========  =========================
target                          RMS, dB     GDAL's      GDAL's processor time : 1
==============================  ==========  ==========  =========================
80 m, 100 m, axes in parallel   0.00, 0.00  0.00, 0.00  1.7, 3.5
80 m, turned by 30, 45 degrees  0.06, 0.08  0.58, 0.86  0.4, 0.4
80 m, 200 m, from UTM to polar  0.05, 0.02  0.46, 0.30  0.5, 0.3
==============================  ==========  ==========  =========================

GDAL averages over a rectangle along the source's axes, whatever the pixel's shape. It approximates
positions to 1/8 px along the rows of the window that it is given, which `reproject` does not let
one change: the same pixel differs by up to 0.18 dB from window to window, so that tiles would show,
and around the pole 3 % of pixels get a neighbouring cell of a coarse reference. GDAL's bilinear at
this module's sample points is as exact, in 0.4 to 0.6 of the time, but has that fault too.
`WarpedVRT` has it not, but warps what is in a file: dB, with no more than its own nodata value.
Memory for 2048 x 2048 px of 80 m: in parallel 142 MiB, with GDAL 379; from UTM 538, with GDAL 596.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine

from .grid import Grid, Positions, Window
from .pixelmap import PixelMap
from .radiometry import (
    HIGHEST_DB,
    LOWEST_DB,
    Floats,
    Mask,
    SoftFloor,
    block_mean,
    db_to_linear,
    linear_to_db,
    soft_db,
    soft_power,
    valid_db,
    valid_linear,
)
from .reading import NO_LIMITS, Band

if TYPE_CHECKING:
    from scipy import sparse

_STRIP_PX = 4_000_000
"""Source pixels that are resampled at a time."""

_MOST_POINTS = 64
"""Sample points per axis of a target pixel; 4096 points give the mean of any number of pixels."""


class Resampling(Enum):
    """How values get from one grid to another."""

    NEAREST = "nearest"
    """The value of the pixel that a target pixel's centre falls into: classes and references."""
    AREA = "area"
    """Averages over a target pixel where the source is finer, bilinear where it is coarser."""


class Quantity(Enum):
    """What values are, which decides how they may be averaged."""

    PLAIN = "plain"
    """Anything that is averaged as it is."""
    SIGMA0_DB = "db"
    """Backscatter in dB in the file; averaged as linear power, handed out in dB. A file whose tags
    say so holds negative power, too, see `radiometry.SoftFloor`."""
    SIGMA0_LINEAR = "linear"
    """Backscatter as linear power in the file, negative where noise was removed; handed out in
    dB."""


@dataclass(frozen=True)
class _Step:
    """How pixels of a target row (or column) lie on the source's: source = start + step * i."""

    start: float
    step: float

    @property
    def first(self) -> int:
        """The source pixel nearest to where the first target pixel starts."""
        return round(self.start)

    @property
    def is_whole(self) -> bool:
        """Whether target pixels are whole numbers of source pixels, without remainder."""
        return _near_whole(self.start) and _near_whole(self.step)

    @property
    def is_shift(self) -> bool:
        """Whether target pixels are source pixels."""
        return self.step == 1 and _near_whole(self.start)


def _near_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-3


class AlignedBand:
    """A band on another grid.

    What a pixel gets depends on its place alone, never on the window that is read. Nothing is
    written to disk, and no more is read than the window needs.

    - Grids that differ by a whole number of pixels: the values as they are.
    - Axes in parallel, target pixels larger: means weighted with the overlap; at least half of a
      target pixel must be valid.
    - Else, where the target is coarser: the mean of bilinear values at points spread evenly over
      the target pixel, about as many as there are source pixels in it; at least half must be
      valid. Where the source is coarser: bilinear.
    - Resampling.NEAREST: always the value of the source pixel that holds the target's centre.

    Args:
        grid: The grid to read it on.
        resampling: How values get there.
        quantity: What the values are.
    """

    def __init__(
        self,
        band: Band,
        grid: Grid,
        *,
        resampling: Resampling = Resampling.AREA,
        quantity: Quantity = Quantity.PLAIN,
    ) -> None:
        self.band = band
        self.grid = grid
        self.label = band.label
        self._nearest = resampling is Resampling.NEAREST
        self._quantity = quantity
        self._limits = (LOWEST_DB, HIGHEST_DB) if quantity is Quantity.SIGMA0_DB else NO_LIMITS
        self._soft = SoftFloor.of(band.tags, linear=quantity is Quantity.SIGMA0_LINEAR)
        self._parallel = _steps(grid, band.grid)
        self._map = PixelMap(grid, band.grid)
        # power that is 0 or negative is that of noise, which the average over more pixels lowers
        self._zero = self._soft.averaged(max(1.0, self._map.step_px) ** 2) if self._soft else 0.0
        # sample points per target pixel and axis, so that no source pixel falls between them
        self._points = 1
        if not self._nearest:
            self._points = min(max(1, math.ceil(self._map.step_px - 0.1)), _MOST_POINTS)
        self._point_map = PixelMap(_subdivided(grid, self._points), band.grid)
        # source pixels or sample points to a target pixel, about
        self._source_px = max(self._map.step_px, self._points) ** 2

    def overlaps(self) -> bool:
        """Say whether any of the band's pixels may lie on the grid."""
        return not self.source_window().is_empty

    def source_window(self) -> Window:
        """Return the band's pixels that may lie on the grid."""
        return self._map.source_window(self.grid.window, margin=0)

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return a window's values and which hold.

        Args:
            window: Pixels of the grid; it may reach beyond it.
            out: Takes the values, where given, (window.height, window.width) and contiguous.

        Returns:
            Values (sigma0 in dB) and valid mask, both (window.height, window.width); values are
            NaN where invalid.
        """
        values = np.empty((window.height, window.width), np.float32) if out is None else out
        parallel = self._parallel
        if parallel and all(steps.is_shift for steps in parallel):
            source = window.moved(*(steps.first for steps in parallel))
            return values, self._read_shifted(source, values)
        valid = np.empty(values.shape, dtype=bool)
        # in strips, because much more is read than is returned where the source is finer
        height = max(1, int(_STRIP_PX / (window.width * self._source_px)))
        for strip in window.blocks(height, window.width):
            part = slice(strip.row - window.row, strip.stop_row - window.row)
            if parallel and min(steps.step for steps in parallel) >= 1 and not self._nearest:
                found = self._area_means(strip, *parallel)
            else:
                found = self._sampled(strip)
            values[part], valid[part] = self._handed_out(*found)
        return values, valid

    def _read_shifted(self, source: Window, values: Floats) -> Mask:
        if self._soft:
            values[...], valid = self._handed_out(*self._averageable(source))
        else:
            _, valid = self.band.read(source, limits=self._limits, out=values)
        return valid

    def _area_means(self, window: Window, rows: _Step, cols: _Step) -> tuple[Floats, Mask]:
        """Return means over pixels whose axes are in parallel with the band's."""
        if rows.is_whole and cols.is_whole:
            y, x = round(rows.step), round(cols.step)
            source = Window(y * window.row, x * window.col, y * window.height, x * window.width)
            return block_mean(*self._averageable(source.moved(rows.first, cols.first)), y, x)
        weights_y, first_row = _overlaps(rows, window.row, window.height)
        weights_x, first_col = _overlaps(cols, window.col, window.width)
        source = Window(first_row, first_col, weights_y.shape[1], weights_x.shape[1])
        values, valid = self._averageable(source)
        kept = np.where(valid, values, np.float32(0))
        total = weights_x.dot(weights_y.dot(kept).T).T
        area = weights_x.dot(weights_y.dot(valid.astype(np.float32)).T).T
        enough = area >= np.float32(0.5 * rows.step * cols.step)
        return (total / np.where(enough, area, 1)).astype(np.float32), enough

    def _sampled(self, window: Window) -> tuple[Floats, Mask]:
        """Return values at the centres of a window's pixels, or their means over sample points."""
        n = self._points
        points = Window(window.row * n, window.col * n, window.height * n, window.width * n)
        place = self._point_map.source_window(points, margin=2)
        if place.is_empty:
            empty = np.zeros((window.height, window.width), dtype=np.float32)
            return empty, np.zeros(empty.shape, dtype=bool)
        values, valid = self._averageable(place)
        row, col = self._point_map.source_pixels(points)  # (n h, n w) each, pixel centres at .5
        take = _take_nearest if self._nearest else _take_bilinear
        values, valid = take(values, valid, row - place.row, col - place.col)
        return (values, valid) if n == 1 else block_mean(values, valid, n, n)

    def _averageable(self, window: Window) -> tuple[Floats, Mask]:
        """Return the band's values in a window in the form that may be averaged."""
        values, valid = self.band.read(window, limits=self._limits)
        if self._quantity is Quantity.SIGMA0_DB:
            if self._soft:
                return soft_power(values, self._soft.zero), valid
            return db_to_linear(values), valid
        if self._quantity is Quantity.SIGMA0_LINEAR:
            return values, valid_linear(values)
        return values, valid

    def _handed_out(self, values: Floats, valid: Mask) -> tuple[Floats, Mask]:
        if self._quantity is not Quantity.PLAIN:
            values = np.where(valid, values, np.float32(np.nan))
            values = soft_db(values, self._zero) if self._soft else linear_to_db(values)
            if self._quantity is Quantity.SIGMA0_LINEAR:
                valid = valid_db(values)
        if not valid.all():
            values[~valid] = np.nan
        return values, valid


def _steps(target: Grid, source: Grid) -> tuple[_Step, _Step] | None:
    """Return how target rows and columns lie on the source's, where the axes are in parallel."""
    if target.crs != source.crs:
        return None
    t = ~source.transform @ target.transform
    # no row or column of the target may leave its place by a thousandth of a source pixel
    skew = max(abs(t.b) * target.height, abs(t.d) * target.width)
    if skew > 1e-3 or t.e <= 0 or t.a <= 0:
        return None
    return _snapped(t.f, t.e, target.height), _snapped(t.c, t.a, target.width)


def _snapped(start: float, step: float, count: int) -> _Step:
    """Return a step without the rounding that coordinates in files carry."""
    whole = round(step)
    if whole >= 1 and abs(step - whole) * count < 1e-2:
        step = float(whole)
        if abs(start - round(start)) < 1e-2:
            start = float(round(start))
    return _Step(start, step)


def _overlaps(steps: _Step, first: int, count: int) -> tuple[sparse.csr_array, int]:
    """Return how much of each source pixel lies in each target pixel along one axis.

    Returns:
        Weights (count, source pixels), and the first of these source pixels.
    """
    from scipy import sparse  # here, as in `_take_bilinear`

    borders = steps.start + steps.step * np.arange(first, first + count + 1)
    origin, stop = math.floor(borders[0] + 1e-9), math.ceil(borders[-1] - 1e-9)
    # every piece between neighbouring borders lies in one source and one target pixel
    cuts = np.union1d(borders, np.arange(origin, stop + 1)).clip(borders[0], borders[-1])
    middles = (cuts[1:] + cuts[:-1]) / 2
    target = np.searchsorted(borders, middles).clip(1, count) - 1
    source = np.floor(middles).astype(np.int64).clip(origin, stop - 1) - origin
    weights = sparse.csr_array(
        (np.diff(cuts).astype(np.float32), (target, source)), shape=(count, stop - origin)
    )
    return weights, origin


def _subdivided(grid: Grid, n: int) -> Grid:
    return Grid(grid.crs, grid.transform @ Affine.scale(1 / n), grid.height * n, grid.width * n)


def _take_nearest(
    values: Floats, valid: Mask, row: Positions, col: Positions
) -> tuple[Floats, Mask]:
    height, width = values.shape
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)  # False for NaN
    r = np.where(inside, row, 0).astype(np.intp)
    c = np.where(inside, col, 0).astype(np.intp)
    return values[r, c], valid[r, c] & inside


def _take_bilinear(
    values: Floats, valid: Mask, row: Positions, col: Positions
) -> tuple[Floats, Mask]:
    """Interpolate between the valid ones of the four nearest pixels; the nearest must be valid."""
    from scipy import ndimage  # here, because it takes 0.15 s that most scenes do not need

    holds = _take_nearest(values, valid, row, col)[1]
    # from 0 at the first pixel's centre; beyond the file's edge the edge pixel counts
    places = np.stack([np.where(holds, at, 0.5) - 0.5 for at in (row, col)])

    def interpolated(field: Floats) -> Floats:
        result: Floats = ndimage.map_coordinates(field, places, order=1, mode="nearest")
        return result

    if valid.all():
        return interpolated(values), holds
    total = interpolated(np.where(valid, values, np.float32(0)))
    weight = interpolated(valid.astype(np.float32))
    # the nearest pixel is valid and has a quarter of the weight or more
    total /= np.maximum(weight, np.float32(0.1))
    return total, holds
