"""True areas of pixels, on the WGS84 ellipsoid, in any CRS."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from ..raster.grid import Grid, Window

_NODE_DISTANCE_M = 20_000.0
"""Areas are computed this far apart and interpolated between."""

_Floats = NDArray[np.float64]


class PixelAreas:
    """The areas of a grid's pixels.

    A pixel's corners are transformed to an equal-area projection, where the area of their
    quadrangle is the true one but for the bend of its sides. Small pixels are interpolated
    between some 20 km apart: their areas change slowly.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        size = min(grid.nominal_pixel_size_m)
        self._step = max(1, int(_NODE_DISTANCE_M / size)) if size > 0 else 1

    @cached_property
    def _transformer(self) -> Transformer:
        crs = CRS.from_wkt(self._grid.crs.to_wkt())
        if crs.is_geographic:
            # meridians and parallels stay straight; longitudes beyond 180 stay in order
            equal_area = CRS.from_proj4("+proj=cea +datum=WGS84 +over")
        else:
            to_lon_lat = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True)
            t = self._grid.transform
            centre = t @ (self._grid.width / 2, self._grid.height / 2)
            lon, lat = to_lon_lat.transform(*centre)
            equal_area = CRS.from_proj4(
                f"+proj=laea +lat_0={lat:.12f} +lon_0={lon:.12f} +datum=WGS84"
            )
        return Transformer.from_crs(crs, equal_area, always_xy=True)

    def km2(self, window: Window) -> _Floats:
        """Return the areas of a window's pixels, (height, width) in km2; 0 where there is none."""
        rows, cols = (
            np.unique(np.append(np.arange(start, stop, self._step), stop - 1))
            for start, stop in ((window.row, window.stop_row), (window.col, window.stop_col))
        )
        nodes = self._exact(rows, cols)  # (m, n)
        if rows.size == window.height and cols.size == window.width:
            return nodes
        down = np.stack(
            [np.interp(np.arange(window.row, window.stop_row), rows, line) for line in nodes.T]
        ).T  # (height, n)
        wanted = np.arange(window.col, window.stop_col)
        right = np.clip(np.searchsorted(cols, wanted, side="right"), 1, max(cols.size - 1, 1))
        if cols.size == 1:
            return np.repeat(down, window.width, axis=1)
        share = (wanted - cols[right - 1]) / (cols[right] - cols[right - 1])
        areas: _Floats = down[:, right - 1] * (1 - share) + down[:, right] * share
        return areas

    def _exact(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> _Floats:
        t = self._grid.transform
        corners = []
        for down, right in ((0, 0), (0, 1), (1, 1), (1, 0)):
            row, col = (rows + down)[:, None], (cols + right)[None, :]
            x, y = t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f
            corners.append(self._transformer.transform(x, y))
        area = np.zeros((rows.size, cols.size))
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            area += x0 * y1 - x1 * y0
        area = np.abs(area) / 2e6
        return np.where(np.isfinite(area), area, 0.0)
