"""A reference counted by square cells, on which a split is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 10
"""SIC bins by which a part is compared with the scene."""

_CELLS_PER_SIDE: Final = 128
"""More cells on a side would only slow the search for blocks."""

CELLS_PER_LENGTH: Final = 4


@dataclass(frozen=True)
class CellCounts:
    """The reference summed over square cells, on which the split is drawn.

    Attributes:
        size_px: Side of a cell.
        count: Pixels with a reference value in each cell (h, w).
        histogram: The same per SIC bin (h, w, bins).
        shape_px: Height and width of the scene; the last cells may overhang.
    """

    size_px: int
    count: NDArray[np.int64]
    histogram: NDArray[np.int64]
    shape_px: tuple[int, int]

    @classmethod
    def empty(cls, shape_px: tuple[int, int], length_px: float) -> CellCounts:
        """Return cells without pixels, a quarter of a length or a 128th of the scene in size."""
        size = max(
            1,
            math.ceil(length_px / CELLS_PER_LENGTH),
            math.ceil(max(shape_px) / _CELLS_PER_SIDE),
        )
        height, width = (math.ceil(side / size) for side in shape_px)
        return cls(
            size,
            np.zeros((height, width), np.int64),
            np.zeros((height, width, BINS), np.int64),
            shape_px,
        )

    def add(self, row: int, col: int, sic_percent: NDArray[np.float32]) -> None:
        """Add the reference of a window that starts at (row, col); NaN is no value."""
        rows, cols = np.nonzero(np.isfinite(sic_percent))
        bins = np.clip(sic_percent[rows, cols] * (BINS / 100), 0, BINS - 1).astype(np.int64)
        cell = (rows + row) // self.size_px * self.count.shape[1] + (cols + col) // self.size_px
        added = np.bincount(cell * BINS + bins, minlength=self.histogram.size)
        self.histogram[...] += added.reshape(self.histogram.shape)
        self.count[...] = self.histogram.sum(-1)
