"""Pixel maps: where the pixels of one grid lie on another, in any two CRSs."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from pyproj import Transformer

from .grid import Grid, Positions, Window, applied

_CELL = 16
"""Pixels between the nodes at which coordinates are transformed; between them, interpolation."""

_TOLERANCE_PX = 0.01
"""Where interpolation errs by more than this, in source pixels, every pixel is transformed."""


class PixelMap:
    """Where the pixels of a target grid lie on a source grid.

    Coordinates are transformed at the nodes of a lattice that is fixed to the target grid, and
    interpolated between them where that is good to a hundredth of a source pixel. What a pixel
    gets therefore depends on its place alone, not on the window that it is asked with.

    Args:
        target: The grid that is filled.
        source: The grid that is read.
    """

    def __init__(self, target: Grid, source: Grid) -> None:
        self._target = target
        self._source = source
        self._to_pixel = ~source.transform
        self._same_crs = target.crs == source.crs

    @cached_property
    def _transformer(self) -> Transformer:
        crss = self._target.crs.to_wkt(), self._source.crs.to_wkt()
        return Transformer.from_crs(*crss, always_xy=True)

    @cached_property
    def step_px(self) -> float:
        """How many source pixels lie between neighbours in the target's middle; 1 if unknown."""
        row, col = self._target.height / 2, self._target.width / 2
        rows, cols = self._exact(np.array([row, row + 1, row]), np.array([col, col, col + 1]))
        largest = max(float(np.max(np.abs(at[1:] - at[0]))) for at in (rows, cols))
        return largest if np.isfinite(largest) else 1.0

    def source_pixels(self, window: Window) -> tuple[Positions, Positions]:
        """Return where the centres of a window's target pixels lie on the source.

        Args:
            window: Pixels of the target; it may reach beyond it.

        Returns:
            Source rows and columns (window.height, window.width), the first pixel spanning 0 to
            1; NaN where the target has no counterpart.
        """
        if self._same_crs:
            rows = np.arange(window.row, window.stop_row) + 0.5
            cols = np.arange(window.col, window.stop_col) + 0.5
            return self._exact(rows[:, None], cols[None, :])
        return self._interpolated(window)

    def source_window(self, window: Window, margin: int) -> Window:
        """Return the source pixels that a window's target pixels, corners included, may need.

        Args:
            window: Pixels of the target.
            margin: Source pixels added on all sides.

        Returns:
            Pixels inside the source; empty where there are none.
        """
        n = 17
        rows = np.linspace(window.row, window.stop_row, n)
        cols = np.linspace(window.col, window.stop_col, n)
        row, col = self._exact(rows[:, None], cols[None, :])  # (n, n)
        finite = np.isfinite(row) & np.isfinite(col)
        if not finite.any():
            return Window(0, 0, 0, 0)
        if not finite.all():
            # the horizon of a projection lies within: no bounds to trust
            return self._source.window
        (first_row, stop_row), (first_col, stop_col) = (_bounds(at, margin) for at in (row, col))
        needed = Window(first_row, first_col, stop_row - first_row, stop_col - first_col)
        return needed.intersection(self._source.window)

    def _exact(self, row: Positions, col: Positions) -> tuple[Positions, Positions]:
        """Return source (rows, columns) of target positions, which broadcast."""
        x, y = applied(self._target.transform, col, row)
        if not self._same_crs:
            x, y = self._transformer.transform(x, y)
            finite = np.isfinite(x) & np.isfinite(y)
            x, y = np.where(finite, x, np.nan), np.where(finite, y, np.nan)
        col, row = applied(self._to_pixel, x, y)
        return row, col

    def _interpolated(self, window: Window) -> tuple[Positions, Positions]:
        # cells of the lattice that hold the window
        first_row, first_col = window.row // _CELL, window.col // _CELL
        stop_row, stop_col = -(-window.stop_row // _CELL), -(-window.stop_col // _CELL)
        rows = np.arange(first_row, stop_row + 1) * float(_CELL)
        cols = np.arange(first_col, stop_col + 1) * float(_CELL)
        nodes = self._exact(rows[:, None], cols[None, :])  # (m + 1, n + 1) each
        middles = self._exact(rows[:-1, None] + _CELL / 2, cols[None, :-1] + _CELL / 2)  # (m, n)
        good = [
            np.abs(_between(at, np.array([0.5])) - exact) <= _TOLERANCE_PX  # False for NaN
            for at, exact in zip(nodes, middles, strict=True)
        ]
        inside = np.arange(_CELL) + 0.5
        row, col = (_between(at, inside / _CELL) for at in nodes)  # (m * _CELL, n * _CELL)
        for m, n in np.argwhere(~np.logical_and(*good)):
            at = np.s_[m * _CELL : (m + 1) * _CELL, n * _CELL : (n + 1) * _CELL]
            row[at], col[at] = self._exact((rows[m] + inside)[:, None], (cols[n] + inside)[None, :])
        top, left = window.row - first_row * _CELL, window.col - first_col * _CELL
        part = np.s_[top : top + window.height, left : left + window.width]
        return row[part], col[part]


def _between(nodes: Positions, shares: Positions) -> Positions:
    """Interpolate from nodes (m + 1, n + 1) to k shares of each cell's sides, (m * k, n * k)."""
    upper, lower = nodes[:-1, None, :], nodes[1:, None, :]
    lines = (upper + (lower - upper) * shares[:, None]).reshape(-1, nodes.shape[1])
    left, right = lines[:, :-1, None], lines[:, 1:, None]  # (m * k, n, 1)
    filled: Positions = (left + (right - left) * shares).reshape(lines.shape[0], -1)
    return filled


def _bounds(positions: Positions, margin: int) -> tuple[int, int]:
    """Return the first pixel that positions on a lattice, and all between them, may need, and stop.

    Between them a map bends by at most an eighth of the second difference; the whole of it is a
    margin that also holds near a pole.
    """
    bends = (np.abs(np.diff(positions, n=2, axis=axis)).max(initial=0.0) for axis in (0, 1))
    reach = max(bends) + margin
    return math.floor(positions.min() - reach), math.ceil(positions.max() + reach)
