"""Bands of an ice chart's raster: numbers of polygons, and the lowest and highest SIC of each."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jobs.sources import RasterSource
from .aligned import AlignedBand, Resampling
from .grid import Grid, Window
from .radiometry import Floats
from .reading import Band, open_band

POLYGON_BAND: Final = "Polygon number"
LOWEST_BAND: Final = "Lowest concentration of the code"
HIGHEST_BAND: Final = "Highest concentration of the code"
"""Descriptions of the bands."""

POLYGON_BAND_TAG: Final = "SEAICE_POLYGON_BAND"
"""Tag of a file with numbers of polygons: their band."""

LARGEST_NUMBER: Final = 2**24
"""Whole numbers up to this one are exact in float32."""

NO_POLYGON: Final = 0
"""Number of pixels outside all polygons."""


class PolygonPixels(NamedTuple):
    """What pixels of a chart hold, (h, w) each.

    Attributes:
        number: Numbers of polygons, `NO_POLYGON` where there is none.
        low: The lowest SIC in percent that the polygon's code means, NaN where it is not known.
        high: The highest.
    """

    number: NDArray[np.int32]
    low: Floats
    high: Floats


@dataclass(frozen=True)
class PolygonBands:
    """The bands; those of lowest and highest SIC may be missing."""

    number: Band
    low: Band | None
    high: Band | None

    @classmethod
    def of(cls, band: Band, source: RasterSource, stack: ExitStack) -> PolygonBands | None:
        """Open the bands that lie beside the SIC, band 1; None where there are no numbers.

        Args:
            band: The SIC.
            source: Its layer.
            stack: Closes what is opened.
        """
        place = _number_band(band)
        if source.band != 1 or place in (None, 1):
            return None

        def beside(number: int | None) -> Band | None:
            if number is None:
                return None
            of_band = dataclasses.replace(source, band=number, nodata=())
            return stack.enter_context(open_band(of_band))

        number = beside(place)
        assert number is not None
        low, high = (beside(_described(band, name)) for name in (LOWEST_BAND, HIGHEST_BAND))
        return cls(number, low, high)

    def on(self, grid: Grid) -> PolygonsOnGrid:
        """Return the bands as seen from another grid: each pixel gets what it lies in."""

        def aligned(band: Band) -> AlignedBand:
            return AlignedBand(band, grid, resampling=Resampling.NEAREST)

        bounds = (None if band is None else aligned(band) for band in (self.low, self.high))
        return PolygonsOnGrid(aligned(self.number), *bounds)


@dataclass(frozen=True)
class PolygonsOnGrid:
    """The bands read through another grid."""

    number: AlignedBand
    low: AlignedBand | None
    high: AlignedBand | None

    def read(self, window: Window) -> PolygonPixels:
        """Return what a window's pixels hold."""
        values, valid = self.number.read(window)
        known = valid & (values >= 1) & (values <= LARGEST_NUMBER)
        number = np.where(known, values, NO_POLYGON).astype(np.int32)
        return PolygonPixels(number, *(_percent(band, window) for band in (self.low, self.high)))


def _percent(band: AlignedBand | None, window: Window) -> Floats:
    if band is None:
        return np.full((window.height, window.width), np.nan, np.float32)
    values, valid = band.read(window)
    return np.where(valid & (values >= 0) & (values <= 100), values, np.float32(np.nan))


def _number_band(band: Band) -> int | None:
    """Return which band holds numbers of polygons, by the file's tag or its descriptions."""
    tag = band.tags.get(POLYGON_BAND_TAG, "")
    if tag.isdigit() and 1 <= int(tag) <= len(band.descriptions):
        return int(tag)
    return _described(band, POLYGON_BAND)


def _described(band: Band, name: str) -> int | None:
    """Return the number of the only band of a description; None where there is no such one."""
    found = [
        number
        for number, (text, _) in enumerate(band.descriptions, 1)
        if text.strip().lower() == name.lower()
    ]
    return found[0] if len(found) == 1 else None
