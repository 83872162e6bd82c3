"""How a large grid is cut: into overlapping tiles for a network, a tile into strips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..rounding import rounded_up
from .grid import Window

_STRIP_VALUES = 2**16
"""Of float32 256 KiB, of which a few copies fit a processor's second cache."""

_CROP_STEP_PX = 64
"""Parts of half-empty tiles are cropped to multiples of this, so that few sizes occur."""

_WORTHWHILE = 0.9
"""A tile is computed in parts if these together have less than this share of its pixels."""


@dataclass(frozen=True)
class Tile:
    """One part of a grid.

    Attributes:
        core: The part that is written; the cores of all tiles cover every pixel exactly once.
        padded: The part that the network sees: the core and at least its overlap. It reaches beyond
            the grid only at the lower and right edge, by less than the network's multiple.
    """

    core: Window
    padded: Window

    @property
    def inner(self) -> Window:
        """The core's place within the padded part."""
        return self.core.moved(-self.padded.row, -self.padded.col)


@dataclass(frozen=True)
class Tiling:
    """How a grid is cut into overlapping tiles.

    Every core and padded part starts and ends at a multiple of `multiple` of the grid, so that a
    network that pools `multiple`-fold sees the same cells in every tile as in the whole grid. At
    the grid's edges the overlap ends where the grid, rounded up to `multiple`, ends: the network's
    own padding then acts as it does on the whole grid.

    Attributes:
        most: Height and width that a padded part may have, px; more where an overlap on both sides
            would leave no core.
        overlap: Margin around a core, px.
        multiple: What the network's input must be a multiple of, px.
    """

    most: tuple[int, int]
    overlap: int
    multiple: int

    @classmethod
    def of_cores(cls, size: int, overlap: int, multiple: int) -> Tiling:
        """Return the tiling whose cores have a side of about `size` px."""
        side = size + 2 * rounded_up(overlap, multiple)
        return cls((side, side), overlap, multiple)

    def tiles(self, shape: tuple[int, int]) -> Iterator[Tile]:
        """Yield the tiles of a grid, row by row; the padded parts of all have the same size."""
        rows, cols = (
            list(self._spans(length, longest))
            for length, longest in zip(shape, self.most, strict=True)
        )
        for core_rows, padded_rows in rows:
            for core_cols, padded_cols in cols:
                yield Tile(_window(core_rows, core_cols), _window(padded_rows, padded_cols))

    def around(self, core: Window, shape: tuple[int, int]) -> Tile:
        """Return the tile of any core within a grid."""
        height, width = (rounded_up(length, self.multiple) for length in shape)
        return Tile(core, _aligned(core, self.overlap, self.multiple).clipped(height, width))

    def quarters(self, tile: Tile) -> list[Tile]:
        """Return a tile as up to four smaller ones."""
        padded = tile.padded
        shape = padded.height, padded.width
        height, width = (padded_length(n, 2, self.overlap, self.multiple) for n in shape)
        found = []
        for part in replace(self, most=(height, width)).tiles(shape):
            core = part.core.moved(padded.row, padded.col).intersection(tile.core)
            if core.height and core.width:
                found.append(Tile(core, part.padded.moved(padded.row, padded.col)))
        return found

    def with_data(self, tile: Tile, valid: NDArray[np.bool_]) -> list[Tile]:
        """Return the tiles to compute in place of one: what of its quarters holds data.

        Args:
            tile: The tile, within `valid`.
            valid: Where there is data, (h, w).

        Returns:
            The tile itself where parts of it would save little; none where it holds no data.
        """
        if valid.all():
            return [tile]
        cropped = [part for quarter in self.quarters(tile) if (part := self._crop(quarter, valid))]
        pixels = sum(part.padded.height * part.padded.width for part in cropped)
        return cropped if pixels < _WORTHWHILE * valid.size else [tile]

    def _crop(self, tile: Tile, valid: NDArray[np.bool_]) -> Tile | None:
        """Return the part of a tile that holds data, aligned; None where it holds none."""
        core = tile.core
        known = valid[core.slices]
        rows, cols = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
        if rows.size == 0:
            return None
        found = _window(
            (core.row + int(rows[0]), core.row + int(rows[-1]) + 1),
            (core.col + int(cols[0]), core.col + int(cols[-1]) + 1),
        )
        box = _aligned(found, 0, self.multiple).intersection(core)
        step = max(self.multiple, _CROP_STEP_PX // self.multiple * self.multiple)
        return Tile(box, _aligned(box, self.overlap, step).intersection(tile.padded))

    def _spans(self, length: int, most: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        """Yield start and stop of the cores and of the padded parts along one axis."""
        overlap, multiple = self.overlap, self.multiple
        end, margin = rounded_up(length, multiple), rounded_up(overlap, multiple)
        count = tile_count(length, most, overlap, multiple)
        padded = padded_length(length, count, overlap, multiple)
        starts = [min(n * (padded - 2 * margin), end - padded) for n in range(count)]
        cuts = [0, *(start + margin for start in starts[1:]), length]
        for start, core_start, core_stop in zip(starts, cuts, cuts[1:], strict=False):
            yield (core_start, core_stop), (start, start + padded)


def padded_length(length: int, count: int, overlap: int, multiple: int) -> int:
    """Return how long `count` padded parts of the same length are that cover a grid's axis, px.

    Args:
        length: Of the axis, px.
        count: Number of tiles.
        overlap: Margin around a core, px.
        multiple: What the network's input must be a multiple of, px.
    """
    margin = rounded_up(overlap, multiple)
    total = rounded_up(length, multiple) + 2 * margin * (count - 1)
    return rounded_up(-(-total // count), multiple)


def tile_count(length: int, most: int, overlap: int, multiple: int) -> int:
    """Return how few tiles cover an axis with padded parts of `most` px (see `Tiling`)."""
    end, margin = rounded_up(length, multiple), rounded_up(overlap, multiple)
    core = max(most // multiple * multiple - 2 * margin, multiple)
    return max(1, -(-(end - 2 * margin) // core))


def _aligned(window: Window, overlap: int, multiple: int) -> Window:
    """Return a window with an overlap, grown to multiples."""
    row, col = ((n - overlap) // multiple * multiple for n in (window.row, window.col))
    stop_row, stop_col = (
        rounded_up(n + overlap, multiple) for n in (window.stop_row, window.stop_col)
    )
    return _window((row, stop_row), (col, stop_col))


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
