"""Bands: one band of a raster file, read by windows in its own grid, with what is valid in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as FileWindow

from ..errors import SeaIceError
from ..jobs.sources import FROM_FILE, RasterSource
from .grid import Grid, Window
from .radiometry import Floats, Mask
from .tiles import strips

_HUGE = 1e30
"""Values beyond this are nodata: the float32 limit is declared in many roundings (-3.4e38)."""

NO_LIMITS = -_HUGE, _HUGE

_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.palette)


@contextmanager
def open_band(source: RasterSource) -> Iterator[Band]:
    """Open one band of a raster.

    Args:
        source: The file, its band, and what the analyst set for the layer.

    Raises:
        SeaIceError: The file cannot be opened, lacks the band or the georeference, or holds
            complex numbers.
    """
    label = source.label
    options = dict(option.split("=", 1) for option in source.open_options if "=" in option)
    try:
        with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"):  # of the decoder
            dataset = rasterio.open(source.path, **options)
    except RasterioError as error:
        if not source.path.startswith("/vsi") and not os.path.exists(source.path):
            why = (
                f"there is no file {source.path}; is it a web or virtual layer? Save it as GeoTIFF"
            )
        else:
            why = f"GDAL cannot open it ({error}); save the layer as GeoTIFF"
        raise SeaIceError(f"{label}: {why}") from error
    with dataset:
        yield Band(dataset, source)


class Band:
    """One band of an open raster.

    Attributes:
        label: What messages call it.
        number: Its number in the file, from 1.
        count: Number of the file's bands.
        is_picture: Whether the band is one of the colours of an 8-bit picture.
        tags: The file's metadata, then the band's.
        description: The band's name in the file; empty where it has none.
        dtype: Data type of the values, ``float32`` where the file declares a scale or offset.
        block_shape: (height, width) of the file's blocks.
        descriptions: Description and unit of each of the file's bands; empty where unknown.

    Raises:
        SeaIceError: The file lacks the band or the georeference, or holds complex numbers.
    """

    def __init__(self, dataset: DatasetReader, source: RasterSource) -> None:
        self.label = source.label
        if source.band > dataset.count:
            raise SeaIceError(
                f"{self.label}: there is no band {source.band}; the file has {dataset.count}"
            )
        self._dataset = dataset
        self._lock = threading.Lock()  # GDAL lets no two threads use a dataset at once
        self.number, self.count = source.band, dataset.count
        self._ranges = source.nodata
        self._holds: tuple[Callable[[Window], Mask], ...] = ()
        self.grid = _grid(dataset, source)
        self.tags: dict[str, str] = {**dataset.tags(), **dataset.tags(source.band)}
        i = source.band - 1
        self.description: str = dataset.descriptions[i] or ""
        dtype = str(dataset.dtypes[i])
        self.is_picture = dtype == "uint8" and dataset.colorinterp[i] in _COLOURS
        if dtype.startswith("complex"):
            raise SeaIceError(
                f"{self.label}: complex values (single-look complex product); use calibrated"
                " sigma0 of a detected product"
            )
        self._scale, self._offset = float(dataset.scales[i]), float(dataset.offsets[i])
        self._scaled = (self._scale, self._offset) != (1.0, 0.0)
        self.dtype = "float32" if self._scaled else dtype
        self._is_float32 = dtype == "float32"
        self.block_shape: tuple[int, int] = dataset.block_shapes[i]
        self.descriptions = [
            (name or "", unit or "")
            for name, unit in zip(dataset.descriptions, dataset.units, strict=True)
        ]
        self._nodata = dataset.nodatavals[i] if source.use_file_nodata else None
        flags = dataset.mask_flag_enums[i]
        # alpha and mask bands; nodata values are compared here, because GDAL's comparison
        # misses a value that was rounded to another type
        self._has_mask = MaskFlags.per_dataset in flags or MaskFlags.alpha in flags

    def leave_out(self, low: float, high: float) -> None:
        """Take further values as nodata, both ends included."""
        self._ranges = (*self._ranges, (low, high))

    def leave_out_where_not(self, holds: Callable[[Window], Mask]) -> None:
        """Take pixels as nodata where a function of windows of this grid is False."""
        self._holds = (*self._holds, holds)

    def read(
        self,
        window: Window,
        *,
        limits: tuple[float, float] = NO_LIMITS,
        out: Floats | None = None,
    ) -> tuple[Floats, Mask]:
        """Return a window's values in the file's unit (scale and offset applied) and which hold.

        Args:
            window: Where to read; outside the file nothing is valid.
            limits: Values below or above are no measurement.
            out: Takes the values, where given, (window.height, window.width) and contiguous.

        Returns:
            Values and valid mask, both (window.height, window.width); values are NaN where
            invalid.

        Raises:
            SeaIceError: The file is damaged.
        """
        shape = window.height, window.width
        inside = window.clipped(self.grid.height, self.grid.width)
        values = np.empty(shape, np.float32) if out is None else out
        if inside == window:
            valid = self._read_inside(inside, limits, values)
        else:
            values.fill(np.nan)
            valid = np.zeros(shape, dtype=bool)
            if not inside.is_empty:
                place = inside.moved(-window.row, -window.col).slices
                part = np.empty((inside.height, inside.width), np.float32)
                valid[place] = self._read_inside(inside, limits, part)
                values[place] = part
        for holds in self._holds:
            valid &= holds(window)
            values[~valid] = np.nan
        return values, valid

    def _read_inside(self, window: Window, limits: tuple[float, float], values: Floats) -> Mask:
        """Fill `values` with a window that lies in the file; return where they hold."""
        place = FileWindow(window.col, window.row, window.width, window.height)
        in_place = self._is_float32 and not self._scaled
        try:
            with self._lock:
                raw = self._dataset.read(
                    self.number, window=place, out=values if in_place else None
                )  # (h, w), file's dtype
                mask = None
                if self._has_mask:
                    mask = self._dataset.read_masks(self.number, window=place)
        except RasterioError as error:
            raise SeaIceError(
                f"{self.label}: the file is damaged, or its disk has gone ({error});"
                f" it broke at row {window.row}, column {window.col}"
            ) from error
        valid = np.ones(raw.shape, dtype=bool)
        for rows in strips(raw.shape):
            part = values[rows]
            if self._scaled:
                part[...] = raw[rows].astype(np.float64) * self._scale + self._offset
            elif not in_place:
                part[...] = raw[rows]
            span = _span(part)
            raw_part, raw_span = (part, span) if in_place else (raw[rows], _span(raw[rows]))
            holds = _is_data(raw_part, raw_span, self._nodata)
            if mask is not None:
                holds = holds & (mask[rows] > 0)
            holds = holds & _between(part, span, limits)
            for excluded in self._ranges:
                holds = holds & ~_between(part, span, excluded)
            if not np.all(holds):
                valid[rows] = holds
                part[~valid[rows]] = np.nan
        return valid


_Span = tuple[Any, Any]


def _span(values: np.ndarray) -> _Span:
    """Return the smallest and the largest value, NaN if any is.

    These two reductions cost a fraction of two comparisons, and most parts of a scene pass by them.
    """
    return values.min(), values.max()


def _between(values: np.ndarray, span: _Span, limits: tuple[float, float]) -> Mask | np.bool_:
    """Say which values lie between two limits, or that all or none do; NaN lies nowhere."""
    low, high = np.float32(limits[0]), np.float32(limits[1])
    least, most = span
    if low <= least and most <= high:
        return np.True_
    if most < low or high < least:
        return np.False_
    result: Mask = (values >= low) & (values <= high)
    return result


def _is_data(raw: np.ndarray, span: _Span, nodata: float | None) -> Mask | np.bool_:
    """Say where raw values are finite and not the declared nodata value, or that all are."""
    if raw.dtype.kind != "f":
        return np.True_ if nodata is None else raw != nodata
    valid = _between(raw, span, NO_LIMITS)
    if nodata is not None and abs(nodata) < _HUGE:
        # a nodata value typed in decimal may differ from the stored one in the last bit
        spread = abs(nodata) * 1e-6
        valid = valid & ~_between(raw, span, (nodata - spread, nodata + spread))
    return valid


def _grid(dataset: DatasetReader, source: RasterSource) -> Grid:
    crs, transform = _crs(dataset, source), dataset.transform
    if (crs is None or transform.is_identity) and dataset.gcps[0]:
        raise SeaIceError(
            f"{source.label}: the raster has ground control points only, in radar geometry; run"
            " Import Sentinel-1 on the product, or warp it to a map projection"
        )
    if crs is None:
        raise SeaIceError(
            f"{source.label}: the layer has no coordinate reference system; set the right one in"
            " the layer's properties (Layer > Set CRS of Layer)"
        )
    if transform.is_identity:
        raise SeaIceError(
            f"{source.label}: the raster has no geotransform, so its pixels have no place on the"
            " ground; georeference it first"
        )
    if transform.determinant == 0:
        raise SeaIceError(
            f"{source.label}: its pixels have no area (geotransform {tuple(transform)[:6]})"
        )
    return Grid(crs, transform, dataset.height, dataset.width)


def _crs(dataset: DatasetReader, source: RasterSource) -> CRS | None:
    if source.crs in ("", FROM_FILE):
        return dataset.crs if source.crs else None
    try:
        return CRS.from_user_input(source.crs)
    except CRSError as error:
        raise SeaIceError(
            f"{source.label}: the layer's CRS is not understood ({error}); choose another in the"
            " layer's properties"
        ) from error
