"""Random numbers on an unbounded lattice: any window of it, always with the same values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...raster.grid import Window

Field = NDArray[np.float32]

_CELL = 128
"""Side of the squares that have a generator each."""

_ORIGIN = 1 << 30
"""Added to a square's row and column, which may be negative; seeds may not."""


def white(seed: int, stream: int, window: Window) -> Field:
    """Return standard normal white noise on a window of an unbounded lattice.

    A value depends on its row and column, which may be negative, the seed and the stream alone, so
    that windows agree where they overlap.
    """
    return _assemble(seed, stream, window, uniform=False)


def uniform(seed: int, stream: int, window: Window) -> Field:
    """Return white noise as `white` does, uniform in 0-1."""
    return _assemble(seed, stream, window, uniform=True)


def _assemble(seed: int, stream: int, window: Window, *, uniform: bool) -> Field:
    out = np.empty((window.height, window.width), np.float32)
    for row in range(window.row // _CELL, -(-window.stop_row // _CELL)):
        top = row * _CELL
        rows = slice(max(top, window.row), min(top + _CELL, window.stop_row))
        for col in range(window.col // _CELL, -(-window.stop_col // _CELL)):
            left = col * _CELL
            cols = slice(max(left, window.col), min(left + _CELL, window.stop_col))
            entropy = (seed, stream, row + _ORIGIN, col + _ORIGIN)
            generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
            # the square's rows above the window must be drawn, those below need not
            shape = (rows.stop - top, _CELL)
            draw = generator.random if uniform else generator.standard_normal
            values = draw(shape, dtype=np.float32)
            out[
                rows.start - window.row : rows.stop - window.row,
                cols.start - window.col : cols.stop - window.col,
            ] = values[rows.start - top :, cols.start - left : cols.stop - left]
    return out


def octaves(seed: int, stream: int, window: Window, deviations: tuple[float, ...]) -> Field:
    """Return a random field with a chosen standard deviation per octave of scale.

    White noise on lattices of 1, 2, 4, ... px is summed, each interpolated by the cubic B-spline
    (by subdivision: Lane and Riesenfeld 1980), whose support is local, so that windows agree where
    they overlap.

    Args:
        seed: The scene's seed.
        stream: Which of the scene's independent fields; a multiple of 32 apart from others'.
        window: Rows and columns of the finest lattice.
        deviations: Standard deviation of each octave's contribution, the finest (1 px) first; 0
            leaves an octave out.

    Returns:
        (H, W) field with mean 0; its variance is the sum of the squared deviations.
    """
    return _octave(seed, stream, window, deviations, 0)


def _octave(
    seed: int, stream: int, window: Window, deviations: tuple[float, ...], level: int
) -> Field:
    if level + 1 < len(deviations):
        row, col = window.row // 2 - 1, window.col // 2 - 1
        coarse = Window(
            row, col, (window.stop_row + 1) // 2 + 2 - row, (window.stop_col + 1) // 2 + 2 - col
        )
        values = _octave(seed, stream, coarse, deviations, level + 1)
        out = _doubled(values, window.row - 2 * row, window.height)
        out = _doubled(out.T, window.col - 2 * col, window.width).T
    else:
        out = np.zeros((window.height, window.width), np.float32)
    if deviations[level]:
        noise = white(seed, stream + level, window)
        noise *= np.float32(deviations[level] / _SHRINK[min(level, len(_SHRINK) - 1)])
        out = out + noise
    return out


def _doubled(values: Field, start: int, count: int) -> Field:
    """Return the B-spline subdivision of rows, `count` of the doubled rows from `start` on.

    Row 2i of the doubled lies on row i; `start` is at least 2.
    """
    out = np.empty((2 * values.shape[0], values.shape[1]), np.float32)
    inner = values[1:-1]
    out[2:-2:2] = (values[:-2] + values[2:]) * np.float32(0.125) + inner * np.float32(0.75)
    out[1:-1:2] = (values[:-1] + values[1:]) * np.float32(0.5)
    return out[start : start + count]


def _shrinkage() -> tuple[float, ...]:
    """Return by how much interpolation over 0, 1, 2, ... octaves lowers the deviation."""
    impulse, factors = np.zeros((33, 1), np.float32), []
    impulse[16] = 1.0
    for level in range(8):
        # mean over positions of the sum of squared weights, for rows and columns
        factors.append(float((impulse**2).sum() / 2**level))
        impulse = _doubled(impulse, 0, 2 * len(impulse))
        impulse[[0, -2, -1]] = 0.0  # `_doubled` leaves them unset
    return tuple(factors)


_SHRINK = _shrinkage()
