import numpy as np
import pytest
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from ml_core.evaluation import extent
from ml_core.evaluation.extent import (
    IceSums,
    distance_km,
    edge_cells,
    edge_distance,
    edge_places,
    is_ice,
    places,
)
from ml_core.raster.grid import Grid

GRID = Grid(CRS.from_epsg(3413), Affine(10000, 0, -900000, 0, -10000, -500000), 100, 100)

REFERENCE = np.array([[100, 80, 10, 0], [100, 15, 0, 0], [90, 20, 14.9, 0]], float)
PREDICTED = np.array([[90, 10, 20, 0], [100, 30, 0, 40], [80, 20, 15.0, 5]], float)
AREA = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], float)


def test_iiee_equals_a_case_by_hand():
    sums = IceSums()
    for row in range(3):  # block by block
        sums.add(PREDICTED[row], REFERENCE[row], AREA[row])
    assert sums.over_km2 == 3 + 8 + 11
    assert sums.under_km2 == 2
    assert sums.iiee_km2 == 24
    assert sums.extent_error_km2 == 20
    assert sums.misplacement_km2 == 4
    assert sums.compared_km2 == AREA.sum()


def test_extent_and_area_equal_a_case_by_hand():
    sums = IceSums()
    sums.add(PREDICTED.ravel(), REFERENCE.ravel(), AREA.ravel())
    assert tuple(sums.extent_km2) == (1 + 3 + 5 + 6 + 8 + 9 + 10 + 11, 1 + 2 + 5 + 6 + 9 + 10)
    expected = 1 + 0.8 * 2 + 5 + 0.15 * 6 + 0.9 * 9 + 0.2 * 10
    assert sums.area_km2[1] == pytest.approx(expected)
    assert sums.open_area_km2[1] == pytest.approx(0.1 * 3 + 0.149 * 11)
    assert sum(sums.extent_km2) - 2 * sums.extent_km2[1] == sums.over_km2 - sums.under_km2


def test_sic_beyond_0_and_100_does_not_count_for_more_area():
    sums = IceSums()
    sums.add(np.array([130.0, -10.0]), np.array([100.0, 0.0]), np.array([2.0, 2.0]))
    assert tuple(sums.area_km2) == (2, 2)
    assert tuple(sums.open_area_km2) == (0, 0)


def test_ice_begins_at_15_percent():
    np.testing.assert_array_equal(
        is_ice(np.array([0, 14.99, 15, 100, np.nan])), [False, False, True, True, False]
    )


def test_the_edge_is_ice_beside_valid_water():
    sic = np.array([[100, 100, 0], [100, np.nan, 0], [100, 50, 50]], float)
    expected = [[False, True, False], [False, False, False], [False, False, True]]
    np.testing.assert_array_equal(edge_cells(is_ice(sic), np.isfinite(sic)), expected)


def edge_of(sic):
    return edge_places(GRID, [np.argwhere(edge_cells(is_ice(sic), np.isfinite(sic)))])


def test_parallel_edges_are_as_far_apart_as_a_geodesic_says():
    cols = np.arange(100)[None, :] * np.ones((100, 1))
    first, second = np.where(cols < 40, 100.0, 0.0), np.where(cols < 52, 100.0, 0.0)
    found = edge_distance(edge_of(second), edge_of(first))
    to_lon_lat = Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True)
    x, y = -900000 + 1e4 * np.array([39.5, 51.5]), np.full(2, -500000 - 1e4 * 50.0)
    lon, lat = to_lon_lat.transform(x, y)
    geodesic = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2] / 1000
    assert found.mean_km == pytest.approx(geodesic, rel=0.01)  # the map's scale varies by 1 %
    assert found.p95_km >= found.mean_km


def test_edge_distance_is_the_mean_of_both_directions():
    square = np.zeros((100, 100))
    square[40:60, 40:60] = 100
    more = square.copy()
    more[5, 5] = 100  # one false cell of ice, far off
    found = edge_distance(edge_of(more), edge_of(square))
    assert found.from_reference_km == 0
    assert found.from_prediction_km > 0
    assert found.mean_km == pytest.approx(found.from_prediction_km / 2)
    assert found.from_prediction_km * 77 > 400  # of 76 edge cells and the false one


def test_without_an_edge_there_is_no_distance():
    assert edge_distance(edge_of(np.zeros((10, 10))), edge_of(np.eye(10) * 100)) is None


def test_distance_along_the_surface():
    row, col = np.array([0, 99]), np.array([0, 99])
    points = places(GRID, row, col)
    to_lon_lat = Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True)
    lon, lat = to_lon_lat.transform(-900000 + 1e4 * (col + 0.5), -500000 - 1e4 * (row + 0.5))
    geodesic = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2] / 1000
    assert distance_km(points[:1], points[1:])[0] == pytest.approx(geodesic, rel=1e-3)


def test_very_long_edges_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(extent, "_MOST_EDGE_CELLS", 100)
    cells = np.argwhere(np.ones((100, 90)))
    found = edge_places(GRID, np.array_split(cells, 7))
    assert 20 <= len(found) <= 100
    # cells of 10 km: no gap of 30 rows
    assert distance_km(places(GRID, *cells.T), found).max() < 10 * 30
