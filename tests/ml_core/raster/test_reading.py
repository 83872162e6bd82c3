from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint

from ml_core.errors import SeaIceError
from ml_core.jobs import RasterSource
from ml_core.raster.grid import Window
from ml_core.raster.reading import open_band

WHOLE = Window(0, 0, 2, 3)


def read(source, window=WHOLE):
    with open_band(source) as band:
        return band.read(window)


def test_nodata_nan_and_infinity_are_invalid(raster):
    values = np.array([[1, np.nan, -9999], [np.inf, -np.inf, 2]], dtype=np.float32)
    found, valid = read(raster("a.tif", values, nodata=-9999))
    assert valid.tolist() == [[True, False, False], [False, False, True]]
    assert np.isnan(found[~valid]).all()
    assert found[valid].tolist() == [1, 2]


def test_nodata_declared_slightly_differently_is_nodata(raster):
    values = np.array([[0, 50, 100], [-3.4028235e38, -3.4e38, 7]], dtype=np.float32)
    _, valid = read(raster("a.tif", values, nodata=-3.3999999521443642e38))
    assert valid.tolist() == [[True, True, True], [False, False, True]]


def test_nodata_nan_declared(raster):
    values = np.array([[0, np.nan, 1], [2, 3, np.nan]], dtype=np.float64)
    _, valid = read(raster("a.tif", values, nodata=np.nan))
    assert valid.tolist() == [[True, False, True], [True, True, False]]


def test_zero_nodata_of_integers(raster):
    values = np.array([[0, 1, 2], [3, 0, 255]], dtype=np.uint8)
    _, valid = read(raster("a.tif", values, nodata=0))
    assert np.array_equal(valid, values != 0)


def test_the_analysts_nodata_adds_to_the_files_or_replaces_it(raster):
    values = np.array([[1, 2, 3], [4, 5, -9999]], dtype=np.float32)
    ranges = ((2.0, 3.0), (5.0, 5.0))
    _, valid = read(raster("a.tif", values, nodata=-9999, source={"nodata": ranges}))
    assert valid.tolist() == [[True, False, False], [True, False, False]]
    more = {"nodata": ranges, "use_file_nodata": False}
    _, valid = read(raster("b.tif", values, nodata=-9999, source=more))
    assert valid.tolist() == [[True, False, False], [True, False, True]]


def test_scale_and_offset_of_the_file_are_applied_after_its_nodata(raster):
    values = np.array([[0, 100, 200], [300, -1, 400]], dtype=np.int16)
    found, valid = read(raster("a.tif", values, nodata=-1, scales=(0.1, -30)))
    assert not valid[1, 1]
    assert found[valid] == pytest.approx([-30, -20, -10, 0, 10])


def test_mask_band_is_respected(raster, tmp_path):
    source = raster("a.tif", np.ones((2, 3), dtype=np.float32))
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(source.path, "r+") as dataset,
    ):
        dataset.write_mask(np.array([[255, 0, 255], [255, 255, 0]], dtype=np.uint8))
    _, valid = read(source)
    assert valid.tolist() == [[True, False, True], [True, True, False]]


def test_a_window_may_reach_beyond_the_file(raster):
    source = raster("a.tif", np.arange(6, dtype=np.float32).reshape(2, 3))
    found, valid = read(source, Window(-1, 1, 4, 4))
    assert valid.tolist() == [
        [False] * 4,
        [True, True, False, False],
        [True, True, False, False],
        [False] * 4,
    ]
    assert found[valid].tolist() == [1, 2, 4, 5]
    _, valid = read(source, Window(50, 50, 2, 2))
    assert not valid.any()


def test_a_band_of_a_file_with_several(raster):
    values = np.stack([np.full((2, 3), 1), np.full((2, 3), 7)]).astype(np.float32)
    found, _ = read(raster("a.tif", values, source={"band": 2}))
    assert (found == 7).all()
    with pytest.raises(SeaIceError, match=r"b\.tif: there is no band 3; the file has 2"):
        read(raster("b.tif", values, source={"band": 3}))


def test_the_analysts_crs_replaces_the_files(raster):
    values = np.ones((2, 3), dtype=np.float32)
    with open_band(raster("a.tif", values, crs=None, source={"crs": "EPSG:32633"})) as band:
        assert band.grid.crs.to_epsg() == 32633


@pytest.mark.parametrize("source", [{}, {"crs": ""}])
def test_no_crs_is_an_error_with_the_remedy(raster, source):
    made = raster("hh.tif", np.ones((2, 3), dtype=np.float32), crs=None, source=source)
    with pytest.raises(SeaIceError, match=r"hh\.tif: the layer has no coordinate.*Set CRS"):
        read(made)


def test_no_crs_wins_over_the_files_when_the_analyst_took_it_away(raster):
    made = raster("hh.tif", np.ones((2, 3), dtype=np.float32), source={"crs": ""})
    with pytest.raises(SeaIceError, match="no coordinate reference system"):
        read(made)


def test_a_file_with_ground_control_points_only_needs_the_import(tmp_path):
    path = tmp_path / "measurement.tiff"
    points = [GroundControlPoint(0, 0, 10, 80), GroundControlPoint(2, 3, 11, 79)]
    with rasterio.open(
        path, "w", driver="GTiff", height=2, width=3, count=1, dtype="uint16"
    ) as dataset:
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(4326))
    with pytest.raises(SeaIceError, match=r"ground control points only.*Import Sentinel-1"):
        read(RasterSource(str(path)))


def test_no_geotransform_is_an_error(raster):
    made = raster("a.tif", np.ones((2, 3), dtype=np.float32), transform=Affine.identity())
    with pytest.raises(SeaIceError, match=r"no geotransform.*georeference"):
        read(made)


def test_complex_values_are_an_error(raster):
    with pytest.raises(SeaIceError, match="complex values"):
        read(raster("slc.tif", np.ones((2, 3), dtype=np.complex64)))


def test_what_is_no_raster_is_an_error(tmp_path):
    with pytest.raises(SeaIceError, match=r"WMS HH: there is no file url=http.*web or virtual"):
        read(RasterSource("url=http://x&layers=y", name="WMS HH"))
    text = tmp_path / "a.tif"
    text.write_text("no raster")
    with pytest.raises(SeaIceError, match=r"a\.tif: GDAL cannot open it"):
        read(RasterSource(str(text)))


def test_a_truncated_file_is_an_error_when_its_missing_part_is_read(raster):
    values = np.random.default_rng(0).random((600, 600), dtype=np.float32)
    source = raster("a.tif", values, tiled=True, blockxsize=256, blockysize=256)
    with open(source.path, "r+b") as file:
        file.truncate(400_000)
    with pytest.raises(SeaIceError, match=r"a\.tif: .*(damaged|cannot open)"):
        read(source, Window(0, 0, 600, 600))


def test_several_threads_read_what_one_reads(raster):
    """GDAL lets no two threads use a dataset at once; predict reads ahead while it checks."""
    values = np.random.default_rng(0).random((1500, 1500)).astype(np.float32)
    source = raster("a.tif", values, tiled=True, blockxsize=256, blockysize=256, compress="deflate")
    rng = np.random.default_rng(1)
    windows = [Window(*rng.integers(0, 1200, 2).tolist(), 300, 300) for _ in range(300)]
    with rasterio.Env(GDAL_CACHEMAX=1), open_band(source) as band, ThreadPoolExecutor(4) as pool:
        for window, (found, valid) in zip(windows, pool.map(band.read, windows), strict=True):
            np.testing.assert_array_equal(found, values[window.slices])
            assert valid.all()
