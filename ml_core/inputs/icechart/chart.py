"""An ice chart: polygons with concentrations, on a scene's map."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError, ProjError

from ...errors import SeaIceError
from ...jobs.sources import FROM_FILE, VectorSource
from ...raster.grid import Grid
from .codes import UNKNOWN, parse, percent

_MASKED_TYPES = {"L": "land", "N": "no data", "S": "ice shelf"}
"""Values of POLY_TYPE whose polygons have no sea ice concentration."""

_STEP_M = 5_000.0
"""Edges are straight in the chart's CRS: nodes this far apart keep them so in the scene's."""

_FAR_M = 1e9
"""Coordinates beyond this, or not finite, are no place on a map."""


@dataclass(frozen=True)
class Chart:
    """Polygons, each with its number and its SIC; NaN where it has none.

    Attributes:
        polygons: (N,) polygons in the scene's CRS.
        ids: (N,) their numbers.
        percent: (3, N) SIC, lowest and highest SIC of each.
        notes: What was done to which polygons.
        warnings: What the analyst should look at.
    """

    polygons: NDArray[np.object_]
    ids: NDArray[np.int32]
    percent: NDArray[np.float32]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(
    source: VectorSource,
    grid: Grid,
    *,
    field_name: str = "CT",
    type_field: str = "POLY_TYPE",
    id_field: str = "",
    convention: str = "middle",
) -> Chart:
    """Read a chart and bring it to a scene's CRS.

    Args:
        field_name: The field with the code of total concentration.
        type_field: The field with the kind of polygon; may be missing.
        id_field: The field with the polygons' numbers; counted from 1 when empty.
        convention: As in `codes.percent`.

    Raises:
        SeaIceError: The layer cannot be read, has no CRS, no polygons or not the fields.
    """
    meta, wkb, columns = _read_layer(source)
    names = [str(name) for name in meta["fields"]]
    data = dict(zip(names, columns, strict=True))
    code_column = _column(names, field_name, source.label, required=True)
    type_column = _column(names, type_field, source.label, required=type_field != "POLY_TYPE")
    id_column = _column(names, id_field, source.label, required=True) if id_field else None
    notes: list[str] = []
    warnings: list[str] = []

    shapes, kept = _polygons(wkb, notes, warnings)
    if not kept.any():
        raise SeaIceError(f"{source.label}: the layer has no polygons; give the chart's polygons")
    types: list[str] = [""] * len(wkb)
    if type_column:
        types = [_type(value) for value in data[type_column]]
    values = _concentrations(data[str(code_column)], types, kept, convention, notes, warnings)
    ids = _ids(data[id_column] if id_column else None, len(wkb), source.label, id_field)
    shapes = _on_map(shapes[kept], _crs(source, meta), grid, source.label, warnings)
    return Chart(shapes, ids[kept], values[:, kept], notes, warnings)


def _read_layer(source: VectorSource) -> tuple[dict[str, Any], NDArray[Any], list[Any]]:
    try:
        meta, _, wkb, columns = pyogrio.raw.read(
            source.path, layer=source.layer or None, where=source.where or None, force_2d=True
        )
    except (DataSourceError, DataLayerError, ValueError) as error:
        raise SeaIceError(
            f"{source.label}: cannot be read as a vector layer ({error}); give the chart's"
            " shapefile, with its .shx and .dbf beside it, or another vector layer"
        ) from error
    if wkb is None or len(wkb) == 0:
        raise SeaIceError(f"{source.label}: the layer has no polygons; give the chart's polygons")
    return meta, wkb, columns


def _column(names: list[str], wanted: str, label: str, *, required: bool) -> str | None:
    for name in names:
        if name.lower() == wanted.lower():
            return name
    if required:
        raise SeaIceError(
            f"{label}: there is no field {wanted}; its fields are {', '.join(names) or 'none'};"
            " choose the one that holds it"
        )
    return None


def _polygons(
    wkb: NDArray[Any], notes: list[str], warnings: list[str]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return valid (multi)polygons and which of the features have one."""
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    rebuilt = _rebuild(shapes)
    if rebuilt:
        warnings.append(
            f"{rebuilt} polygons cross or touch themselves; they were rebuilt, which"
            " may change their shape there"
        )
    flat = np.isin(shapely.get_type_id(shapes), (3, 6))  # polygon, multipolygon
    kept: NDArray[np.bool_] = flat & ~shapely.is_empty(shapes)
    if not kept.all():
        notes.append(f"{int((~kept).sum())} features have no area and are left out")
    return shapes, kept


def _rebuild(shapes: NDArray[np.object_]) -> int:
    """Make polygons valid, in place, and return how many were not."""
    invalid = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    shapes[invalid] = [_areas(shape) for shape in shapely.make_valid(shapes[invalid])]
    return int(invalid.sum())


def _areas(shape: Any) -> Any:
    """Return the polygons of a geometry, without the lines and points that the repair left."""
    parts = [part for part in shapely.get_parts(shape) if shapely.get_type_id(part) in (3, 6)]
    return shapely.union_all(parts) if parts else None


def _concentrations(
    codes: NDArray[Any],
    types: list[str],
    kept: NDArray[np.bool_],
    convention: str,
    notes: list[str],
    warnings: list[str],
) -> NDArray[np.float32]:
    """Return SIC, lowest and highest of each polygon (3, N), NaN where there is none."""
    values = np.full((3, len(codes)), np.nan, np.float32)
    masked: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    unknown = 0
    for k, (raw, kind) in enumerate(zip(codes.tolist(), types, strict=True)):
        if not kept[k]:
            continue
        code = parse(raw)
        if kind in _MASKED_TYPES:
            masked[_MASKED_TYPES[kind]] += 1
        elif code in UNKNOWN or code is None:
            if kind == "W" and code != 99:
                values[:, k] = 0.0  # water without a code is water
            elif code is None and str(raw).strip() not in ("", "None", "nan"):
                strange[str(raw)] += 1
            else:
                unknown += 1
        elif (meaning := percent(code, convention)) is not None:
            values[:, k] = meaning.value, meaning.low, meaning.high
        else:
            strange[f"{code:02d}"] += 1
    for name, count in sorted(masked.items()):
        notes.append(f"{count} polygons are {name} and have no SIC")
    if unknown:
        notes.append(f"{unknown} polygons have an unknown concentration (-9, 99 or empty)")
    if strange:
        listing = ", ".join(f"{value} ({count})" for value, count in sorted(strange.items()))
        warnings.append(
            f"codes that SIGRID-3 does not have, with the number of polygons: {listing}; they have"
            " no SIC"
        )
    if np.isnan(values[0, kept]).all():
        warnings.append("no polygon has a concentration; is it the right field?")
    return values


def _type(value: object) -> str:
    """Return the first letter of a kind of polygon, empty where there is none."""
    return value.strip().upper()[:1] if isinstance(value, str) else ""


def _ids(column: Any, count: int, label: str, name: str) -> NDArray[np.int32]:
    if column is None:
        return np.arange(1, count + 1, dtype=np.int32)
    try:
        numbers = np.asarray(column, np.float64)
    except (TypeError, ValueError) as error:
        raise SeaIceError(f"{label}: the field {name} holds no numbers; choose another") from error
    if not (np.isfinite(numbers) & (numbers == np.rint(numbers)) & (abs(numbers) < 2**31)).all():
        raise SeaIceError(f"{label}: the field {name} holds no whole numbers; choose another")
    return numbers.astype(np.int32)


def _crs(source: VectorSource, meta: dict[str, Any]) -> pyproj.CRS:
    given = source.crs if source.crs != FROM_FILE else meta["crs"]
    if not given:
        raise SeaIceError(
            f"{source.label}: the layer has no coordinate reference system (a shapefile's is in"
            " its .prj); set the right one in the layer's properties"
        )
    try:
        return pyproj.CRS.from_user_input(given)
    except CRSError as error:
        raise SeaIceError(
            f"{source.label}: the layer's CRS is not understood ({error}); choose another in the"
            " layer's properties"
        ) from error


def _on_map(
    shapes: NDArray[np.object_],
    crs: pyproj.CRS,
    grid: Grid,
    label: str,
    warnings: list[str],
) -> NDArray[np.object_]:
    """Return polygons in the grid's CRS, their edges kept straight in their own."""
    target = pyproj.CRS.from_user_input(grid.crs)
    if crs == target:
        return shapes
    step = _STEP_M / 111_000.0 if crs.is_geographic else _STEP_M
    shapes = shapely.segmentize(shapes, step)
    try:
        transformer = pyproj.Transformer.from_crs(crs, target, always_xy=True)
        shapes = shapely.transform(
            shapes, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
        )
    except ProjError as error:
        raise SeaIceError(f"{label}: cannot be brought to the scene's CRS ({error})") from error
    places, polygon = shapely.get_coordinates(shapes, return_index=True)
    # places that the scene's projection does not reach, such as the other pole
    lost = np.unique(polygon[~(np.abs(places) < _FAR_M).all(axis=1)])
    shapes[lost] = None
    _rebuild(shapes)
    if lost.size:
        warnings.append(
            f"{lost.size} polygons reach places that the scene's CRS cannot show and are left out;"
            " clip the chart to the scene's hemisphere first"
        )
    return shapes
