import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.warp import Resampling as GdalResampling
from rasterio.warp import reproject

from ml_core.raster import aligned
from ml_core.raster.aligned import AlignedBand, Quantity, Resampling
from ml_core.raster.grid import Grid, Window
from ml_core.raster.reading import open_band
from tests.builders.rasters import ORIGIN, POLAR, sigma0_db, write_raster


def grid(height, width, size, *, crs=POLAR, shift=(0.0, 0.0), turn=0.0):
    transform = (
        Affine.translation(ORIGIN[0] + shift[0], ORIGIN[1] + shift[1])
        @ Affine.rotation(turn)
        @ Affine.scale(size, -size)
    )
    return Grid(CRS.from_user_input(crs), transform, height, width)


UTM = Grid(CRS.from_epsg(32627), Affine(70, 0, 549_000, 0, -70, 8_850_500), 90, 80)

TARGETS = {
    "same": grid(100, 90, 40),
    "shifted by whole pixels": grid(60, 80, 40, shift=(-200, 120)),
    "shifted by half a pixel": grid(90, 90, 40, shift=(20, -20)),
    "three times coarser": grid(34, 30, 120),
    "2.5 times coarser": grid(40, 36, 100, shift=(13, 7)),
    "finer": grid(120, 110, 15, shift=(300, -300)),
    "rotated": grid(70, 70, 45, shift=(700, 0), turn=-30),
    "another CRS": UTM,
    "another CRS, coarser": Grid(UTM.crs, UTM.transform @ Affine.scale(3), 30, 27),
}


@pytest.fixture(scope="module")
def band(tmp_path_factory):
    values = sigma0_db((100, 90))
    values[20:30, 40:50] = np.nan
    values[60, 60:] = -9999
    path = write_raster(tmp_path_factory.mktemp("aligned") / "hv.tif", values, nodata=-9999)
    from ml_core.jobs import RasterSource

    with open_band(RasterSource(path)) as band:
        yield band


def utm_origin(band):
    """The UTM target lies on the polar raster."""
    aligned = AlignedBand(band, UTM)
    assert aligned.overlaps()
    return aligned.read(UTM.window)[1].mean()


def test_the_targets_in_another_crs_lie_partly_on_the_band(band):
    assert 0.1 < utm_origin(band) < 1


@pytest.mark.parametrize("resampling", Resampling)
@pytest.mark.parametrize("name", TARGETS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_values_do_not_depend_on_the_window(band, name, resampling, data):
    target = TARGETS[name]
    aligned = AlignedBand(band, target, resampling=resampling, quantity=Quantity.SIGMA0_DB)
    whole, holds = aligned.read(target.window)
    row = data.draw(st.integers(0, target.height - 1))
    col = data.draw(st.integers(0, target.width - 1))
    height = data.draw(st.integers(1, target.height - row))
    width = data.draw(st.integers(1, target.width - col))
    part = Window(row, col, height, width)
    values, valid = aligned.read(part)
    assert np.array_equal(valid, holds[part.slices])
    np.testing.assert_allclose(values, whole[part.slices], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", TARGETS)
def test_a_window_may_reach_beyond_the_grid(band, name):
    target = TARGETS[name]
    aligned = AlignedBand(band, target)
    values, valid = aligned.read(Window(-7, -5, target.height + 20, target.width + 20))
    inside, holds = aligned.read(target.window)
    place = np.s_[7 : 7 + target.height, 5 : 5 + target.width]
    assert np.array_equal(valid[place], holds)
    np.testing.assert_allclose(values[place], inside, rtol=1e-6)


def test_the_same_grid_gives_the_files_values(band):
    values, valid = AlignedBand(band, TARGETS["same"], quantity=Quantity.SIGMA0_DB).read(
        band.grid.window
    )
    own, holds = band.read(band.grid.window)
    assert np.array_equal(valid, holds)
    assert np.array_equal(values, own, equal_nan=True)


def test_sigma0_is_averaged_as_power(raster):
    values = np.array([[-10, -20, -5, -5]] * 2, dtype=np.float32)
    with open_band(raster("hh.tif", values)) as band:
        aligned = AlignedBand(band, grid(1, 2, 80), quantity=Quantity.SIGMA0_DB)
        found, valid = aligned.read(Window(0, 0, 1, 2))
    assert valid.all()
    # 10 log10((0.1 + 0.01) / 2), where the mean of the dB would be -15
    assert found[0] == pytest.approx([-12.596, -5], abs=1e-3)


def test_linear_power_comes_out_in_db(raster):
    values = np.array([[0.1, 0.01, 0, -100]], dtype=np.float32)
    with open_band(raster("hh.tif", values)) as band:
        aligned = AlignedBand(band, band.grid, quantity=Quantity.SIGMA0_LINEAR)
        found, valid = aligned.read(band.grid.window)
    # 0 is nodata; negative power is what noise removal leaves, far below all that is a surface
    assert valid.tolist() == [[True, True, False, False]]
    assert found[valid] == pytest.approx([-10, -20], abs=1e-3)
    assert np.isnan(found[~valid]).all()


def dark_water(looks=11.0, noise=1.5e-3, signal=10**-3.4):
    """Power of water of -34 dB from which noise of the mean power was subtracted."""
    generator = np.random.default_rng(2)
    power = (signal + noise) * generator.gamma(looks, 1 / looks, (200, 200)) - noise
    return power.astype(np.float32)


def averaged(path, quantity, pixels=10):
    with open_band(path) as band:
        coarse = grid(200 // pixels, 200 // pixels, 40 * pixels)
        values, valid = AlignedBand(band, coarse, quantity=quantity).read(coarse.window)
    return values, valid


def test_averages_of_linear_power_keep_what_is_negative(raster):
    power = dark_water()
    assert 0.1 < (power < 0).mean() < 0.5
    values, valid = averaged(raster("hv.tif", power), Quantity.SIGMA0_LINEAR)
    assert valid.all()
    # before, the negative ones were left out: 3.7 dB too bright
    assert 10 * np.log10((10 ** (values / 10)).mean()) == pytest.approx(-34, abs=0.4)


def test_averages_of_a_file_with_negative_power_are_exact(raster):
    """The importer's files hold it in dB below the one that their tag says."""
    power = dark_water()
    zero = 10**-4.0
    x = (power.astype(float) + np.sqrt(power.astype(float) ** 2 + 4 * zero**2)) / 2
    tags = {"SEAICE_ZERO_DB": "-40", "SEAICE_NESZ_DB": "-28.24", "SEAICE_LOOKS": "11"}
    path = raster("hv.tif", 10 * np.log10(x).astype(np.float32), tags=tags)
    values, valid = averaged(path, Quantity.SIGMA0_DB)
    assert valid.all()
    means = power.astype(float).reshape(20, 10, 20, 10).mean(axis=(1, 3))
    # the floor of a network's pixel: the noise's deviation, lowered by the average, over root 2
    noise = 10**-2.824 / np.sqrt(11 * 10 * 10) / np.sqrt(2)
    expected = 10 * np.log10((means + np.sqrt(means**2 + 4 * noise**2)) / 2)
    np.testing.assert_allclose(values, expected, atol=0.01)
    # and so is a file that is read as it is
    same, _ = averaged(path, Quantity.SIGMA0_DB, pixels=1)
    noise *= 10
    expected = 10 * np.log10((power + np.sqrt(power.astype(float) ** 2 + 4 * noise**2)) / 2)
    np.testing.assert_allclose(same, expected, atol=0.01)


def test_fractional_factors_weight_with_the_overlap(raster):
    values = np.arange(5, dtype=np.float32)[None].repeat(5, axis=0)
    with open_band(raster("a.tif", values)) as band:
        aligned = AlignedBand(band, grid(2, 2, 100))
        found, valid = aligned.read(Window(0, 0, 2, 2))
    assert valid.all()
    # pixels 0, 1 and half of 2; half of 2, 3, 4
    assert found[0] == pytest.approx([(0 + 1 + 1) / 2.5, (1 + 3 + 4) / 2.5])


@pytest.mark.parametrize("factor", [2, 2.5])
def test_half_of_a_target_pixel_must_be_valid(raster, factor):
    values = np.ones((5, 10), dtype=np.float32)
    values[:, :4] = np.nan
    values[0, 2:4] = 1
    with open_band(raster("a.tif", values)) as band:
        aligned = AlignedBand(band, grid(2, int(10 / factor), 40 * factor))
        found, valid = aligned.read(Window(0, 0, 1, 4))
    expected = {2: [False, True, True, True], 2.5: [False, True, True, True]}[factor]
    assert valid[0].tolist() == expected
    assert (found[valid] == 1).all()


def test_a_coarser_band_in_another_crs_is_interpolated_as_gdal_does(tmp_path):
    # 0.05 degrees against 400 m
    rows, cols = np.mgrid[:60, :80]
    values = (20 + rows * 0.2 + cols * 0.3 + np.sin(rows / 5)).astype(np.float32)
    transform = Affine(0.05, 0, -19.5, 0, -0.02, 79.6)
    path = write_raster(tmp_path / "ia.tif", values, crs="EPSG:4326", transform=transform)
    target = grid(100, 100, 400)
    from ml_core.jobs import RasterSource

    with open_band(RasterSource(path)) as band:
        found, valid = AlignedBand(band, target).read(target.window)
    expected = np.full((100, 100), np.nan, dtype=np.float32)
    reproject(
        values,
        expected,
        src_transform=transform,
        src_crs="EPSG:4326",
        src_nodata=np.nan,
        dst_transform=target.transform,
        dst_crs=target.crs,
        dst_nodata=np.nan,
        resampling=GdalResampling.bilinear,
        tolerance=0,
        XSCALE=1,
        YSCALE=1,
    )
    both = valid & np.isfinite(expected)
    assert both.mean() > 0.5
    assert (
        np.abs(found - expected)[both].max() < 0.02
    )  # GDAL itself is good to an eighth of a pixel


@pytest.mark.parametrize("name", ["rotated", "another CRS, coarser"])
def test_means_over_turned_pixels_keep_a_plane(tmp_path, name):
    rows, cols = np.mgrid[:400, :360]
    plane = (rows + 2.0 * cols).astype(np.float32)
    path = write_raster(tmp_path / "a.tif", plane, size=10.0)
    target = TARGETS[name]
    from ml_core.jobs import RasterSource

    with open_band(RasterSource(path)) as band:
        aligned = AlignedBand(band, target)
        found, valid = aligned.read(target.window)
        assert aligned._points > 3
        to_band = Transformer.from_crs(target.crs.to_wkt(), band.grid.crs.to_wkt(), always_xy=True)
        cols, rows = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
        col, row = ~band.grid.transform @ to_band.transform(*(target.transform @ (cols, rows)))
    inner = valid & (row > 60) & (row < 340) & (col > 60) & (col < 300)
    assert inner.sum() > 40
    exact = (row - 0.5) + 2 * (col - 0.5)
    assert np.abs(found - exact)[inner].max() < 0.5


def test_a_footprint_grid_across_the_pole_and_the_antimeridian_is_exact(tmp_path):
    values = np.arange(36 * 72, dtype=np.float32).reshape(36, 72)
    transform = Affine(5, 0, -180, 0, -5, 90)
    path = write_raster(tmp_path / "globe.tif", values, crs="EPSG:4326", transform=transform)
    target = Grid(CRS.from_epsg(3413), Affine(20_000, 0, -1e6, 0, -20_000, 1e6), 100, 100)
    from ml_core.jobs import RasterSource

    with open_band(RasterSource(path)) as band:
        found, valid = AlignedBand(band, target, resampling=Resampling.NEAREST).read(target.window)
    assert valid.all()
    xs = target.transform.c + 20_000 * (np.arange(100) + 0.5)
    ys = target.transform.f - 20_000 * (np.arange(100) + 0.5)
    x, y = np.meshgrid(xs, ys)
    lon, lat = rasterio.warp.transform(target.crs, "EPSG:4326", x.ravel(), y.ravel())[:2]
    expected = values[
        ((90 - np.array(lat)) // 5).astype(int), ((np.array(lon) + 180) // 5).astype(int) % 72
    ].reshape(100, 100)
    assert (found == expected).mean() > 0.999


def test_bands_elsewhere_do_not_overlap(band):
    assert AlignedBand(band, grid(10, 10, 40)).overlaps()
    assert not AlignedBand(band, grid(10, 10, 40, shift=(90_000, 0))).overlaps()
    far = Grid(CRS.from_epsg(32755), Affine(40, 0, 5e5, 0, -40, 3e6), 10, 10)
    aligned = AlignedBand(band, far)
    assert not aligned.overlaps()
    assert not aligned.read(far.window)[1].any()


@pytest.mark.parametrize("name", ["three times coarser", "2.5 times coarser", "another CRS"])
def test_strips_give_what_one_piece_gives(band, name, monkeypatch):
    target = TARGETS[name]
    whole = AlignedBand(band, target, quantity=Quantity.SIGMA0_DB).read(target.window)
    rows = []
    read = type(band).read

    def noted(self, window, **more):
        rows.append(window.height)
        return read(self, window, **more)

    monkeypatch.setattr(aligned, "_STRIP_PX", 1000)
    monkeypatch.setattr(type(band), "read", noted)
    values, valid = AlignedBand(band, target, quantity=Quantity.SIGMA0_DB).read(target.window)
    assert len(rows) > 5
    assert np.array_equal(valid, whole[1])
    np.testing.assert_allclose(values, whole[0], atol=2e-6)
