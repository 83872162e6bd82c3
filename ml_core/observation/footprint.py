"""Footprints: fields averaged over the ground that a radiometer sees at a time."""

from __future__ import annotations

import math

import numpy as np

from ..raster.radiometry import Floats, Mask
from .cells import CellSums

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))

LEAST_COVER = 0.5
"""Share of a footprint, by weight, that must be valid."""

TRUNCATE = 3.0
"""Standard deviations after which a Gaussian footprint ends; 0.3 % of its weight lies beyond."""

CELLS_PER_FOOTPRINT = 8
"""A footprint's weights are well kept on cells of this size."""

_MOST_BYTES, _MOST_FIELDS = 2**28, 64


def weighted(values: Floats, valid: Mask, sigma_px: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return sums of valid values weighted with a Gaussian, and the valid share of the weight.

    Args:
        values: (H, W).
        valid: (H, W).
        sigma_px: Standard deviation of the Gaussian along rows and columns.

    Returns:
        Sums and shares, (H, W) each; the mean is their quotient. Beyond the edge nothing is valid.
    """
    from scipy.ndimage import gaussian_filter1d  # here, because it takes 0.1 s to import

    sums, cover = np.where(valid, values, np.float32(0)), valid.astype(np.float32)
    for axis, sigma in enumerate(sigma_px):
        sums, cover = (
            gaussian_filter1d(array, sigma, axis=axis, truncate=TRUNCATE, mode="constant")
            for array in (sums, cover)
        )
    return sums, cover


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
        cell_px = max(1, int(footprint_px / CELLS_PER_FOOTPRINT), math.ceil(least))
        super().__init__(shape_px, cell_px, count)
        self._sigma = footprint_px / FWHM_PER_SIGMA / cell_px

    def means(self) -> tuple[Floats, Mask]:
        """Return the footprint means of all fields.

        Returns:
            (K, h, w) on the cells, NaN where less than half of a footprint is valid, and where it
            is (h, w).
        """
        # cells at the border of what is valid count by the share of their pixels that are
        area = np.float32(self.cell_px**2)
        share: Floats = self.counts / area
        fields = (self.sums / area).astype(np.float32)
        if self._sigma * FWHM_PER_SIGMA > 1.25:
            sigma = (self._sigma, self._sigma)
            everywhere = np.ones(share.shape, bool)
            share = weighted(share, everywhere, sigma)[0]
            fields = np.stack([weighted(field, everywhere, sigma)[0] for field in fields])
        valid = share >= LEAST_COVER
        means = np.where(valid, fields / np.where(valid, share, 1), np.float32(np.nan))
        return means.astype(np.float32), valid
