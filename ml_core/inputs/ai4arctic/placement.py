"""Where an image lies: coarse grids over it, and the affine grid that comes closest to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS

from ...raster.grid import Grid, Positions, applied
from ...raster.radiometry import Floats
from .file import Ai4ArcticFile

_STRETCH = 0.1
"""Pixels whose ground size differs by more than this share from the layout's are misplaced."""


@dataclass(frozen=True)
class NodeGrid:
    """Values at nodes over an image, between which they are linear in each direction.

    Attributes:
        rows: (n,) places of the nodes in pixels from the image's upper edge, rising.
        cols: (m,) likewise from its left edge.
        values: (n, m).
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    values: Floats

    def at(self, rows: Positions, cols: Positions) -> Floats:
        """Return the values (h, w) at rows (h,) times columns (w,), in the same pixels.

        Beyond the outermost nodes their values hold; NaN beside a node without a value.
        """
        below, share = _between(self.rows, rows)
        lines = self.values[below] * (1 - share)[:, None] + self.values[below + 1] * share[:, None]
        below, share = _between(self.cols, cols)
        found = lines[:, below] * (1 - share) + lines[:, below + 1] * share
        return np.asarray(found, np.float32)


@dataclass(frozen=True)
class Placement:
    """An image on a map.

    Attributes:
        grid: The affine grid in a stereographic projection about the image's middle that comes
            closest to its geolocation.
        rms_m: How far the image's pixels lie from it, root mean square over the geolocation.
        most_m: The largest such distance.
    """

    grid: Grid
    rms_m: float
    most_m: float


def place(file: Ai4ArcticFile) -> Placement:
    """Return where an image lies.

    The network trains in the image's own geometry; a scene's grid is affine, the image is not. The
    fit says how well the one stands for the other: to 0.6 km (RMS; 1.5 km at most) on the
    geolocation of an EW product of 400 km, where pixels measure 40.0 x 40.5 m.

    Raises:
        SeaIceError: The geolocation is missing, or gives pixels of another size than the layout.
    """
    rows, cols, latitude, longitude = _geolocation(file)
    known = np.isfinite(latitude) & np.isfinite(longitude)
    rows, cols, latitude, longitude = (each[known] for each in (rows, cols, latitude, longitude))
    if rows.size < 4:
        raise file.error(f"{rows.size} points of its geolocation are known, 4 or more are needed")
    # the middle as a direction: longitudes jump at the date line
    phi, lam = np.radians(latitude), np.radians(longitude)
    east, north = (np.cos(phi) * np.sin(lam)).sum(), (np.cos(phi) * np.cos(lam)).sum()
    lon_0 = np.degrees(np.arctan2(east, north))
    lat_0 = np.degrees(np.arctan2(np.sin(phi).sum(), np.hypot(east, north)))
    crs = CRS.from_string(
        f"+proj=stere +lat_0={lat_0:.5f} +lon_0={lon_0:.5f} +k=1 +datum=WGS84 +units=m"
    )
    x, y = Transformer.from_crs(4326, crs.to_wkt(), always_xy=True).transform(longitude, latitude)
    design = np.column_stack([cols, rows, np.ones(rows.size)])
    fit, _, rank, _ = np.linalg.lstsq(design, np.column_stack([x, y]), rcond=None)
    if rank < 3:
        raise file.error("the points of its geolocation lie on one line")
    grid = Grid(crs, Affine(*fit[:, 0], *fit[:, 1]), *file.shape)
    fitted = applied(grid.transform, cols, rows)
    distance = np.hypot(fitted[0] - x, fitted[1] - y)
    sizes = grid.nominal_pixel_size_m
    if max(abs(size / file.nominal_pixel_m - 1) for size in sizes) > _STRETCH:
        raise file.error(
            f"its geolocation gives pixels of {sizes[0]:.4g} x {sizes[1]:.4g} m,"
            f" {file.nominal_pixel_m:g} m expected; the image was cut or resampled without it"
        )
    return Placement(grid, float(np.sqrt(np.mean(distance**2))), float(distance.max()))


def incidence_nodes(file: Ai4ArcticFile) -> NodeGrid:
    """Return the incidence angle at the points of a raw file's geolocation, degrees.

    Raises:
        SeaIceError: It is missing, or its points form no grid.
    """
    rows, cols = (file.values(f"sar_grid_{axis}") + 0.5 for axis in ("line", "sample"))
    angles = file.values("sar_grid_incidenceangle")
    lines, row = np.unique(rows, return_inverse=True)
    samples, col = np.unique(cols, return_inverse=True)
    values = np.full((lines.size, samples.size), np.nan, np.float32)
    if angles.size != rows.size or lines.size < 2 or samples.size < 2:
        raise file.error(
            f"sar_grid_incidenceangle has {angles.size} values at {lines.size} lines and"
            f" {samples.size} samples, one at each of a grid expected"
        )
    values[row, col] = angles
    if np.isnan(values).any():
        raise file.error(
            f"{int(np.isnan(values).sum())} of {values.size} points of the grid of incidence"
            " angles are missing"
        )
    return NodeGrid(lines.astype(np.float64), samples.astype(np.float64), values)


def cell_nodes(values: Floats, shape: tuple[int, int]) -> NodeGrid:
    """Return cells (n, m) that cover an image as nodes at their middles.

    Args:
        values: Such as brightness temperatures, one for about 50 x 50 pixels of 40 m.
        shape: Lines and samples of the image.
    """
    rows, cols = (
        (np.arange(cells) + 0.5) * length / cells
        for cells, length in zip(values.shape, shape, strict=True)
    )
    return NodeGrid(rows, cols, values)


def _geolocation(file: Ai4ArcticFile) -> tuple[NDArray[np.float64], ...]:
    """Return row and column in pixels, latitude and longitude of points (N,)."""
    if file.layout == "raw":
        names = "sar_grid_line", "sar_grid_sample", "sar_grid_latitude", "sar_grid_longitude"
        row, col, latitude, longitude = (file.values(name).astype(np.float64) for name in names)
        row, col = row + 0.5, col + 0.5
    else:
        latitude, longitude = (
            file.values(f"sar_grid2d_{name}").astype(np.float64)
            for name in ("latitude", "longitude")
        )
        # evenly over the image, from its first pixel to its last; lines come first, whatever the
        # dimensions are called
        row, col = np.meshgrid(
            *(
                np.linspace(0.5, length - 0.5, count)
                for length, count in zip(file.shape, latitude.shape, strict=True)
            ),
            indexing="ij",
        )
    if not row.size == col.size == latitude.size == longitude.size:
        raise file.error(
            f"its geolocation has {row.size} lines, {col.size} samples, {latitude.size} latitudes"
            f" and {longitude.size} longitudes, as many of each expected"
        )
    return row.ravel(), col.ravel(), latitude.ravel(), longitude.ravel()


def _between(nodes: NDArray[np.float64], places: Positions) -> tuple[NDArray[np.intp], Floats]:
    """Return the node before each place, and how far it is to the next, 0-1."""
    below = np.clip(np.searchsorted(nodes, places, side="right") - 1, 0, nodes.size - 2)
    share = (places - nodes[below]) / (nodes[below + 1] - nodes[below])
    return below, np.clip(share, 0, 1).astype(np.float32)
