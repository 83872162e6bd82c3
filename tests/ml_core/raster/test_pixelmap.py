import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core.raster.grid import Grid, Window
from ml_core.raster.pixelmap import PixelMap

POLAR = Grid(CRS.from_epsg(3413), Affine(40, 0, 500_000, 0, -40, -1_000_000), 3000, 2500)
SOURCES = {
    "turned": Grid(
        POLAR.crs,
        Affine.translation(520_000, -990_000) @ Affine.rotation(25) @ Affine.scale(90, -60),
        2000,
        2000,
    ),
    "UTM": Grid(CRS.from_epsg(32627), Affine(70, 0, 400_000, 0, -70, 9_000_000), 4000, 4000),
    "degrees": Grid(CRS.from_epsg(4326), Affine(0.05, 0, -180, 0, -0.02, 90), 1000, 7200),
}


def expected(target, source, row, col):
    """Place of a target position on the source, by affine matrices and pyproj alone."""
    x, y = target.transform @ (col, row)
    transformer = pyproj.Transformer.from_crs(
        target.crs.to_wkt(), source.crs.to_wkt(), always_xy=True
    )
    return (~source.transform @ transformer.transform(x, y))[::-1]


@pytest.mark.parametrize("name", SOURCES)
def test_pixels_lie_where_the_projection_puts_them(name):
    window = Window(-30, 1000, 70, 45)
    rows, cols = PixelMap(POLAR, SOURCES[name]).source_pixels(window)
    assert rows.shape == cols.shape == (70, 45)
    for i, j in [(0, 0), (13, 44), (31, 7), (69, 21)]:
        row, col = expected(POLAR, SOURCES[name], window.row + i + 0.5, window.col + j + 0.5)
        assert rows[i, j] == pytest.approx(row, abs=0.01)
        assert cols[i, j] == pytest.approx(col, abs=0.01)


def test_around_the_pole_no_pixel_is_interpolated_wrongly():
    pole = Grid(POLAR.crs, Affine(1000, 0, -50_000, 0, -1000, 50_000), 100, 100)
    rows, cols = PixelMap(pole, SOURCES["degrees"]).source_pixels(pole.window)
    for i, j in [(49, 50), (50, 48), (52, 20), (20, 49)]:
        row, col = expected(pole, SOURCES["degrees"], i + 0.5, j + 0.5)
        assert rows[i, j] == pytest.approx(row, abs=0.01)
        assert cols[i, j] == pytest.approx(col, abs=0.01)


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_window_holds_all_pixels_there_are_and_little_more(name):
    source = SOURCES[name]
    window = Window(100, 200, 700, 300)
    found = PixelMap(POLAR, source).source_window(window, margin=0)
    border = [(r, c) for r in np.linspace(100, 800, 50) for c in (200.0, 500.0)]
    border += [(r, c) for c in np.linspace(200, 500, 50) for r in (100.0, 800.0)]
    rows, cols = np.array([expected(POLAR, source, *at) for at in border]).T
    # what lies beyond the source is left out
    rows, cols = rows.clip(0, source.height), cols.clip(0, source.width)
    assert found.row <= rows.min() <= found.row + 3
    assert found.stop_row - 3 <= rows.max() <= found.stop_row
    assert found.col <= cols.min() <= found.col + 3
    assert found.stop_col - 3 <= cols.max() <= found.stop_col


def test_a_place_beyond_the_projections_horizon_has_no_window():
    far = Grid(CRS.from_proj4("+proj=ortho +lat_0=-90"), Affine(1e4, 0, 0, 0, -1e4, 0), 50, 50)
    globe = Grid(CRS.from_proj4("+proj=ortho +lat_0=90"), Affine(1e4, 0, 0, 0, -1e4, 0), 50, 50)
    assert PixelMap(globe, far).source_window(globe.window, margin=2) == Window(0, 0, 0, 0)


def test_the_step_is_the_ratio_of_pixel_sizes():
    finer = Grid(POLAR.crs, POLAR.transform @ Affine.scale(0.25), 400, 400)
    assert PixelMap(POLAR, finer).step_px == pytest.approx(4)
    assert PixelMap(finer, POLAR).step_px == pytest.approx(0.25)
