"""The grid of a field in NetCDF: its CRS and coordinates by CF, or NSIDC's by its size."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyproj
from affine import Affine
from pyproj.exceptions import CRSError
from rasterio.crs import CRS

from ...errors import SeaIceError
from ...raster.grid import Grid, applied
from .polargrids import named, nsidc_grid_of_shape

_METRES = re.compile("(k|kilo)?m(etre|eter)?s?")


def read_grid(dataset: Any, sic: Any, name: str, crs: str) -> tuple[Grid, bool, list[str]]:
    """Return a field's grid with rows from the north.

    Args:
        sic: The field, with rows and columns last.
        name: What messages call the file.
        crs: The CRS of a file that does not give one.

    Returns:
        The grid, whether the file's rows are upside down, and notes on how it was found.

    Raises:
        SeaIceError: Coordinates or CRS are missing, not understood, or contradict the file's own
            longitudes and latitudes.
    """
    height, width = sic.shape[-2:]
    axes = [dataset.variables.get(dimension) for dimension in sic.dimensions[-2:]]
    found = _crs(dataset, sic, name, crs)
    if axes[0] is None or axes[1] is None:
        grid, note = _grid_of_size(dataset, height, width, name)
        return grid, False, [note]
    if found is None:
        raise SeaIceError(
            f"{name}: it has coordinates but names no CRS; give it as Coordinate reference system"
        )
    (y0, dy), (x0, dx) = (_axis(axis, name, found) for axis in axes)
    flip = dy > 0
    top = y0 + (height - 0.5) * dy if flip else y0 - 0.5 * dy
    transform = Affine(dx, 0.0, x0 - 0.5 * dx, 0.0, -abs(dy), top)
    grid = Grid(found, transform, height, width)
    notes = _checked_positions(dataset, grid, flip, name)
    return grid, flip, notes


def _grid_of_size(dataset: Any, height: int, width: int, name: str) -> tuple[Grid, str]:
    """Return the grid of a file without coordinates, and a note on how it was recognised."""
    nsidc = nsidc_grid_of_shape(height, width)
    if nsidc is None:
        raise SeaIceError(
            f"{name}: it has no coordinates, and {height} rows x {width} columns are no grid"
            " that is known; georeference it as GeoTIFF first"
        )
    pole = str(getattr(dataset, "pole", getattr(dataset, "hemisphere", ""))).lower()
    place = "north" if nsidc.crs.to_epsg() == 3411 else "south"
    if pole and not place.startswith(pole[:5]):
        raise SeaIceError(
            f"{name}: its size is that of NSIDC's {place}ern grid, but its pole is {pole}"
        )
    return nsidc, (
        f"no CRS and no coordinates in the file: its {height} x {width} px are NSIDC's polar"
        f" stereographic grid of {nsidc.transform.a / 1000:g} km, {place}"
        f" (EPSG:{nsidc.crs.to_epsg()})"
    )


def _axis(axis: Any, name: str, crs: CRS) -> tuple[float, float]:
    """Return an axis's first centre and step, in the CRS's metres or degrees."""
    values = np.asarray(axis[:], np.float64)
    units = str(getattr(axis, "units", "m")).strip().lower()
    if crs.is_projected:
        metres = _METRES.fullmatch(units)
        if metres is None:
            raise SeaIceError(
                f"{name}: the unit of {axis.name} is {units!r}; m or km expected in a projected CRS"
            )
        values = values * (1000.0 if metres[1] else 1.0)
    steps = np.diff(values)
    step = float(steps.mean())
    if step == 0.0 or np.abs(steps - step).max() > 0.01 * abs(step):
        raise SeaIceError(f"{name}: the coordinates {axis.name} are not evenly spaced")
    return float(values[0]), step


def _crs(dataset: Any, sic: Any, name: str, given: str) -> CRS | None:
    try:
        if given:
            return CRS.from_wkt(pyproj.CRS.from_user_input(given).to_wkt())
        mapping = dataset.variables.get(str(getattr(sic, "grid_mapping", "")).split(":")[0])
        if mapping is None:
            axes = [dataset.variables.get(dimension) for dimension in sic.dimensions[-2:]]
            if all("degree" in str(getattr(axis, "units", "")) for axis in axes):
                return CRS.from_epsg(4326)
            return None
        attributes = {key: mapping.getncattr(key) for key in mapping.ncattrs()}
        for key in ("crs_wkt", "spatial_ref", "proj4_string", "proj4text", "srid"):
            if attributes.get(key):
                return named(pyproj.CRS.from_user_input(str(attributes[key])))
        plain = {
            key: value.item() if hasattr(value, "item") and np.size(value) == 1 else value
            for key, value in attributes.items()
        }
        return named(pyproj.CRS.from_cf(plain))
    except (CRSError, KeyError, ValueError) as error:
        raise SeaIceError(
            f"{name}: its CRS is not understood ({error}); give it as Coordinate reference system"
        ) from error


def _checked_positions(dataset: Any, grid: Grid, flip: bool, name: str) -> list[str]:
    """Compare the grid with the file's own longitudes and latitudes, where it has them.

    Raises:
        SeaIceError: They lie more than a pixel apart.
    """
    lat = dataset.variables.get("lat", dataset.variables.get("latitude"))
    lon = dataset.variables.get("lon", dataset.variables.get("longitude"))
    if lat is None or lon is None or lat.shape != grid.shape or lon.shape != grid.shape:
        return []
    crs = pyproj.CRS.from_user_input(grid.crs)
    if crs.geodetic_crs is None:
        return []
    rows, cols = (np.linspace(0, length - 1, 5).astype(int) for length in grid.shape)
    places = np.ix_(grid.height - 1 - rows if flip else rows, cols)
    there = np.array([axis[:][places] for axis in (lon, lat)])  # (2, 5, 5)
    known = np.isfinite(there).all(axis=0) & (np.abs(there[1]) <= 90)
    to_lonlat = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    here = to_lonlat.transform(*applied(grid.transform, cols + 0.5, rows[:, None] + 0.5))
    geod = crs.get_geod() or pyproj.Geod(ellps="WGS84")
    worst = geod.inv(*(axis[known] for axis in (*here, *there)))[2].max(initial=0.0)
    if worst > grid.resolution_m:
        raise SeaIceError(
            f"{name}: its CRS and coordinates put pixels up to {worst / 1000:.1f} km away from its"
            " own longitudes and latitudes; one of them is wrong"
        )
    return [f"the file's own longitudes and latitudes agree within {worst:.0f} m"]
