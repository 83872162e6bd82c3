"""Masks: layers that say which pixels are left out, read on another grid."""

from __future__ import annotations

from .aligned import AlignedBand, Resampling
from .grid import Grid, Window
from .radiometry import Mask
from .reading import Band

BUFFER_TAG = "SEAICE_BUFFER_M"


def mask_tags(coastline: str, buffer_m: float) -> dict[str, str]:
    """Return the tags of a land mask's file."""
    return {"SEAICE_COASTLINE": coastline, BUFFER_TAG: f"{buffer_m:g}"}


class SeaMask:
    """A mask on another grid, of which each pixel takes the value that its centre falls into.

    Attributes:
        label: What messages call the layer.
        buffer_m: How far around land the mask reaches, by its file; None where that is not said.
    """

    def __init__(self, band: Band, grid: Grid) -> None:
        self.label = band.label
        self._aligned = AlignedBand(band, grid, resampling=Resampling.NEAREST)
        tag = band.tags.get(BUFFER_TAG)
        self.buffer_m = float(tag) if tag else None

    def overlaps(self) -> bool:
        """Say whether any of the mask's pixels may lie on the grid."""
        return self._aligned.overlaps()

    def read(self, window: Window) -> Mask:
        """Return where the mask is neither 0 nor nodata, (window.height, window.width)."""
        values, valid = self._aligned.read(window)
        sea: Mask = valid & (values != 0)
        return sea
