"""Fields of a whole scene, gathered tile by tile and averaged over footprints."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..raster.radiometry import Floats, Mask
from .cells import CellSums
from .support import (
    LEAST_COVER,
    Footprints,
    around_cells,
    cell_size_px,
    observe,
    observe_at,
    weights,
)

_MOST_BYTES, _MOST_FIELDS = 2**28, 64


class FootprintFields(CellSums):
    """Several fields over one area, made tile by tile, and their means over footprints.

    The fields are kept as sums over square cells, eight to a footprint, so that a whole scene's
    take little memory.

    Args:
        shape_px: Height and width of the area in pixels.
        count: Number of fields, K.
        footprint_px: Full width at half maximum of the footprint in pixels.
    """

    def __init__(self, shape_px: tuple[int, int], count: int, footprint_px: float) -> None:
        # fine footprints on large scenes get coarser cells rather than more memory
        least = math.sqrt(4 * _MOST_FIELDS * shape_px[0] * shape_px[1] / _MOST_BYTES)
        super().__init__(shape_px, max(cell_size_px(footprint_px), math.ceil(least)), count)
        self._footprint_px = footprint_px

    def means(
        self, centres_px: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    ) -> tuple[Floats, Mask]:
        """Return the footprint means of all fields.

        Args:
            centres_px: Rows (n,) and columns (m,) of the footprints' centres in pixels, from the
                area's upper left corner on; every cell's centre when None.

        Returns:
            (K, n, m), NaN where less than half of a footprint is valid, and where it is (n, m).
        """
        if centres_px is None:
            supports = around_cells(self.counts.shape, self._footprint_px, self.cell_px)
        else:
            supports = Footprints(
                *(
                    weights(at / self.cell_px - 0.5, length, self._footprint_px, self.cell_px)
                    for at, length in zip(centres_px, self.counts.shape, strict=True)
                )
            )
        means, cover = observe(*self._cells(), supports)
        return means, cover >= LEAST_COVER

    def means_at(
        self, rows_px: NDArray[np.floating], cols_px: NDArray[np.floating]
    ) -> tuple[Floats, Floats]:
        """Return the means of all fields over footprints anywhere in the area.

        Args:
            rows_px: (N,) the footprints' centres in pixels, from the area's upper edge on.
            cols_px: (N,) from its left edge on.

        Returns:
            (K, N), NaN where less than half of a footprint is valid, and the valid share (N,).
        """
        rows, cols = (np.asarray(at, np.float64) / self.cell_px - 0.5 for at in (rows_px, cols_px))
        means, share = self._cells()
        return observe_at(means, share, rows, cols, self._footprint_px, self.cell_px)

    def _cells(self) -> tuple[NDArray[np.floating], Floats]:
        """Return the cells' means (K, h, w), and the share of each that is valid (h, w)."""
        # cells at the border of what is valid count by the share of their pixels that are
        share = self.counts / np.float32(self.cell_px**2)
        return self.sums / np.maximum(self.counts, 1), share
