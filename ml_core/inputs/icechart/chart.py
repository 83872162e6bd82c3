"""An ice chart: polygons with concentrations, on a scene's map."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ...errors import SeaIceError
from ...jobs.sources import VectorSource
from ...raster.grid import Grid
from ..vector import crs_of, on_map, polygons, read_features
from .codes import UNKNOWN, parse, percent

_MASKED_TYPES = {"L": "land", "N": "no data", "S": "ice shelf"}
"""Values of POLY_TYPE whose polygons have no sea ice concentration."""


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
    meta, _, wkb, columns = read_features(source)
    names = [str(name) for name in meta["fields"]]
    data = dict(zip(names, columns, strict=True))
    code_column = _column(names, field_name, source.label, required=True)
    type_column = _column(names, type_field, source.label, required=type_field != "POLY_TYPE")
    id_column = _column(names, id_field, source.label, required=True) if id_field else None
    notes: list[str] = []
    warnings: list[str] = []

    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    kept = polygons(shapes, notes, warnings)
    if not kept.any():
        raise SeaIceError(f"{source.label}: the layer has no polygons; give the chart's polygons")
    types: list[str] = [""] * len(wkb)
    if type_column:
        types = [_type(value) for value in data[type_column]]
    values = concentrations(data[str(code_column)], types, kept, convention, notes, warnings)
    ids = _ids(data[id_column] if id_column else None, len(wkb), source.label, id_field)
    shapes = on_map(shapes[kept], crs_of(source, meta["crs"]), grid, source.label, warnings)
    return Chart(shapes, ids[kept], values[:, kept], notes, warnings)


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


def concentrations(
    codes: NDArray[Any],
    types: list[str],
    kept: NDArray[np.bool_],
    convention: str,
    notes: list[str],
    warnings: list[str],
) -> NDArray[np.float32]:
    """Return SIC, lowest and highest of each polygon (3, N), NaN where there is none.

    Args:
        codes: (N,) codes of total concentration, as the chart's table holds them.
        types: (N,) first letters of the kinds of polygon, empty where not known.
        kept: (N,) which of them count.
        convention: As in `codes.percent`.
        notes: Gets what was done to which polygons.
        warnings: Gets what the analyst should look at.
    """
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
