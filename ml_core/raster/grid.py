"""Grids and windows: where pixels lie."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.warp import transform as transform_coordinates

_WGS84 = Geod(ellps="WGS84")

Positions = NDArray[np.floating[Any]]


def applied(transform: Affine, col: Positions, row: Positions) -> tuple[Positions, Positions]:
    """Return x and y of arrays of columns and rows, which broadcast."""
    t = transform
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: first row, first column, height and width. Rows count downwards."""

    row: int
    col: int
    height: int
    width: int

    @property
    def stop_row(self) -> int:
        """The row behind the last one."""
        return self.row + self.height

    @property
    def stop_col(self) -> int:
        """The column behind the last one."""
        return self.col + self.width

    @property
    def is_empty(self) -> bool:
        """Whether it has no pixels."""
        return self.height <= 0 or self.width <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as an index of an (H, W) array."""
        return slice(self.row, self.stop_row), slice(self.col, self.stop_col)

    def moved(self, rows: int, cols: int) -> Window:
        """Return the window moved down and to the right."""
        return Window(self.row + rows, self.col + cols, self.height, self.width)

    def grown(self, rows: int, cols: int | None = None) -> Window:
        """Return the window with so many rows and columns (as many) more on every side."""
        cols = rows if cols is None else cols
        return Window(
            self.row - rows, self.col - cols, self.height + 2 * rows, self.width + 2 * cols
        )

    def intersection(self, other: Window) -> Window:
        """Return the part that lies in another window; it may be empty."""
        row = min(max(self.row, other.row), other.stop_row)
        col = min(max(self.col, other.col), other.stop_col)
        stop_row = min(max(self.stop_row, row), other.stop_row)
        stop_col = min(max(self.stop_col, col), other.stop_col)
        return Window(row, col, stop_row - row, stop_col - col)

    def clipped(self, height: int, width: int) -> Window:
        """Return the part of the window inside an array of (height, width); it may be empty."""
        return self.intersection(Window(0, 0, height, width))

    def blocks(self, height: int, width: int | None = None) -> Iterator[Window]:
        """Yield the blocks that cover the window, row by row; the last ones are smaller.

        Args:
            height: Rows of a block.
            width: Columns of a block; as many as rows when None.
        """
        width = height if width is None else width
        for row in range(self.row, self.stop_row, height):
            for col in range(self.col, self.stop_col, width):
                yield Window(row, col, height, width).intersection(self)


@dataclass(frozen=True)
class Grid:
    """A georeferenced pixel grid.

    Attributes:
        transform: Pixel (col, row) of a pixel's upper left corner to map (x, y).
    """

    crs: CRS
    transform: Affine
    height: int
    width: int

    @classmethod
    def covering(
        cls, crs: CRS, bounds: tuple[float, float, float, float], pixel_size: tuple[float, float]
    ) -> Grid:
        """Return the grid over bounds whose corner is on multiples of its pixels.

        Args:
            bounds: (left, bottom, right, top) in its unit.
            pixel_size: Height and width of a pixel in its unit.
        """
        size_y, size_x = pixel_size
        left, top = math.floor(bounds[0] / size_x), math.ceil(bounds[3] / size_y)
        height, width = top - math.floor(bounds[1] / size_y), math.ceil(bounds[2] / size_x) - left
        transform = Affine(size_x, 0.0, left * size_x, 0.0, -size_y, top * size_y)
        return cls(crs, transform, max(height, 1), max(width, 1))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def window(self) -> Window:
        """The whole grid as a window."""
        return Window(0, 0, self.height, self.width)

    @cached_property
    def pixel_size_m(self) -> tuple[float, float]:
        """Ground size (height, width) of the central pixel in metres, on the WGS84 ellipsoid."""
        row, col = self.height / 2, self.width / 2
        cols, rows = np.array([col, col, col + 1]), np.array([row, row + 1, row])
        xs, ys = applied(self.transform, cols, rows)
        lon, lat = transform_coordinates(self.crs, CRS.from_epsg(4326), xs, ys)[:2]
        height = _WGS84.inv(lon[0], lat[0], lon[1], lat[1])[2]
        width = _WGS84.inv(lon[0], lat[0], lon[2], lat[2])[2]
        return height, width

    @property
    def nominal_pixel_size_m(self) -> tuple[float, float]:
        """Pixel (height, width) in metres by the CRS's unit, so that 40 m stay 40 m.

        The ground size where the unit is degrees, or where the projection stretches by more than
        a tenth (Web Mercator does fourfold at 75 degrees north).
        """
        ground = self.pixel_size_m
        if not self.crs.is_projected:
            return ground
        factor = self.crs.linear_units_factor[1]
        t = self.transform
        nominal = math.hypot(t.b, t.e) * factor, math.hypot(t.a, t.d) * factor
        if all(0.9 < n / g < 1.1 for n, g in zip(nominal, ground, strict=True) if g > 0):
            return nominal
        return ground

    @property
    def resolution_m(self) -> float:
        """Pixel size in metres, the geometric mean of height and width (nominal)."""
        height, width = self.nominal_pixel_size_m
        return math.sqrt(height * width)

    def coarsened(self, factor_y: float, factor_x: float) -> Grid:
        """Return the grid with the same origin and larger pixels; the last ones may overhang."""
        return Grid(
            self.crs,
            self.transform @ Affine.scale(factor_x, factor_y),
            # a remainder below a thousandth of a pixel is rounding, not ground
            max(1, math.ceil(self.height / factor_y - 1e-3)),
            max(1, math.ceil(self.width / factor_x - 1e-3)),
        )

    def part(self, window: Window) -> Grid:
        """Return the grid of a window, which may reach beyond this grid."""
        return Grid(
            self.crs,
            self.transform @ Affine.translation(window.col, window.row),
            window.height,
            window.width,
        )

    def bounds(self) -> tuple[float, float, float, float]:
        """Return (left, bottom, right, top) in map coordinates, also for a rotated grid."""
        cols, rows = np.array([0.0, self.width] * 2), np.array([0.0, 0.0, 1.0, 1.0]) * self.height
        x, y = applied(self.transform, cols, rows)
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())
