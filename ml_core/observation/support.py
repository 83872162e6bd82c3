"""Supports: the ground that an observation stands for, as weights, and maps observed through them.

A reference is a list of observations, each a value with a support: a passive-microwave SIC is the
mean of the ground under a Gaussian footprint. To compare a map with it, the map is observed: its
mean over each support is taken, and the share of the support that the map covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..raster.radiometry import Floats

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))

TRUNCATE = 3.5
"""Standard deviations after which a footprint ends. What lies beyond changes the means of a sharp
map of floes by 0.01 % SIC RMS; after 3.0 it would be 0.09 %."""

CELLS_PER_FOOTPRINT = 8
"""A footprint's weights are well kept on cells of this size."""

WIDER_THAN_CELL = 1.25
"""A footprint up to so many cells wide is the cell itself."""

_LEAST_CORRECTED = 1.6
"""Footprints from so many cells on are narrowed by the blur of the cells: the error on a sharp map
of floes falls from 0.32 to 0.17 % SIC at 4 cells, and would rise from 2.2 to 3.0 % at 1.4."""

LEAST_COVER = 0.5
"""Share of a support, by weight, that must be covered."""

_ROWS_AT_ONCE = 24
_PLACES_AT_ONCE = 2000


def cell_size_px(footprint_px: float) -> int:
    """Return the side of the cells that pixels are gathered on before footprints are weighed."""
    return max(1, int(footprint_px / CELLS_PER_FOOTPRINT))


def reach(footprint_px: float, cell_px: float = 1) -> int:
    """Return how many cells of a side a footprint reaches beyond the one that it is centred on."""
    return math.ceil(TRUNCATE * footprint_px / FWHM_PER_SIGMA / cell_px + 0.5)


def weights(
    centres: Sequence[float] | NDArray[Any], length: int, footprint_px: float, cell_px: float = 1
) -> Floats:
    """Return the weight of each cell along an axis in a Gaussian footprint.

    Args:
        centres: (n,) where footprints are centred, in cells; the first cell's centre is 0.
        length: Number of cells.
        footprint_px: Full width at half maximum in pixels.
        cell_px: Side of a cell in pixels.

    Returns:
        (n, length); a row sums to 1, less what lies beyond the first and last cell.
    """
    cells, local = _around(centres, footprint_px, cell_px)
    found = np.zeros((len(cells), length), np.float32)
    inside = (cells >= 0) & (cells < length)
    number = np.broadcast_to(np.arange(len(cells))[:, None], cells.shape)
    found[number[inside], cells[inside]] = local[inside]
    return found


def _around(
    centres: Sequence[float] | NDArray[Any], footprint_px: float, cell_px: float
) -> tuple[NDArray[np.int64], Floats]:
    """Return the cells around each centre (n, m), and their weights, which sum to 1 (n, m)."""
    place = np.asarray(centres, np.float64)[:, None]
    if footprint_px <= WIDER_THAN_CELL * cell_px:
        return np.rint(place).astype(np.int64), np.ones(place.shape, np.float32)
    sigma_px = footprint_px / FWHM_PER_SIGMA
    if footprint_px >= _LEAST_CORRECTED * cell_px:
        # a cell's mean has blurred its pixels already: by the variance of a box, less a pixel's
        sigma_px = math.sqrt(sigma_px**2 - (cell_px**2 - 1) / 12)
    sigma = sigma_px / cell_px
    most = reach(footprint_px, cell_px)
    around = np.floor(place) + np.arange(-most, most + 2)
    distance = around - place
    # of every cell that the truncated footprint touches
    touched = np.abs(distance) <= TRUNCATE * sigma + 0.5
    gaussian = np.exp(-0.5 * (distance / sigma) ** 2) * touched
    weighed = gaussian / gaussian.sum(axis=1, keepdims=True)
    return around.astype(np.int64), weighed.astype(np.float32)


@dataclass(frozen=True)
class Footprints:
    """Gaussian supports on a lattice of centres, on cells of a grid.

    Attributes:
        rows: (n, H) weights of the grid's rows.
        cols: (m, W) weights of its columns.
    """

    rows: Floats
    cols: Floats

    def sums(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return the weighted sums (..., n, m) of a field on the cells (..., H, W)."""
        down = _weighted(self.rows, field)
        return _weighted(self.cols, down.swapaxes(-1, -2)).swapaxes(-1, -2)


def _weighted(weights: Floats, field: NDArray[Any]) -> NDArray[Any]:
    """Return weights (n, H) times a field (..., H, W), without the most of what has no weight."""
    parts = []
    for start in range(0, len(weights), _ROWS_AT_ONCE):
        part = weights[start : start + _ROWS_AT_ONCE]
        used = np.flatnonzero(part.any(axis=0))
        inside = slice(used[0], used[-1] + 1) if used.size else slice(0, 1)
        # not by @: where other programs compute, BLAS's threads spin for each other (1.9 s of
        # processor time for 0.08 s of work, two threads on two busy cores)
        parts.append(np.einsum("ij,...jk->...ik", part[:, inside], field[..., inside, :]))
    return np.concatenate(parts, axis=-2)


@lru_cache(maxsize=8)
def around_cells(shape: tuple[int, int], footprint_px: float, cell_px: float = 1) -> Footprints:
    """Return the footprints around each cell of a grid (H, W); see `weights`."""
    rows, cols = (weights(np.arange(side), side, footprint_px, cell_px) for side in shape)
    return Footprints(rows, cols)


def observe(
    values: NDArray[Any], share: NDArray[Any], supports: Footprints
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a map as a reference sees it: means over supports, and how much it covers of each.

    Beyond the map's edge is nothing.

    Args:
        values: (..., H, W) on cells, each the mean of what is valid there; else anything.
        share: (H, W) how much of each cell is valid: 0-1, or a mask.
        supports: Where it is observed.

    Returns:
        Means (..., n, m), NaN where less than half of the support is covered, and the covered
        share of its weight (n, m).
    """
    part = np.asarray(share, np.float32) if share.dtype == bool else share
    cover = supports.sums(part)
    sums = supports.sums(np.where(part > 0, values, values.dtype.type(0)) * part)
    return np.where(cover >= LEAST_COVER, sums / np.maximum(cover, LEAST_COVER), np.nan), cover


def observe_at(
    values: NDArray[Any],
    share: NDArray[Any],
    rows: NDArray[Any],
    cols: NDArray[Any],
    footprint_px: float,
    cell_px: float = 1,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a map as a reference sees it at places that need not lie on a lattice.

    Args:
        values: (..., H, W) on cells, as in `observe`.
        share: (H, W) likewise.
        rows: (N,) where footprints are centred, in cells; the first cell's centre is 0.
        cols: (N,) likewise.
        footprint_px: Full width at half maximum in pixels.
        cell_px: Side of a cell in pixels.

    Returns:
        Means (..., N), NaN where less than half of the support is covered, and the covered share
        of its weight (N,).
    """
    part = np.asarray(share, np.float32)
    fields = np.concatenate(
        [(np.where(part > 0, values, 0) * part).reshape(-1, *part.shape), [part]]
    )
    found = np.empty((len(fields), len(rows)), np.float32)
    height, width = part.shape
    for start in range(0, len(rows), _PLACES_AT_ONCE):
        some = slice(start, start + _PLACES_AT_ONCE)
        row, down = _around(rows[some], footprint_px, cell_px)
        col, across = _around(cols[some], footprint_px, cell_px)
        # what lies beyond the map has no weight
        down = np.where((row >= 0) & (row < height), down, np.float32(0))
        across = np.where((col >= 0) & (col < width), across, np.float32(0))
        row, col = np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)
        for number, field in enumerate(fields):
            around = field[row[:, :, None], col[:, None, :]]  # (n, m, m)
            found[number, some] = np.einsum("ni,nij,nj->n", down, around, across, optimize=True)
    cover = found[-1]
    means = np.where(cover >= LEAST_COVER, found[:-1] / np.maximum(cover, LEAST_COVER), np.nan)
    return means.reshape(*values.shape[:-2], len(rows)), cover
