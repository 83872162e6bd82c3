"""Cells: what pixels that come window by window sum up to over squares of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask


class CellSums:
    """Sums of several fields over square cells, and how many pixels each cell has of them.

    Args:
        shape_px: Height and width of the area; the last cells may overhang it.
        cell_px: Side of a cell.
        count: Number of fields, K.
        dtype: Of the sums.

    Attributes:
        cell_px: Side of a cell.
        sums: (K, h, w).
        counts: (h, w).
    """

    def __init__(
        self, shape_px: tuple[int, int], cell_px: int, count: int, dtype: DTypeLike = np.float32
    ) -> None:
        self.cell_px = cell_px
        height, width = (-(-side // cell_px) for side in shape_px)
        self.sums: NDArray[np.floating] = np.zeros((count, height, width), dtype)
        self.counts: Floats = np.zeros((height, width), np.float32)

    def add(self, window: Window, values: Floats, valid: Mask, step: int = 1) -> None:
        """Add a window of all fields; windows do not overlap.

        Args:
            window: Where it lies, inside the area.
            values: (K, h, w), of every `step`-th row and column from the window's first.
            valid: (h, w), likewise.
            step: Each value stands for a square of this side.
        """
        rows, cols = (
            np.arange(start, stop, step) // self.cell_px
            for start, stop in ((window.row, window.stop_row), (window.col, window.stop_col))
        )
        starts = [np.flatnonzero(np.diff(index, prepend=-1)) for index in (rows, cols)]
        place = np.ix_(rows[starts[0]], cols[starts[1]])
        for total, values_ in ((self.counts, valid), *zip(self.sums, values, strict=True)):
            counted = np.where(valid, values_, 0).astype(total.dtype)
            summed = np.add.reduceat(counted, starts[0], axis=0)
            total[place] += np.add.reduceat(summed, starts[1], axis=1) * total.dtype.type(step**2)
