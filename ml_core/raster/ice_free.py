"""The reference of a scene known to hold no ice: a SIC of 0 wherever it has backscatter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .grid import Grid, Window
from .polygon_bands import NO_POLYGON, PolygonPixels
from .radiometry import Floats, Mask


class IceFree:
    """The reference of a scene without ice.

    Args:
        acquisition: What the scene's files say: it is as old as the scene.
    """

    label = "the reference of an ice-free scene"
    polygons = chart = ""
    has_uncertainty = False
    per_footprint = 2
    """Values along a footprint, as many as the cells of radiometers' products are."""

    def __init__(self, acquisition: Mapping[str, str]) -> None:
        self.date = acquisition.get("SEAICE_START", "")
        self.notes: list[str] = []

    def on(self, grid: Grid) -> IceFree:
        """Return itself: it is the same on every grid."""
        return self

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return a SIC of 0 (h, w), valid everywhere (h, w)."""
        shape = window.height, window.width
        return np.zeros(shape, np.float32), np.ones(shape, bool)

    def read_uncertainty(self, window: Window) -> Floats:
        """Return that no uncertainty is known (h, w)."""
        return np.full((window.height, window.width), np.nan, np.float32)

    def read_polygons(self, window: Window) -> PolygonPixels:
        """Return that there is no polygon (h, w)."""
        unknown = self.read_uncertainty(window)
        return PolygonPixels(np.full(unknown.shape, NO_POLYGON, np.int32), unknown, unknown)
