"""How a large grid is cut: into overlapping tiles for a network, a tile into strips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..rounding import rounded_up
from .grid import Window

_STRIP_VALUES = 2**16
"""Of float32 256 KiB, of which a few copies fit a processor's second cache."""


@dataclass(frozen=True)
class Tile:
    """One part of a grid.

    Attributes:
        core: The part that is written; the cores of all tiles cover every pixel exactly once.
        padded: The part that the network sees: the core and at least its halo. It reaches beyond
            the grid only at the lower and right edge, by less than `multiple`.
    """

    core: Window
    padded: Window

    @property
    def inner(self) -> Window:
        """The core's place within the padded part."""
        return self.core.moved(-self.padded.row, -self.padded.col)


def tiles(
    shape: tuple[int, int], most: tuple[int, int], halo: int, multiple: int
) -> Iterator[Tile]:
    """Yield the tiles of a grid, row by row; the padded parts of all have the same size.

    Every core and padded part starts and ends at a multiple of `multiple` of the grid, so that a
    network that pools `multiple`-fold sees the same cells in every tile as in the whole grid. At
    the grid's edges the halo ends where the grid, rounded up to `multiple`, ends: the network's own
    padding then acts as it does on the whole grid.

    Args:
        shape: Height and width of the grid.
        most: Height and width that a padded part may have, px; more where a halo on both sides
            would leave no core.
        halo: Margin around a core in px.
        multiple: What the network's input must be a multiple of, px.
    """
    rows, cols = (
        list(_spans(length, longest, halo, multiple))
        for length, longest in zip(shape, most, strict=True)
    )
    for core_rows, padded_rows in rows:
        for core_cols, padded_cols in cols:
            yield Tile(_window(core_rows, core_cols), _window(padded_rows, padded_cols))


def quarters(tile: Tile, halo: int, multiple: int) -> list[Tile]:
    """Return a tile as up to four smaller ones, which overlap by their halos.

    Args:
        tile: The tile.
        halo: Margin around a core in px.
        multiple: What the network's input must be a multiple of, px.
    """
    padded = tile.padded
    height, width = (padded_length(n, 2, halo, multiple) for n in (padded.height, padded.width))
    found = []
    for part in tiles((padded.height, padded.width), (height, width), halo, multiple):
        core = part.core.moved(padded.row, padded.col).intersection(tile.core)
        if core.height and core.width:
            found.append(Tile(core, part.padded.moved(padded.row, padded.col)))
    return found


def padded_length(length: int, count: int, halo: int, multiple: int) -> int:
    """Return how long `count` padded parts of the same length are that cover a grid's axis, px.

    Args:
        length: Of the axis, px.
        count: Number of tiles.
        halo: Margin around a core in px.
        multiple: What the network's input must be a multiple of, px.
    """
    margin = rounded_up(halo, multiple)
    total = rounded_up(length, multiple) + 2 * margin * (count - 1)
    return rounded_up(-(-total // count), multiple)


def tile_count(length: int, most: int, halo: int, multiple: int) -> int:
    """Return how few tiles cover an axis with padded parts of `most` px (see `tiles`)."""
    end, margin = rounded_up(length, multiple), rounded_up(halo, multiple)
    core = max(most // multiple * multiple - 2 * margin, multiple)
    return max(1, -(-(end - 2 * margin) // core))


def _spans(
    length: int, most: int, halo: int, multiple: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield start and stop of the cores and of the padded parts along one axis."""
    end, margin = rounded_up(length, multiple), rounded_up(halo, multiple)
    count = tile_count(length, most, halo, multiple)
    padded = padded_length(length, count, halo, multiple)
    starts = [min(n * (padded - 2 * margin), end - padded) for n in range(count)]
    cuts = [0, *(start + margin for start in starts[1:]), length]
    for start, core_start, core_stop in zip(starts, cuts, cuts[1:], strict=False):
        yield (core_start, core_stop), (start, start + padded)


def _window(rows: tuple[int, int], cols: tuple[int, int]) -> Window:
    return Window(rows[0], cols[0], rows[1] - rows[0], cols[1] - cols[0])


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return slices of the first axis that cover an array of a shape, each small enough to cache.

    Arithmetic with several intermediate results is done strip by strip, which keeps these out of
    the memory. A strip is one row at least.
    """
    step = max(1, _STRIP_VALUES // max(1, math.prod(shape[1:])))
    for row in range(0, shape[0], step):
        yield slice(row, row + step)
