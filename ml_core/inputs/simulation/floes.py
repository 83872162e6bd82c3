"""Floes: a plane filled with jittered cells of many sizes, each with its distance to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...raster.grid import Window
from .lattice import Field, uniform

_STRIP = 64
"""Rows computed at a time: their arrays stay in the processor's cache."""

_SPREAD = 0.45
"""How much nearer than it is, in cell sizes, the seed of the largest cell counts."""


@dataclass(frozen=True)
class FloeCells:
    """Cells around a window's pixels: which cell a pixel is in, and where the cells' seeds lie.

    Attributes:
        index: (H, W) index of the pixel's cell into the arrays below.
        margin_m: (H, W) distance to the nearest neighbouring cell's border, about, m.
        x_m: (N,) x of the cells' seeds in the scene's metres.
        y_m: (N,) y.
        row: First row of cells of the lattice.
        col: First column of cells.
        shape: Rows and columns of cells; N is their product.
    """

    index: NDArray[np.int32]
    margin_m: Field
    x_m: Field
    y_m: Field
    row: int
    col: int
    shape: tuple[int, int]

    def random(self, seed: int, stream: int) -> Field:
        """Return a number 0-1 for each cell, the same in every window that it is seen from."""
        return uniform(seed, stream, Window(self.row, self.col, *self.shape)).ravel()


def cells(seed: int, stream: int, spacing_m: float, x_m: Field, y_m: Field) -> FloeCells:
    """Return the cells of one jittered seed per square of a lattice.

    A pixel belongs to the seed whose distance less its weight is smallest (an additively weighted
    Voronoi diagram: borders are curved, and cells of many sizes lie side by side). The distance
    to the border is half the difference between the two smallest (Worley 1996).

    Args:
        seed: The scene's seed.
        stream: Which of the scene's lattices; takes this number and the next two.
        spacing_m: Mean size of a cell.
        x_m: (H, W) x of the pixels in the scene's metres; may be warped.
        y_m: (H, W) y.
    """
    scale = np.float32(1.0 / spacing_m)
    u, v = x_m * scale, y_m * scale
    col, row = int(np.floor(u.min())) - 1, int(np.floor(v.min())) - 1
    cols, rows = int(np.floor(u.max())) + 2 - col, int(np.floor(v.max())) + 2 - row
    u -= np.float32(col)
    v -= np.float32(row)
    lattice = Window(row, col, rows, cols)
    grid = np.indices((rows, cols), np.float32)
    seed_u = (grid[1] + uniform(seed, stream, lattice)).ravel()
    seed_v = (grid[0] + uniform(seed, stream + 1, lattice)).ravel()
    # few large and many small ones
    weight = (np.float32(_SPREAD) * uniform(seed, stream + 2, lattice) ** 2).ravel()
    index = np.empty(u.shape, np.int32)
    margin = np.empty(u.shape, np.float32)
    for start in range(0, len(u), _STRIP):
        strip = slice(start, start + _STRIP)
        _nearest(u[strip], v[strip], seed_u, seed_v, weight, cols, index[strip], margin[strip])
    margin *= np.float32(0.5 * spacing_m)
    return FloeCells(
        index,
        margin,
        (seed_u + np.float32(col)) * np.float32(spacing_m),
        (seed_v + np.float32(row)) * np.float32(spacing_m),
        row,
        col,
        (rows, cols),
    )


def _nearest(
    u: Field,
    v: Field,
    seed_u: Field,
    seed_v: Field,
    weight: Field,
    cols: int,
    index: NDArray[np.int32],
    margin: Field,
) -> None:
    """Write each pixel's nearest seed to `index`, distance to the second less first to `margin`."""
    home = v.astype(np.int32) * cols + u.astype(np.int32)
    first = np.full(u.shape, np.inf, np.float32)
    second = np.full(u.shape, np.inf, np.float32)
    for step in (0, -1, 1, -cols, cols, -cols - 1, -cols + 1, cols - 1, cols + 1):
        there = home + np.int32(step)
        dx = seed_u.take(there)
        dx -= u
        dx *= dx
        dy = seed_v.take(there)
        dy -= v
        dy *= dy
        dx += dy
        np.sqrt(dx, out=dx)
        dx -= weight.take(there)
        np.minimum(second, np.maximum(first, dx), out=second)
        np.copyto(index, there, where=dx < first)
        np.minimum(first, dx, out=first)
    np.subtract(second, first, out=margin)
