import numpy as np
import pytest
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from ml_core.evaluation.areas import PixelAreas
from ml_core.raster.grid import Grid, Window

GRIDS = {
    "NSIDC north 25 km": Grid(
        CRS.from_epsg(3411), Affine(25000, 0, -3850000, 0, -25000, 5850000), 448, 304
    ),
    "NSIDC south 25 km": Grid(
        CRS.from_epsg(3412), Affine(25000, 0, -3950000, 0, -25000, 4350000), 332, 316
    ),
    "EASE2 north 12.5 km": Grid(
        CRS.from_epsg(6931), Affine(12500, 0, -5400000, 0, -12500, 5400000), 864, 864
    ),
    "UTM 40 m, rotated": Grid(
        CRS.from_epsg(32640), Affine(38, 12, 500000, 12, -38, 8500000), 3000, 3000
    ),
    "stereographic 40 m": Grid(
        CRS.from_epsg(3413), Affine(40, 0, -400000, 0, -40, -1200000), 2000, 2000
    ),
    "degrees": Grid(CRS.from_epsg(4326), Affine(0.25, 0, -180, 0, -0.25, 90), 720, 1440),
}


def geodesic_km2(grid, row, col):
    """The area of a pixel whose sides are followed by many points (pyproj, WGS84)."""
    n = 16
    steps = np.linspace(0, 1, n, endpoint=False)
    across = np.concatenate([steps, np.ones(n), 1 - steps, np.zeros(n)])
    down = np.concatenate([np.zeros(n), steps, np.ones(n), 1 - steps])
    t = grid.transform
    x = t.a * (col + across) + t.b * (row + down) + t.c
    y = t.d * (col + across) + t.e * (row + down) + t.f
    to_lon_lat = Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    return abs(Geod(ellps="WGS84").polygon_area_perimeter(*to_lon_lat.transform(x, y))[0]) / 1e6


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_areas_equal_geodesic_ones_within_a_thousandth(grid):
    areas = PixelAreas(grid)
    rng = np.random.default_rng(1)
    # not on the pole or the last row: pyproj's polygons are of no use there
    for row, col in zip(
        rng.integers(1, grid.height - 1, 25), rng.integers(0, grid.width, 25), strict=True
    ):
        found = areas.km2(Window(row, col, 1, 1))[0, 0]
        assert found == pytest.approx(geodesic_km2(grid, row, col), rel=1e-3)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_areas_between_nodes_equal_those_at_them(grid):
    areas = PixelAreas(grid)
    window = Window(10, 20, 280, 200)
    block = areas.km2(window)
    assert block.shape == (280, 200)
    for row, col in ((0, 0), (3, 7), (141, 99), (279, 199)):
        alone = areas.km2(Window(10 + row, 20 + col, 1, 1))[0, 0]
        assert block[row, col] == pytest.approx(alone, rel=1e-5)


def test_the_whole_earth_in_degrees():
    total = PixelAreas(GRIDS["degrees"]).km2(GRIDS["degrees"].window).sum()
    assert total == pytest.approx(510_065_622, rel=1e-4)  # WGS84


def test_longitudes_beyond_180_stay_in_order():
    grid = Grid(CRS.from_epsg(4326), Affine(1, 0, 179.5, 0, -1, 70), 1, 2)
    np.testing.assert_allclose(*PixelAreas(grid).km2(grid.window)[0])


def test_a_strip_of_one_column():
    grid = GRIDS["stereographic 40 m"]
    areas = PixelAreas(grid)
    np.testing.assert_allclose(
        areas.km2(Window(0, 5, 900, 1)), areas.km2(Window(0, 0, 900, 20))[:, 5:6], rtol=1e-6
    )
