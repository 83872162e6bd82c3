"""The map grid of a scene, and where each of its pixels lies on the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyproj
from pyproj import Transformer
from pyproj.exceptions import CRSError as ProjCRSError
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError

from ...errors import SeaIceError
from ...raster.grid import Grid, Window, applied
from .annotation import Floats
from .geolocation import Geolocation

if TYPE_CHECKING:  # most imports read no vectors
    from ..coastline import Coastline

NORTH, SOUTH = "EPSG:3413", "EPSG:3031"
"""NSIDC and Antarctic polar stereographic."""

_METRES_PER_DEGREE = 111_195.0
_SPACING_M = 2000.0
"""Distance of the places that are located exactly; between them the way is straight to 1 m."""

_OUTLINE = 65
_LARGEST_SHARE = 6.0
"""A rotated scene fills at least a half, a sheared one a third, of the rectangle around it."""


@dataclass(frozen=True)
class ImagePositions:
    """Where the pixels of a window lie on the image.

    Attributes:
        known: Where the others are known, all (h, w); elsewhere is far off the image.
    """

    line: Floats
    pixel: Floats
    incidence_deg: Floats
    known: np.ndarray


def polar_crs(geolocation: Geolocation) -> str:
    """Return the polar stereographic CRS of the scene's hemisphere."""
    return NORTH if float(np.mean(geolocation.annotation.grid.latitude)) >= 0 else SOUTH


def scene_grid(geolocation: Geolocation, crs: str, resolution_m: float) -> Grid:
    """Return the map grid around a scene, its corner on multiples of the pixel size.

    In a geographic CRS the pixel size is the same in degrees of latitude.

    Raises:
        SeaIceError: The CRS is none, or cannot show the scene in one piece.
    """
    parsed, target = _parse_crs(crs)
    annotation = geolocation.annotation
    line, pixel = np.meshgrid(
        np.linspace(-0.5, annotation.lines - 0.5, _OUTLINE),
        np.linspace(-0.5, annotation.samples - 0.5, _OUTLINE),
        indexing="ij",
    )
    latitude, longitude = geolocation.geographic(line, pixel)
    try:
        transformer = Transformer.from_crs("EPSG:4326", target, always_xy=True)
        x, y = transformer.transform(longitude, latitude, errcheck=True)
    except ProjError as error:
        raise SeaIceError(
            f"{crs}: cannot show the scene at {latitude.mean():.1f} N {longitude.mean():.1f} E"
            f" ({error}); choose a polar stereographic CRS such as {NORTH} or {SOUTH}"
        ) from error
    pixel_size = _pixel_size(parsed, float(latitude.mean()), resolution_m)
    grid = Grid.covering(parsed, (x.min(), y.min(), x.max(), y.max()), pixel_size)
    covered = annotation.lines * annotation.azimuth_spacing_m
    covered *= annotation.samples * annotation.range_spacing_m
    expected = covered / resolution_m**2 + 16
    if grid.height * grid.width > _LARGEST_SHARE * expected:
        raise SeaIceError(
            f"{crs}: the scene at {latitude.mean():.1f} N {longitude.mean():.1f} E would need"
            f" {grid.width} x {grid.height} px there, because it crosses the edge of that CRS or is"
            f" stretched by it; choose a polar stereographic CRS such as {NORTH} or {SOUTH}"
        )
    return grid


class ImageMap:
    """Where map pixels lie on the image, located on a coarse lattice and interpolated.

    Args:
        coast: Its land is taken to lie off the image.
    """

    def __init__(
        self,
        geolocation: Geolocation,
        grid: Grid,
        resolution_m: float,
        coast: Coastline | None = None,
    ) -> None:
        self.grid = grid
        self._coast = coast
        self._step = min(max(round(_SPACING_M / resolution_m), 1), 512)
        rows = math.ceil(grid.height / self._step) + 1
        cols = math.ceil(grid.width / self._step) + 1
        # lattice point (i, j) is the centre of map pixel (i * step, j * step)
        col, row = np.meshgrid(np.arange(cols) * self._step, np.arange(rows) * self._step)
        x, y = applied(grid.transform, col + 0.5, row + 0.5)
        transformer = Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
        longitude, latitude = transformer.transform(x, y)
        off = ~(np.isfinite(longitude) & np.isfinite(latitude))
        latitude, longitude = (np.where(off, 0.0, v) for v in (latitude, longitude))
        line, pixel, incidence = geolocation.locate(latitude, longitude)
        off |= np.isnan(line) | np.isnan(pixel)
        self._off = off
        self._lattice = np.stack([np.where(off, 0.0, v) for v in (line, pixel, incidence)])

    def lines(self, window: Window) -> tuple[float, float] | None:
        """Return the lowest and highest image line in a window; None where it is off the image."""
        rows, cols = self._span(window.row, window.height), self._span(window.col, window.width)
        known = ~self._off[rows, cols]
        if not known.any():
            return None
        line = self._lattice[0, rows, cols][known]
        return float(line.min()), float(line.max())

    def positions(self, window: Window) -> ImagePositions:
        """Return where the pixels of a window lie on the image."""
        rows, cols = self._span(window.row, window.height), self._span(window.col, window.width)
        down = self._weights(window.row, window.height, rows)  # (h, lattice rows)
        across = self._weights(window.col, window.width, cols).T  # (lattice columns, w)
        line, pixel, incidence = (down @ values[rows, cols] @ across for values in self._lattice)
        near_off = (down > 0).astype(float) @ self._off[rows, cols] @ (across > 0).astype(float)
        known = near_off == 0
        if self._coast:
            known &= ~self._coast.land(window)
        return ImagePositions(line, pixel, incidence, known)

    def _span(self, start: int, length: int) -> slice:
        """Return the lattice rows or columns that pixels start to start + length lie between."""
        return slice(start // self._step, (start + length - 1) // self._step + 2)

    def _weights(self, start: int, length: int, span: slice) -> Floats:
        """Return the lattice points' shares in each pixel, (length, points)."""
        position = (start + np.arange(length)) / self._step - span.start
        points = np.arange(span.stop - span.start)
        shares: Floats = np.clip(1 - np.abs(position[:, None] - points), 0, None)
        return shares


def _parse_crs(crs: str) -> tuple[CRS, pyproj.CRS]:
    try:
        parsed, target = CRS.from_user_input(crs), pyproj.CRS.from_user_input(crs)
    except (CRSError, ProjCRSError) as error:
        raise SeaIceError(f"{crs}: is no known CRS; give an EPSG code such as {NORTH}") from error
    if not (parsed.is_projected or parsed.is_geographic):
        raise SeaIceError(f"{crs}: is no map CRS; give an EPSG code such as {NORTH}")
    return parsed, target


def _pixel_size(crs: CRS, latitude: float, resolution_m: float) -> tuple[float, float]:
    """Return pixel height and width in the CRS's unit."""
    if crs.is_projected:
        size = resolution_m / float(crs.linear_units_factor[1])
        return size, size
    height = resolution_m / _METRES_PER_DEGREE
    return height, height / max(math.cos(math.radians(latitude)), 0.01)
