"""Vector layers: polygons as files hold them, made valid, and brought to a scene's map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from pyproj.exceptions import CRSError, ProjError

from ..errors import SeaIceError
from ..jobs.sources import FROM_FILE, VectorSource
from ..raster.grid import Grid

Shapes = NDArray[np.object_]

_UNREADABLE = (DataSourceError, DataLayerError, FeatureError, GeometryError, ValueError)

_STEP_M = 5_000.0
"""Edges are straight in the layer's CRS: nodes this far apart keep them so in the scene's."""

_FAR_M = 1e9
"""Coordinates beyond this, or not finite, are no place on a map."""


def read_info(source: VectorSource) -> dict[str, Any]:
    """Return what a layer declares: `crs`, `geometry_type` and others, as pyogrio names them.

    Raises:
        SeaIceError: The layer cannot be read.
    """
    try:
        info: dict[str, Any] = pyogrio.read_info(source.path, layer=source.layer or None)
    except _UNREADABLE as error:
        raise _unreadable(source, error) from error
    return info


def read_features(
    source: VectorSource, bbox: tuple[float, float, float, float] | None = None
) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[Any], list[Any]]:
    """Return a layer's features.

    Args:
        bbox: Where to read, in the layer's CRS; everywhere when None.

    Returns:
        The layer's metadata, the features' ids (N,), their shapes as WKB (N,), and a list of the
        fields' values (N,).

    Raises:
        SeaIceError: The layer cannot be read.
    """
    try:
        meta, ids, wkb, columns = pyogrio.raw.read(
            source.path,
            layer=source.layer or None,
            where=source.where or None,
            force_2d=True,
            return_fids=True,
            bbox=bbox,
        )
    except _UNREADABLE as error:
        raise _unreadable(source, error) from error
    return meta, ids, np.empty(0, object) if wkb is None else wkb, columns


def _unreadable(source: VectorSource, error: Exception) -> SeaIceError:
    return SeaIceError(
        f"{source.label}: cannot be read as a vector layer ({error}); give a shapefile, with its"
        " .shx and .dbf beside it, or another vector layer"
    )


def polygons(shapes: Shapes, notes: list[str], warnings: list[str]) -> NDArray[np.bool_]:
    """Make shapes valid, in place, and return which of them are (multi)polygons with an area.

    Args:
        shapes: (N,) shapes of any kind, None among them.
        notes: Gets how many have no area.
        warnings: Gets how many were made valid.
    """
    rebuilt = _rebuild(shapes)
    if rebuilt:
        warnings.append(
            f"{rebuilt} polygons cross or touch themselves; they were rebuilt, which"
            " may change their shape there"
        )
    kept: NDArray[np.bool_] = _are_areas(shapes) & ~shapely.is_empty(shapes)
    if not kept.all():
        notes.append(f"{int((~kept).sum())} features have no area and are left out")
    return kept


def _rebuild(shapes: Shapes) -> int:
    """Make polygons valid, in place, and return how many were not."""
    invalid = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    shapes[invalid] = [_area(shape) for shape in shapely.make_valid(shapes[invalid])]
    return int(invalid.sum())


def _area(shape: Any) -> Any:
    """Return the polygons of a geometry, without the lines and points that the repair left."""
    parts = shapely.get_parts(shape)
    parts = parts[_are_areas(parts)]
    return shapely.union_all(parts) if len(parts) else None


def _are_areas(shapes: Shapes) -> NDArray[np.bool_]:
    return np.isin(shapely.get_type_id(shapes), (3, 6))  # polygon, multipolygon


def crs_of(source: VectorSource, declared: str | None) -> pyproj.CRS:
    """Return a layer's CRS: the analyst's, else what the file declares.

    Raises:
        SeaIceError: There is none, or it is not understood.
    """
    given = source.crs if source.crs != FROM_FILE else declared
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


def on_map(shapes: Shapes, crs: pyproj.CRS, grid: Grid, label: str, warnings: list[str]) -> Shapes:
    """Return polygons in the grid's CRS, their edges kept straight in their own.

    Args:
        shapes: (N,) valid polygons.
        crs: Theirs.
        grid: The scene's.
        label: What messages call the layer.
        warnings: Gets how many the grid's CRS cannot show; these are None.
    """
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
            " clip the layer to the scene's hemisphere first"
        )
    return shapes
