"""The search for validation blocks: many random sets, the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..raster.grid import Window
from .cells import BINS, CellCounts

LEAST_TRAINING: Final = 0.2
"""A split keeps at least this share of the reference for training."""

_LEAST_VALIDATION, _MOST_VALIDATION = 0.5, 1.6
"""A split validates between these multiples of the share asked."""

_DRAWS: Final = 150
"""Random sets for each number of blocks."""

_MOST_BLOCKS: Final = 12
_MOST_PLACES: Final = 1000
"""The spread of the blocks is measured from so many places."""


@dataclass(frozen=True)
class Draw:
    """A set of validation blocks.

    Attributes:
        blocks: The blocks, in cells.
        cost: What the search makes small.
        training: Share of the reference that is left for training.
    """

    blocks: tuple[Window, ...]
    cost: float
    training: float


@dataclass(frozen=True)
class _Search:
    """What every set of blocks is measured by.

    Attributes:
        shape: CellCounts (h, w).
        histogram: Reference pixels by cell and SIC bin (h w, bins).
        total: Reference pixels.
        fraction: Share of them to validate.
        scene: Share of each SIC bin (bins,).
        places: Rows and columns of cells that have a reference (2, n).
    """

    shape: tuple[int, int]
    histogram: NDArray[np.float64]
    total: int
    fraction: float
    scene: NDArray[np.float64]
    places: NDArray[np.float64]


def best_blocks(
    cells: CellCounts, buffer: int, length_px: float, fraction: float, rng: np.random.Generator
) -> Draw | None:
    """Return the best of many random sets of square blocks; None where none leaves enough.

    The best one comes closest to the fraction asked, its validation and training parts have the
    scene's distribution of SIC, its blocks are spread over the scene, and little is lost to the
    buffer.

    Args:
        buffer: Width of the buffer around each block, in cells.
        length_px: Least side of a block.
        fraction: Share of the reference to validate, above 0.
        rng: Draws the sets.
    """
    total = int(cells.count.sum())
    if not total:
        return None
    height, width = cells.count.shape
    histogram = cells.histogram.reshape(-1, BINS).astype(np.float64)
    places = np.stack(np.nonzero(cells.count)) + 0.5
    thinned = places[:, :: max(1, places.shape[1] // _MOST_PLACES)].astype(np.float64)
    search = _Search((height, width), histogram, total, fraction, histogram.sum(0) / total, thinned)
    smallest = max(1, math.ceil(length_px / cells.size_px))
    # reference pixels in a cell that has any
    density = total / places.shape[1]
    best: Draw | None = None
    for number in range(2, _MOST_BLOCKS + 1):
        side = max(smallest, round(math.sqrt(fraction * total / density / number)))
        if side > min(height, width):
            continue
        for _ in range(_DRAWS):
            blocks = _place(height, width, side, number, rng)
            if blocks is None:
                continue
            draw = _scored(search, blocks, buffer, best.cost if best else math.inf)
            if draw is not None and (best is None or draw.cost < best.cost):
                best = draw
    return best


def _place(
    height: int, width: int, side: int, number: int, rng: np.random.Generator
) -> tuple[Window, ...] | None:
    """Return disjoint blocks at random places, or None where they did not fit.

    A place is drawn from a range that reaches beyond the scene and then clipped to it: blocks at
    the scene's edge lose less to the buffer.
    """
    rows = np.clip(rng.integers(-side, height, 4 * number), 0, height - side)
    cols = np.clip(rng.integers(-side, width, 4 * number), 0, width - side)
    blocks: list[Window] = []
    for row, col in zip(rows.tolist(), cols.tolist(), strict=True):
        apart = all(abs(row - b.row) >= side or abs(col - b.col) >= side for b in blocks)
        if apart:
            blocks.append(Window(row, col, side, side))
        if len(blocks) == number:
            return tuple(blocks)
    return None


def _scored(
    search: _Search, blocks: tuple[Window, ...], buffer: int, cost_to_beat: float
) -> Draw | None:
    """Return the set of blocks with its cost; None where a part is too small or it costs more."""
    validating = np.zeros(search.shape)
    kept = np.ones(search.shape)
    for block in blocks:
        validating[block.slices] = 1
        kept[block.grown(buffer).clipped(*search.shape).slices] = 0
    validation = validating.ravel() @ search.histogram  # (bins,)
    training = kept.ravel() @ search.histogram
    share, training_share = validation.sum() / search.total, training.sum() / search.total
    asked = _LEAST_VALIDATION <= share / search.fraction <= _MOST_VALIDATION
    if not asked or training_share < LEAST_TRAINING:
        return None
    cost = (
        abs(share - search.fraction) / search.fraction
        + _distance(validation, search.scene)
        + _distance(training, search.scene)
        + _missing(validation, search.scene)
        + 2 * (1 - training_share)
    )
    if cost >= cost_to_beat:
        return None
    cost += 3 * _remoteness(search.places, blocks)
    return Draw(blocks, float(cost), float(training_share))


def _distance(part: NDArray[np.float64], scene: NDArray[np.float64]) -> float:
    """Return half the sum of differences of two distributions, 0-1."""
    return float(np.abs(part / part.sum() - scene).sum() / 2)


def _missing(part: NDArray[np.float64], scene: NDArray[np.float64]) -> float:
    """Return the share of the SIC bins, among those with 2 % of the scene, that a part lacks."""
    present = scene >= 0.02
    return float((present & (part == 0)).sum() / max(1, present.sum()))


def _remoteness(places: NDArray[np.float64], blocks: Sequence[Window]) -> float:
    """Return the mean distance of places (2, n) to the next block's centre, in scene sizes."""
    centres = np.array([(b.row + b.height / 2, b.col + b.width / 2) for b in blocks])
    squared = np.square(places[:, :, None] - centres.T[:, None]).sum(0)  # (n, blocks)
    extent = np.prod(np.ptp(places, axis=1) + 1)
    return float(np.sqrt(squared.min(1)).mean() / np.sqrt(extent))
