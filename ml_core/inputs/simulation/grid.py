"""Where a simulated scene and its reference lie on the map."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import CRSError
from rasterio.crs import CRS

from ...errors import SeaIceError
from ...raster.grid import Grid, Window

_NORTH, _SOUTH = (30.0, 81.0), (-30.0, -72.0)
"""Longitude and latitude of the scene's centre, by hemisphere: Barents and Weddell Sea."""


def scene_grid(crs: str, width: int, height: int, pixel_m: float) -> Grid:
    """Return the scene's grid: near range on the left, its corner on a multiple of the pixel.

    Raises:
        SeaIceError: The CRS is unknown, not projected or not in metres.
    """
    try:
        known = pyproj.CRS.from_user_input(crs)
    except CRSError as error:
        raise SeaIceError(
            f"Coordinate reference system: {crs!r} is unknown; give one such as EPSG:3413"
        ) from error
    if not known.is_projected or known.axis_info[0].unit_conversion_factor != 1.0:
        raise SeaIceError(
            f"Coordinate reference system: {known.name} is not projected in metres; give one that"
            " is, such as EPSG:3413 (north) or EPSG:3031 (south)"
        )
    area = known.area_of_use
    south = area is not None and area.north <= 0.0
    transformer = pyproj.Transformer.from_crs("EPSG:4326", known, always_xy=True)
    x, y = transformer.transform(*(_SOUTH if south else _NORTH))
    if not (math.isfinite(x) and math.isfinite(y)):
        raise SeaIceError(
            f"Coordinate reference system: {known.name} does not reach the Arctic or Antarctic;"
            " give a polar one, such as EPSG:3413 (north) or EPSG:3031 (south)"
        )
    left = round((x - width * pixel_m / 2) / pixel_m) * pixel_m
    top = round((y + height * pixel_m / 2) / pixel_m) * pixel_m
    transform = Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top)
    return Grid(CRS.from_wkt(known.to_wkt()), transform, height, width)


def reference_grid(scene: Grid, pixel_m: float) -> Grid:
    """Return a coarse grid over a scene, whose origin ignores the scene's."""
    return Grid.covering(scene.crs, scene.bounds(), (pixel_m, pixel_m))


def centres_px(scene: Grid, reference: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of a reference's centres in pixels of a scene in the same CRS."""
    to_px = ~scene.transform @ reference.transform
    rows = (np.arange(reference.height) + 0.5) * to_px.e + to_px.f
    cols = (np.arange(reference.width) + 0.5) * to_px.a + to_px.c
    return rows, cols


def margin_px(footprint_m: float, pixel_m: float, beyond_m: float) -> int:
    """Return the pixels around a scene that footprints at its border reach.

    Their centres lie up to `beyond_m` outside the scene.
    """
    # of whole twelfths of a footprint: with another margin, seeds would give other scenes
    step_px = max(1, round(footprint_m / 12.0 / pixel_m))
    # a Gaussian's tail beyond 1.3 times its full width at half maximum holds 0.1 %
    return math.ceil((1.3 * footprint_m + beyond_m) / (step_px * pixel_m)) * step_px


def frame(scene: Grid, margin: int, side: int) -> Iterator[Window]:
    """Yield blocks of a side that cover the margin around a scene."""
    wide = scene.width + 2 * margin
    for part in (
        Window(-margin, -margin, margin, wide),
        Window(scene.height, -margin, margin, wide),
        Window(0, -margin, scene.height, margin),
        Window(0, scene.width, scene.height, margin),
    ):
        yield from part.blocks(side)
