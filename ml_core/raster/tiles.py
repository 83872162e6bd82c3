"""How a large grid is cut: into overlapping tiles for a network, a tile into strips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .grid import Window

_STRIP_VALUES = 2**16
"""Of float32 256 KiB, of which a few copies fit a processor's second cache."""


@dataclass(frozen=True)
class Tile:
    """One part of a grid.

    Attributes:
        core: The part that is written; the cores of all tiles cover every pixel exactly once.
        padded: The part that the network sees: the core, its halo, and what alignment adds. It
            reaches beyond the grid only at the lower and right edge, by less than `multiple`.
    """

    core: Window
    padded: Window

    @property
    def inner(self) -> Window:
        """The core's place within the padded part."""
        return Window(
            self.core.row - self.padded.row,
            self.core.col - self.padded.col,
            self.core.height,
            self.core.width,
        )


def tiles(height: int, width: int, size: int, halo: int, multiple: int) -> Iterator[Tile]:
    """Yield the tiles of a (height, width) grid, row by row.

    Every padded part starts and ends at a multiple of `multiple` of the grid, so that a network
    that pools `multiple`-fold sees the same cells in every tile as in the whole grid. At the
    grid's edges the halo ends where the grid, rounded up to `multiple`, ends: the network's own
    padding then acts as it does on the whole grid.

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        size: Side of a core in px; the last ones are smaller.
        halo: Margin around a core in px.
        multiple: What the network's input must be a multiple of, px.
    """
    rows = list(spans(height, size, halo, multiple))
    cols = list(spans(width, size, halo, multiple))
    for row, stop_row, padded_row, padded_stop_row in rows:
        for col, stop_col, padded_col, padded_stop_col in cols:
            yield Tile(
                Window(row, col, stop_row - row, stop_col - col),
                Window(
                    padded_row,
                    padded_col,
                    padded_stop_row - padded_row,
                    padded_stop_col - padded_col,
                ),
            )


def spans(length: int, size: int, halo: int, multiple: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, stop, padded start, padded stop) of the tiles along one axis."""
    end = -(-length // multiple) * multiple
    for start in range(0, length, size):
        stop = min(start + size, length)
        padded_start = max(start - halo, 0) // multiple * multiple
        padded_stop = min(-(-(stop + halo) // multiple) * multiple, end)
        yield start, stop, padded_start, padded_stop


def strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Return slices of the first axis that cover an array of a shape, each small enough to cache.

    Arithmetic with several intermediate results is done strip by strip, which keeps these out of
    the memory. A strip is one row at least.
    """
    step = max(1, _STRIP_VALUES // max(1, math.prod(shape[1:])))
    for row in range(0, shape[0], step):
        yield slice(row, row + step)
