"""Slant range of an image position, and the pixel of a slant range."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.interpolate import RectBivariateSpline, RegularGridInterpolator

from .annotation import Annotation, Floats, GeolocationGrid, RangeConversion

_COLUMN_STEP_PX = 16
"""Columns of the table: the range's curvature within a step is below 0.1 m at 40 m pixels."""

_NEWTON_STEPS = 8


class SlantRange:
    """Slant range over line and pixel, tabulated.

    The processor projects each part of the image to ground range with the terrain height of that
    part, which changes from second to second; between the geolocation grid's lines (some 20 km)
    a pixel's slant range therefore does not run smoothly. The annotation's polynomials give its
    course, interpolated linearly between their records; what remains to the grid's nodes is
    interpolated bilinearly, so that the nodes are honoured. Without polynomials the nodes alone
    give the course, with a spline across the track.

    Args:
        grid: The nodes to honour.
    """

    def __init__(self, annotation: Annotation, grid: GeolocationGrid) -> None:
        self._line = _knots(grid, annotation.conversion)
        low = min(grid.pixel[0], 0.0)
        high = max(grid.pixel[-1], annotation.samples - 1.0)
        columns = int(np.ceil((high - low) / _COLUMN_STEP_PX)) + 1
        self._pixel0 = low
        self._step = (high - low) / (columns - 1)
        pixel = low + self._step * np.arange(columns)

        spacing_m = annotation.range_spacing_m
        if annotation.conversion is None:
            order = min(3, grid.pixel.size - 1)
            spline = RectBivariateSpline(grid.line, grid.pixel, grid.slant_range_m, kx=1, ky=order)
            self.table_m = spline(self._line, pixel)  # (knots, columns)
            return
        at_nodes = _polynomials(annotation.conversion, grid.line, grid.pixel * spacing_m)
        rest = RegularGridInterpolator(
            (grid.line, grid.pixel),
            grid.slant_range_m - at_nodes,
            bounds_error=False,
            fill_value=None,
        )
        rows, cols = np.meshgrid(self._line, pixel, indexing="ij")
        self.table_m = _polynomials(annotation.conversion, self._line, pixel * spacing_m)
        self.table_m = self.table_m + rest(np.stack([rows, cols], -1))

    def at(self, line: Floats, pixel: Floats) -> Floats:
        """Return the slant range in m of image positions, arrays of the same shape."""
        return self._look_up(line, pixel)[0]

    def pixel(self, line: Floats, slant_range_m: Floats) -> Floats:
        """Return the pixel with a slant range on a line; the inverse of `at`."""
        row, weight = self._row(line)
        near = self.table_m[row, 0] * (1 - weight) + self.table_m[row + 1, 0] * weight
        far = self.table_m[row, -1] * (1 - weight) + self.table_m[row + 1, -1] * weight
        columns = self.table_m.shape[1] - 1
        share = np.clip((slant_range_m - near) / (far - near), -0.5, 1.5)
        pixel = self._pixel0 + self._step * columns * share
        for _ in range(_NEWTON_STEPS):
            value, slope = self._look_up(line, pixel)
            pixel = pixel + (slant_range_m - value) / slope
        result: Floats = pixel
        return result

    def _row(self, line: Floats) -> tuple[np.ndarray, Floats]:
        row = np.clip(np.searchsorted(self._line, line, side="right") - 1, 0, self._line.size - 2)
        weight = (line - self._line[row]) / (self._line[row + 1] - self._line[row])
        # beyond the first and last record the last known course is kept
        return row, np.clip(weight, 0.0, 1.0)

    def _look_up(self, line: Floats, pixel: Floats) -> tuple[Floats, Floats]:
        """Return slant range and its change per pixel; linear beyond the table's columns."""
        row, weight = self._row(line)
        position = (pixel - self._pixel0) / self._step
        column = np.clip(position.astype(np.intp), 0, self.table_m.shape[1] - 2)
        table = self.table_m
        left = table[row, column] * (1 - weight) + table[row + 1, column] * weight
        right = table[row, column + 1] * (1 - weight) + table[row + 1, column + 1] * weight
        return left + (right - left) * (position - column), (right - left) / self._step


def _knots(grid: GeolocationGrid, conversion: RangeConversion | None) -> Floats:
    """Return the lines between which slant range is linear: those of nodes and records."""
    if conversion is None:
        return grid.line
    inside = (conversion.line > grid.line[0]) & (conversion.line < grid.line[-1])
    return np.unique(np.concatenate([grid.line, conversion.line[inside]]))


def _polynomials(conversion: RangeConversion, line: Floats, ground_m: Floats) -> Floats:
    """Return the polynomials' slant range in m, (lines, pixels)."""
    argument = ground_m[None, :] - conversion.origin_m[:, None]  # (records, pixels)
    values = polyval(argument, conversion.coefficients.T[..., None], tensor=False)
    if conversion.line.size == 1:
        return np.repeat(values, line.size, axis=0)
    upper = np.clip(np.searchsorted(conversion.line, line), 1, conversion.line.size - 1)
    span = conversion.line[upper] - conversion.line[upper - 1]
    weight = np.clip((line - conversion.line[upper - 1]) / span, 0.0, 1.0)[:, None]
    mixed: Floats = values[upper - 1] * (1 - weight) + values[upper] * weight
    return mixed
