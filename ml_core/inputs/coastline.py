"""A coastline: which pixels of a scene are land, or near to it, by a layer of polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj
import shapely
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt

from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.sources import VectorSource
from ..raster.grid import Grid, Positions, Window, applied
from ..raster.radiometry import Mask
from .vector import Shapes, crs_of, on_map, polygons, read_features, read_info

_CELLS_PER_BUFFER = 128
"""Wider buffers are measured on cells of several pixels: exact to a hundredth of them."""

_SAMPLES = 65
"""Places per axis by which a scene's bounds in another CRS are found."""

_AROUND = 0.1
"""Share of a scene's size by which more is read around it."""

_COARSE_PX = 10
"""A coastline whose nodes are farther apart than so many pixels is coarse for them."""

_MOST_EDGES = 100_000

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Coastline:
    """Land around a scene, as polygons on its map.

    Attributes:
        label: What messages call the layer.
        grid: The scene's.
        polygons: (N,) land that the scene shows, and as much around it as was asked for.
        spacing_m: Median distance of the coastline's nodes; None where there is no coast.
    """

    label: str
    grid: Grid
    polygons: Shapes
    spacing_m: float | None

    @classmethod
    def read(
        cls,
        source: VectorSource,
        grid: Grid,
        report: Reporter,
        *,
        reach_m: float = 0.0,
        are_land: bool = True,
    ) -> Coastline:
        """Read the land that lies on a scene or within a distance of it.

        Args:
            grid: The scene's.
            report: Gets what was noticed in the layer.
            reach_m: The widest buffer that `land` will be asked for.
            are_land: Whether the polygons are land; else they are the sea.

        Raises:
            SeaIceError: The layer cannot be read, has no CRS or no polygons.
        """
        info = read_info(source)
        if "Line" in str(info["geometry_type"]):
            raise SeaIceError(
                f"{source.label}: holds lines, polygons expected; give the polygons of the same"
                " source (GSHHG: GSHHS_*_L1, OpenStreetMap: land polygons, Natural Earth:"
                " ne_10m_land), or close the lines by Lines to polygons or Polygonize of QGIS"
            )
        crs = crs_of(source, info["crs"])
        notes: list[str] = []
        warnings: list[str] = []
        shapes = _clipped(source, crs, grid, reach_m, notes, warnings, are_land=are_land)
        spacing_m = _spacing_m(shapes, crs)
        if spacing_m is not None and spacing_m > _COARSE_PX * grid.resolution_m:
            warnings.append(
                f"its nodes are some {spacing_m:.0f} m apart, pixels {grid.resolution_m:.4g} m:"
                " coasts may be wrong by many pixels and small islands missing; give a more"
                " detailed coastline"
            )
        found = on_map(shapes, crs, grid, source.label, warnings)
        parts = shapely.get_parts(found[~shapely.is_missing(found)])
        spacing = "" if spacing_m is None else f", nodes some {spacing_m:.0f} m apart"
        for note in (f"{len(parts)} polygons on the scene and around it{spacing}", *notes):
            report.info(f"{source.label}: {note}")
        for warning in warnings:
            report.warning(f"{source.label}: {warning}")
        return cls(source.label, grid, parts, spacing_m)

    def log_share(self, share: float, report: Reporter) -> None:
        """Warn where all of a scene is sea, or land."""
        if share == 0:
            report.warning(
                f"{self.label}: no land lies on the scene, all is sea. If there should be land,"
                " check that the coastline covers the region, and the CRS of both"
            )
        if share == 1:
            report.warning(
                f"{self.label}: no sea lies on the scene, all is land. If the polygons enclose the"
                " sea, say so by The polygons are; else check the CRS of both"
            )

    def land(self, window: Window, buffer_m: float = 0.0) -> Mask:
        """Return which pixels are land.

        Without a buffer, a pixel is land where its centre is. With one, it is land where any land
        lies within it, to about a pixel or a hundredth of the buffer.

        Args:
            window: Pixels of the scene's grid.
            buffer_m: In metres, also where the grid's unit is degrees.

        Returns:
            (window.height, window.width).
        """
        if buffer_m <= 0:
            return self._burnt(window, (1, 1), touched=False)
        size_m = np.maximum(self.grid.part(window).nominal_pixel_size_m, 1e-3)  # 0 at the pole
        cell_px = np.maximum(1, buffer_m / size_m / _CELLS_PER_BUFFER).astype(int)
        cell_m = size_m * cell_px
        limit_m = buffer_m + math.hypot(*cell_m) / 2  # land lies anywhere in a cell
        first = np.array([window.row, window.col]) // cell_px
        stop = -(-np.array([window.stop_row, window.stop_col]) // cell_px)
        more = np.ceil(limit_m / cell_m).astype(int)
        around = Window(*map(int, first - more), *map(int, stop - first + 2 * more))
        touched = self._burnt(around, (int(cell_px[0]), int(cell_px[1])), touched=True)
        near = touched
        if touched.any():
            near = distance_transform_edt(~touched, sampling=tuple(cell_m)) <= limit_m
        rows = np.arange(window.row, window.stop_row) // cell_px[0] - around.row
        cols = np.arange(window.col, window.stop_col) // cell_px[1] - around.col
        result: Mask = near[rows[:, None], cols]
        return result

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.polygons)

    def _burnt(self, window: Window, cell_px: tuple[int, int], *, touched: bool) -> Mask:
        """Return which cells have land at their centre, or anywhere.

        Args:
            window: Cells, from the grid's corner.
            cell_px: Height and width of one.
        """
        y, x = cell_px
        grid = self.grid.part(
            Window(window.row * y, window.col * x, window.height * y, window.width * x)
        ).coarsened(y, x)
        # edges along the window's own border would touch its cells
        left, bottom, right, top = grid.part(grid.window.grown(2)).bounds()
        # GDAL looks at every edge for every row
        clipped = shapely.clip_by_rect(
            self.polygons[self._tree.query(shapely.box(left, bottom, right, top))],
            *(left, bottom, right, top),
        )
        parts = _parts(clipped)
        if not len(parts):
            return np.zeros(grid.shape, bool)
        burnt = rasterize(
            parts,
            out_shape=grid.shape,
            transform=grid.transform,
            all_touched=touched,
            dtype="uint8",
        )
        result: Mask = burnt.astype(bool)
        return result


def _parts(shapes: Shapes) -> Shapes:
    """Return the single polygons in shapes of any kind."""
    parts = shapely.get_parts(shapely.get_parts(shapes))  # of collections, too
    areas: Shapes = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
    return areas


def _clipped(
    source: VectorSource,
    crs: pyproj.CRS,
    grid: Grid,
    reach_m: float,
    notes: list[str],
    warnings: list[str],
    *,
    are_land: bool,
) -> Shapes:
    """Return land near a scene as polygons (N,) in the layer's CRS.

    Longitudes may lie beyond 180 degrees: they are those of a scene across the antimeridian.
    """
    boxes = _boxes(grid, crs, reach_m)
    read = [read_features(source, bbox=box) for box, _ in boxes]
    _, once = np.unique(np.concatenate([ids for _, ids, _, _ in read]), return_index=True)
    wkb = np.concatenate([shapes for _, _, shapes, _ in read])[once]
    shapes = shapely.get_parts(shapely.from_wkb(wkb, on_invalid="ignore"))
    if crs.is_geographic:
        _unwrap(shapes)
    kept = polygons(shapes, notes, warnings)
    if len(kept) and not kept.any():
        raise SeaIceError(f"{source.label}: the layer has no polygons; give polygons of land")
    if not len(kept) and not are_land:
        raise SeaIceError(
            f"{source.label}: no polygon of the sea lies where the scene does; give the layer of"
            " the scene's region, and check the CRS of both"
        )
    pieces = []
    for box, shift in boxes:
        part = _parts(shapely.clip_by_rect(shapes[kept], *box))
        if not are_land:
            part = _parts(
                np.array([shapely.difference(shapely.box(*box), shapely.union_all(part))])
            )
        pieces.append(shapely.transform(part, lambda xy, shift=shift: xy - [shift, 0]))
    return np.concatenate(pieces)


def _boxes(grid: Grid, crs: pyproj.CRS, reach_m: float) -> list[tuple[Box, float]]:
    """Return where in a layer's CRS what a scene may show lies.

    Returns:
        Boxes, and what is to be taken from their x to get the scene's: longitudes from -180 to 180
        and from 0 to 360 degrees are both in use.

    Raises:
        SeaIceError: The CRS has no place for the scene.
    """
    target = pyproj.CRS.from_user_input(grid.crs)
    # pixels of a grid in degrees are narrowest towards the pole
    borders = [grid.part(Window(row, 0, 1, grid.width)) for row in (0, grid.height - 1)]
    finest_m = np.min([border.nominal_pixel_size_m for border in borders], axis=0)
    more_px = _AROUND * np.array(grid.shape) + reach_m / np.maximum(finest_m, 1e-3)
    rows, cols = (
        np.linspace(-more, side + more, _SAMPLES)
        for side, more in zip(grid.shape, more_px, strict=True)
    )
    x, y = (at.ravel() for at in applied(grid.transform, *np.meshgrid(cols, rows)))
    if not (crs.is_geographic and target.is_geographic):
        x, y = pyproj.Transformer.from_crs(target, crs, always_xy=True).transform(x, y)
    shown = np.isfinite(x) & np.isfinite(y)
    if not shown.any():
        raise SeaIceError(
            "the coastline's CRS cannot show where the scene lies; give a coastline in longitude"
            " and latitude (EPSG:4326), or in the scene's CRS"
        )
    x, y = x[shown], y[shown]
    left, bottom, right, top = (float(at) for at in (x.min(), y.min(), x.max(), y.max()))
    if not crs.is_geographic:
        # between the outermost places, the scene may reach the border of the CRS's world
        more_x, more_y = (right - left) / (_SAMPLES - 1), (top - bottom) / (_SAMPLES - 1)
        return [((left - more_x, bottom - more_y, right + more_x, top + more_y), 0.0)]
    bottom, top = max(bottom, -90.0), min(top, 90.0)
    if not target.is_geographic:
        left, right = _arc(x)
        for pole in (-90.0, 90.0):
            if _shows(grid, more_px, pole):
                left, right = -180.0, 180.0
                bottom, top = min(bottom, pole), max(top, pole)
    shifts = (-360.0, 0.0, 360.0)
    return [
        ((left + shift, bottom, right + shift, top), shift)
        for shift in shifts
        if left + shift < 360 and right + shift > -180
    ]


def _arc(longitudes: Positions) -> tuple[float, float]:
    """Return the ends of the shortest arc over longitudes; the second may be above 180 degrees."""
    east = np.sort(longitudes % 360)
    gaps = np.diff(east, append=east[0] + 360)
    last = int(np.argmax(gaps))
    first = float(east[(last + 1) % east.size])
    first = first - 360 if first >= 180 else first
    return first, first + 360 - float(gaps[last])


def _shows(grid: Grid, more_px: Positions, latitude: float) -> bool:
    """Say whether a pole lies on a grid or little beyond it."""
    to_map = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    x, y = to_map.transform(0.0, latitude)
    if not (math.isfinite(x) and math.isfinite(y)):
        return False
    col, row = ~grid.transform @ (x, y)
    places = zip((row, col), grid.shape, more_px, strict=True)
    return all(-more <= at <= side + more for at, side, more in places)


def _unwrap(shapes: Shapes) -> None:
    """Make polygons across the antimeridian that jump from 180 to -180 degrees whole, in place.

    Their longitudes go on beyond 180 degrees. One around a pole is led over it.
    """
    areas = np.flatnonzero(shapely.get_type_id(shapes) == 3)
    rings, owner = shapely.get_rings(shapes[areas], return_index=True)
    places, ring = shapely.get_coordinates(rings, return_index=True)
    jumps = (np.abs(np.diff(places[:, 0])) > 180) & (np.diff(ring) == 0)
    jumps &= np.abs(places[1:, 1]) < 89  # edges along a pole are no jumps
    for index in areas[np.unique(owner[ring[1:][jumps]])]:
        shell, *holes = (shapely.get_coordinates(each) for each in shapely.get_rings(shapes[index]))
        for each in (shell, *holes):
            each[:, 0] = np.unwrap(each[:, 0], period=360)
        first, last = shell[0, 0], shell[-1, 0]
        if abs(last - first) > 180:
            pole = math.copysign(90, shell[:, 1].mean())
            shell = np.vstack([shell, [last, pole], [first, pole]])
        shapes[index] = shapely.Polygon(shell, holes)


def _spacing_m(shapes: Shapes, crs: pyproj.CRS) -> float | None:
    """Return the median length of polygons' edges in metres on the ground; None without edges."""
    places, ring = shapely.get_coordinates(shapely.get_rings(shapes), return_index=True)
    # clipping left edges along x and y, which are no coast
    edges = np.flatnonzero((np.diff(ring) == 0) & (np.diff(places, axis=0) != 0).all(axis=1))
    edges = edges[:: max(1, edges.size // _MOST_EDGES)]
    if not edges.size:
        return None
    lon, lat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*places.T)
    ends = lon[edges], lat[edges], lon[edges + 1], lat[edges + 1]
    return float(np.nanmedian(pyproj.Geod(ellps="WGS84").inv(*ends)[2]))
