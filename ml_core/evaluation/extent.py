"""Sea-ice extent and area, the integrated ice edge error, and how far apart two ice edges are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import KDTree

from ..raster.grid import Grid

EDGE_PERCENT = 15.0
"""Ice begins at this SIC, for extent, area and edge: the convention of NSIDC and ice services."""

_EARTH_RADIUS_M = 6_371_008.8

_MOST_EDGE_CELLS = 400_000

_Mask = NDArray[np.bool_]
_Floats = NDArray[np.float64]


def is_ice(sic_percent: NDArray[np.floating]) -> _Mask:
    """Return where there is ice, of the same shape; NaN is none."""
    ice: _Mask = np.nan_to_num(sic_percent) >= EDGE_PERCENT
    return ice


@dataclass
class IceSums:
    """Areas in km2 over the cells where both prediction and reference hold; added block by block.

    Pairs (2,) are of the prediction and the reference.

    Attributes:
        compared_km2: Area of those cells.
        extent_km2: Area of cells with ice.
        area_km2: The same times their SIC; cells without ice do not count.
        open_area_km2: What the cells without ice would add to the area.
        over_km2: Ice in the prediction alone (O of Goessling et al. 2016).
        under_km2: Ice in the reference alone (U).
    """

    compared_km2: float = 0.0
    extent_km2: _Floats = field(default_factory=lambda: np.zeros(2))
    area_km2: _Floats = field(default_factory=lambda: np.zeros(2))
    open_area_km2: _Floats = field(default_factory=lambda: np.zeros(2))
    over_km2: float = 0.0
    under_km2: float = 0.0

    def add(
        self,
        predicted_percent: NDArray[np.floating],
        reference_percent: NDArray[np.floating],
        area_km2: NDArray[np.floating],
    ) -> None:
        """Add cells: SIC of both, without NaN, and true areas; (N,) each."""
        cells_km2 = np.asarray(area_km2, np.float64)
        self.compared_km2 += float(cells_km2.sum())
        ice = [is_ice(sic) for sic in (predicted_percent, reference_percent)]
        covered = [
            np.clip(sic, 0, 100) / 100 * cells_km2 for sic in (predicted_percent, reference_percent)
        ]
        self.extent_km2 += [cells_km2[mask].sum() for mask in ice]
        self.area_km2 += [part[mask].sum() for part, mask in zip(covered, ice, strict=True)]
        self.open_area_km2 += [part[~mask].sum() for part, mask in zip(covered, ice, strict=True)]
        self.over_km2 += float(cells_km2[ice[0] & ~ice[1]].sum())
        self.under_km2 += float(cells_km2[ice[1] & ~ice[0]].sum())

    @property
    def iiee_km2(self) -> float:
        """Integrated ice edge error: the area where one has ice and the other has not.

        Source: Goessling et al. 2016, Geophysical Research Letters 43, 1642-1650, equation 1.
        """
        return self.over_km2 + self.under_km2

    @property
    def extent_error_km2(self) -> float:
        """Absolute extent error |O - U| (equation 4 there)."""
        return abs(self.over_km2 - self.under_km2)

    @property
    def misplacement_km2(self) -> float:
        """Misplacement error 2 min(O, U) (equation 5 there): ice of right extent, wrong place."""
        return 2 * min(self.over_km2, self.under_km2)


def edge_cells(ice: _Mask, valid: _Mask) -> _Mask:
    """Return which cells (H, W) are the ice edge: ice with a valid neighbour without ice.

    Args:
        ice: (H, W) where there is ice; it is valid.
        valid: (H, W) where there is a SIC; land and missing cells make no edge.

    Returns:
        (H, W); neighbours are above, below, left and right.
    """
    water = valid & ~ice
    near: _Mask = np.zeros_like(ice)
    near[1:] |= water[:-1]
    near[:-1] |= water[1:]
    near[:, 1:] |= water[:, :-1]
    near[:, :-1] |= water[:, 1:]
    edge: _Mask = ice & near
    return edge


@dataclass(frozen=True)
class EdgeDistance:
    """Distances between two ice edges.

    Attributes:
        mean_km: Mean over both edges' cells of the distance to the other edge, the two edges
            counting alike (Melsom et al. 2019, The Cryosphere 13, 615-629, D_AVG).
        p95_km: 95th percentile of the same distances.
        from_prediction_km: Mean over the prediction's edge cells.
        from_reference_km: Mean over the reference's edge cells.
    """

    mean_km: float
    p95_km: float
    from_prediction_km: float
    from_reference_km: float


def edge_places(grid: Grid, parts: Iterable[NDArray[np.integer]]) -> _Floats:
    """Return where an ice edge lies: `places` of its cells, thinned where there are very many.

    Args:
        parts: Rows and columns of the cells, (N, 2) each.
    """
    # drawn, the same each time: even steps can all fall near one diagonal of the raster
    rng, share = np.random.default_rng(0), 1.0
    cells, drawn = np.zeros((0, 2), np.int32), np.zeros(0, np.float32)
    for part in parts:
        number = rng.random(len(part), np.float32)
        keep = number < share
        cells = np.concatenate([cells, part[keep].astype(np.int32)])
        drawn = np.concatenate([drawn, number[keep]])
        while len(cells) > _MOST_EDGE_CELLS:
            share /= 2
            cells, drawn = cells[drawn < share], drawn[drawn < share]
    return places(grid, *cells.T) if len(cells) else np.zeros((0, 3))


def places(grid: Grid, row: NDArray[np.integer], col: NDArray[np.integer]) -> _Floats:
    """Return where cells' centres lie, (N, 3) in m from the Earth's centre: no map distorts them.

    Args:
        row: (N,) rows.
        col: (N,) columns.
    """
    t = grid.transform
    x = t.a * (col + 0.5) + t.b * (row + 0.5) + t.c
    y = t.d * (col + 0.5) + t.e * (row + 0.5) + t.f
    to_lon_lat = Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = to_lon_lat.transform(x, y)
    to_space = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    return np.column_stack(to_space.transform(lon, lat, np.zeros_like(lon)))


def distance_km(points: _Floats, edge: _Floats) -> _Floats:
    """Return each point's distance along the Earth's surface to the nearest point of an edge.

    Args:
        points: (N, 3) from `places`.
        edge: (M, 3) from `places`, M >= 1.
    """
    chord, _ = KDTree(edge).query(points)
    return np.asarray(
        2 * _EARTH_RADIUS_M * np.arcsin(np.minimum(chord / (2 * _EARTH_RADIUS_M), 1)) / 1000
    )


def edge_distance(predicted: _Floats, reference: _Floats) -> EdgeDistance | None:
    """Return how far apart two edges are, or None where one of them has no cell.

    Args:
        predicted: (N, 3) from `places`.
        reference: (M, 3) from `places`.
    """
    if not len(predicted) or not len(reference):
        return None
    there, back = distance_km(predicted, reference), distance_km(reference, predicted)
    both = np.concatenate([there, back])
    return EdgeDistance(
        mean_km=float((there.mean() + back.mean()) / 2),
        p95_km=float(np.quantile(both, 0.95)),
        from_prediction_km=float(there.mean()),
        from_reference_km=float(back.mean()),
    )
