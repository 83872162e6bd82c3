"""The polar stereographic grids of NSIDC, and CRSs recognised by where they put points."""

from __future__ import annotations

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from ...raster.grid import Grid

_NORTH, _SOUTH = (-3_850_000.0, 5_850_000.0), (-3_950_000.0, 4_350_000.0)
_SIZE_M = {"north": (11_200_000.0, 7_600_000.0), "south": (8_300_000.0, 7_900_000.0)}
"""Upper left corner (x, y) and (height, width), NSIDC's polar stereographic grids."""

_EPSG = {"north": 3411, "south": 3412}
_KNOWN = (3411, 3412, 3413, 3976, 3031, 3995, 6931, 6932)


def nsidc_grid(hemisphere: str, pixel_m: float) -> Grid:
    """Return NSIDC's polar stereographic grid of ``north`` or ``south`` with a pixel size."""
    height, width = _SIZE_M[hemisphere]
    left, top = _NORTH if hemisphere == "north" else _SOUTH
    return Grid(
        CRS.from_epsg(_EPSG[hemisphere]),
        Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top),
        round(height / pixel_m),
        round(width / pixel_m),
    )


def nsidc_grid_of_shape(height: int, width: int) -> Grid | None:
    """Return the NSIDC grid of 25, 12.5, 6.25 or 3.125 km with that many rows and columns."""
    for hemisphere in ("north", "south"):
        for pixel_m in (25_000.0, 12_500.0, 6_250.0, 3_125.0):
            grid = nsidc_grid(hemisphere, pixel_m)
            if grid.shape == (height, width):
                return grid
    return None


def named(crs: CRS | pyproj.CRS) -> CRS:
    """Return a CRS by its EPSG code where it is a polar one written out under another name.

    Two CRSs are the same when they put the same longitudes and latitudes, each on its own
    ellipsoid, within a metre of each other.
    """
    own = pyproj.CRS.from_user_input(crs)
    original = CRS.from_wkt(own.to_wkt())
    if not own.is_projected:
        return original
    ours, likely = _points(own), original.to_epsg()
    for code in (likely, *_KNOWN) if likely else _KNOWN:
        if np.abs(ours - _points(pyproj.CRS.from_epsg(code))).max() < 1.0:
            return CRS.from_epsg(code)
    return original


def _points(crs: pyproj.CRS) -> NDArray[np.float64]:
    """Return where a CRS puts three polar places, (2, 3); NaN where it has no place for them."""
    south = crs.to_cf().get("latitude_of_projection_origin", 90.0) < 0
    latitude = -70.0 if south else 70.0
    try:
        transformer = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
        points = np.array(
            transformer.transform(
                np.array([0.0, 100.0, -45.0]), np.array([latitude, latitude, latitude * 1.2])
            )
        )
    except ProjError:
        return np.full((2, 3), np.nan)
    return np.where(np.isfinite(points), points, np.nan)
