import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter

from ml_core.jobs.sources import RasterSource
from ml_core.observation.observations import Observations, footprints_of, footprints_on
from ml_core.raster.grid import Grid
from ml_core.raster.reference import Reference
from tests.builders.rasters import write_raster


def scene_grid(size=200.0, height=300, width=400):
    return Grid(CRS.from_epsg(3413), Affine(size, 0, 5e5, 0, -size, -1e6), height, width)


def opened(path, **more):
    return Reference.open(RasterSource(str(path)), **more)


def test_each_cell_of_a_coarse_reference_is_one_value_at_its_centre(tmp_path):
    sic = np.random.default_rng(0).uniform(0, 100, (10, 14)).astype(np.float32)
    sic[2, 3] = 254  # a flag
    # origin off the scene's by 7 px of it
    path = write_raster(tmp_path / "sic.tif", sic, size=6000, origin=(5e5 + 1400, -1e6 - 1400))
    grid = scene_grid()
    with opened(path, footprint_m=12_000) as reference:
        seen = footprints_of(reference, grid, 12_000)
    expected = {
        (30 * row + 15 + 7, 30 * col + 15 + 7): sic[row, col]
        for row in range(10)
        for col in range(14)
        if sic[row, col] <= 100 and 30 * row + 22 < 300 and 30 * col + 22 < 400
    }
    found = dict(zip(zip(seen.row.tolist(), seen.col.tolist()), seen.percent.tolist()))
    assert found.keys() == expected.keys()
    assert all(found[place] == pytest.approx(expected[place]) for place in found)
    assert seen.footprint_px == 60
    assert not seen.are_polygons
    assert np.isnan(seen.uncertainty_percent).all()
    assert (seen.low == seen.percent).all()
    assert (seen.high == seen.percent).all()


def test_in_another_projection_a_value_lies_where_the_ground_is(tmp_path):
    sic = np.arange(48, dtype=np.float32).reshape(6, 8)
    grid = Grid(CRS.from_epsg(3413), Affine(500, 0, 0, 0, -500, -1.5e6), 200, 200)
    # around the scene's middle, in degrees
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(3413, 4326, always_xy=True)
    lon, lat = to_degrees.transform(5e4, -1.55e6)
    path = write_raster(
        tmp_path / "sic.tif", sic, size=0.05, origin=(lon - 0.2, lat + 0.15), crs="EPSG:4326"
    )
    with opened(path) as reference:
        seen = footprints_of(reference, grid, 5000.0)
    back = Transformer.from_crs(4326, 3413, always_xy=True)
    for row, col, percent in zip(seen.row, seen.col, seen.percent, strict=True):
        at_row, at_col = divmod(int(percent), 8)
        x, y = back.transform(lon - 0.2 + 0.05 * (at_col + 0.5), lat + 0.15 - 0.05 * (at_row + 0.5))
        assert (row, col) == pytest.approx(((-1.5e6 - y) / 500, x / 500), abs=0.02)
    assert len(seen) == 48


def test_an_interpolated_reference_is_thinned_to_eighths_of_its_footprint(tmp_path):
    field = gaussian_filter(np.random.default_rng(1).normal(size=(300, 400)), 30)
    sic = (100 * (field - field.min()) / np.ptp(field)).astype(np.float32)
    path = write_raster(tmp_path / "sic.tif", sic, size=200)
    with opened(path) as reference:
        seen = footprints_of(reference, scene_grid(), 12_000)  # 60 px
    assert len(seen) == (300 // 7 + 1) * (400 // 7)
    inner = (seen.row < 290) & (seen.col < 390)
    at = seen.row[inner].astype(int), seen.col[inner].astype(int)
    assert seen.percent[inner] == pytest.approx(sic[at], abs=1.0)


def test_the_uncertainty_comes_with_the_values(tmp_path):
    sic = np.full((2, 4, 4), 50, np.float32)
    sic[1] = np.arange(16).reshape(4, 4)
    sic[1, 0, 0] = np.nan
    path = write_raster(tmp_path / "sic.tif", sic, size=6000, tags={"SEAICE_UNCERTAINTY_BAND": "2"})
    with opened(path) as reference:
        seen = footprints_of(reference, scene_grid(6000.0, 4, 4), 12_000)
    assert np.isnan(seen.uncertainty_percent[0])
    assert seen.uncertainty_percent[1:].tolist() == list(range(1, 16))


def test_a_reference_elsewhere_says_nothing(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.full((4, 4), 50.0), size=6000, origin=(3e6, 3e6))
    with opened(path) as reference:
        assert footprints_of(reference, scene_grid(), 12_000) is None
    flags = np.full((4, 4), 50.0)
    flags[1:] = 255
    path = write_raster(tmp_path / "b.tif", flags, size=6000, origin=(5e5, -1e6 + 6000))
    with opened(path) as reference:  # its only row lies above the scene
        assert footprints_of(reference, scene_grid(), 12_000) is None


def test_values_known_on_the_scenes_pixels_alone_are_means_of_squares():
    sic = np.full((40, 60), np.nan, np.float32)
    sic[:, 16:] = np.arange(44)
    found = footprints_on(sic, 32.0)  # squares of 4 px
    assert len(found) == 10 * 11
    assert found.percent == pytest.approx((found.col - 16.5), abs=1e-4)
    assert footprints_on(np.full((40, 60), np.nan, np.float32), 32.0) is None


def test_the_nearest_value_of_an_interval():
    one = np.float32([30, 50, 70])
    seen = Observations(one, one, one, one - 5, one + 10, one * np.nan, 8.0, one * 0)
    assert seen.nearest(np.array([20.0, 55.0, 90.0])).tolist() == [25, 55, 80]
    assert seen.nearest(np.array([[70.0], [0.0]]), np.array([2])).tolist() == [[70], [65]]
