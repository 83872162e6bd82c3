"""SIC in GeoTIFF and other rasters: NSIDC's, Bremen's, and any with scale and flags by hand."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pyproj

from ...errors import SeaIceError
from ...jobs.sources import FROM_FILE, RasterSource
from ...raster.grid import Grid
from ...raster.reading import open_band
from .polargrids import named
from .product import SicProduct, counted
from .sensors import AMSR2_89, AMSRE_89, SensorFootprint, of_platform

_SEA_ICE_INDEX = {2510: "pole hole", 2530: "coast", 2540: "land", 2550: "missing"}
"""NSIDC's Sea Ice Index (G02135): tenths of a percent and these flags."""

_BREMEN_SHAPES = frozenset(
    (height * k, width * k) for height, width in ((1792, 1216), (1328, 1264)) for k in (1, 2)
) | {(1327, 1264), (1791, 1216)}
"""Rows and columns of Bremen's ASI grids of 6.25 and 3.125 km."""

_CUT_PERCENT = (10.0, 20.0)
"""A product whose lowest SIC lies here was cut there: its water is among the missing pixels."""


def read(
    source: RasterSource, scale: float | None = None, flags: tuple[float, ...] = ()
) -> SicProduct:
    """Read one band as SIC.

    Args:
        scale: Percent per unit of the file; recognised when None.
        flags: Values of the file that are no SIC.

    Raises:
        SeaIceError: The file cannot be read, has no CRS, or holds no SIC.
    """
    name = Path(source.path).name
    with open_band(source) as band:
        raw, valid = band.read(band.grid.window)
        integers = np.dtype(band.dtype).kind in "iu"
        grid = band.grid
        own_crs = grid.crs
    notes = []
    if source.crs == FROM_FILE:
        grid = dataclasses.replace(grid, crs=named(own_crs))
        if pyproj.CRS.from_user_input(own_crs).name == "unknown" and grid.crs.to_epsg():
            notes.append(f"the CRS, unnamed in the file, is EPSG:{grid.crs.to_epsg()}")
    excluded = {} if valid.all() else {"nodata or NaN": int((~valid).sum())}
    flagged = valid & np.isin(raw, np.asarray(flags, np.float32))
    if scale is None:
        scale, found = _recognised(raw, valid & ~flagged, integers)
        notes.extend(found)
    values = raw * np.float32(scale)
    # rounding may lift 100 % a little
    outside = valid & ~flagged & ((values < -0.01) | (values > 100.01))
    meanings = dict(_SEA_ICE_INDEX) if scale == 0.1 else {}
    for where, other in ((flagged, "flag"), (outside, "value outside 0-100 %:")):
        if where.any():
            excluded.update(counted(raw[where], meanings, other))
    good = valid & ~flagged & ~outside
    if not good.any():
        raise SeaIceError(
            f"{name}: no value is a SIC between 0 and 100 % with the scale {scale:g}; give the"
            " right scale and flags"
        )
    sic = np.where(good, np.clip(values, 0.0, 100.0), np.float32(np.nan)).astype(np.float32)
    title, footprint = _known(name, grid)
    date = re.search(r"(\d{4})[-_]?(\d{1,2})[-_]?(\d{1,2})(?!\d)", name)
    return SicProduct(
        title,
        sic,
        grid,
        footprint,
        _iso(date) if date else "",
        excluded,
        tuple(notes),
        hides_water=bool(
            _CUT_PERCENT[0] <= sic[good].min() <= _CUT_PERCENT[1] and (~good).mean() > 0.2
        ),
    )


def _recognised(raw: np.ndarray, valid: np.ndarray, integers: bool) -> tuple[float, list[str]]:
    """Return percent per unit of the file and what is to be said about it."""
    values = raw[valid]
    if values.size == 0:
        return 1.0, []
    if integers and np.isin(values, list(_SEA_ICE_INDEX)).any() and values.max() <= 2550:
        return 0.1, ["values are tenths of a percent, as in NSIDC's Sea Ice Index"]
    inside = values[(values >= 0) & (values <= 100)]
    if not integers and inside.size and 0 < inside.max() <= 1.005:
        return 100.0, ["values up to 1 are taken as fractions; give a scale if they are not"]
    return 1.0, []


def _known(name: str, grid: Grid) -> tuple[str, SensorFootprint | None]:
    """Return a product's title and footprint by its file name and grid."""
    lower = name.lower()
    nsidc = re.match(r"nt_\d{6,8}_([fn]\d\d)_", lower)
    if nsidc:
        return f"NSIDC NASA Team SIC, {name}", of_platform(nsidc.group(1))
    if re.match(r"[ns]_\d{6,8}_concentration", lower):
        return f"NSIDC Sea Ice Index, {name}", of_platform("F17")
    fine = grid.shape in _BREMEN_SHAPES and grid.resolution_m < 7000
    if "bremen" in lower or lower.startswith("asi-") or "-asi-" in lower or fine:
        footprint = AMSRE_89 if "amsre" in lower or "amsr-e" in lower else AMSR2_89
        return f"University of Bremen ASI SIC, {name}", footprint
    return name, None


def _iso(match: re.Match[str]) -> str:
    year, month, day = (int(part) for part in match.groups())
    if 1970 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31:
        return f"{year:04d}-{month:02d}-{day:02d}"
    return ""
