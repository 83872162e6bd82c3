import shutil

import numpy as np
import pytest
from affine import Affine

from ml_core.errors import SeaIceError
from ml_core.jobs import PredictJob, RasterSource
from ml_core.raster.grid import Window
from ml_core.raster.reading import open_band
from ml_core.raster.scene import Scene
from tests.builders.rasters import sigma0_db


def job(hh, hv, **more):
    return PredictJob(hh=hh, hv=hv, model="net.safetensors", output="sic.tif", **more)


def copy_of(source):
    """Return a copy of a raster: a job refuses one band as both HH and HV."""
    return RasterSource(shutil.copyfile(source.path, f"{source.path}.hv.tif"))


@pytest.fixture
def pair(raster):
    return (
        raster("hh.tif", sigma0_db((120, 100))),
        raster("hv.tif", sigma0_db((120, 100), 1, -24)),
    )


def error_of(inputs, resolution_m=None):
    with pytest.raises(SeaIceError) as caught, Scene.open(inputs, resolution_m):
        pass
    return str(caught.value)


def test_channels_are_read_on_the_grid_of_hh(raster):
    hh = sigma0_db((60, 50))
    hh[3, 4] = np.nan
    hv = sigma0_db((60, 50), 1, -24)
    hv[10, 11] = np.inf
    angle = np.linspace(20, 45, 50, dtype=np.float32)[None].repeat(60, axis=0)
    angle[20] = 0
    inputs = job(
        raster("hh.tif", hh),
        raster("hv.tif", hv),
        incidence=raster("ia.tif", angle, nodata=0),
    )
    with Scene.open(inputs) as scene:
        assert scene.channels == ("HH", "HV", "incidence_angle")
        values, valid = scene.read(Window(-2, 0, 62, 50))
    assert values.shape == (3, 62, 50)
    assert not valid[:2].any()
    expected = np.isfinite(hh) & np.isfinite(hv) & (angle > 0)
    assert np.array_equal(valid[2:], expected)
    assert np.array_equal(values[0, 2:][expected], hh[expected])
    assert np.array_equal(values[2, 2:][expected], angle[expected])


def tagged(raster, hh_tags, hv_tags):
    return job(
        raster("hh.tif", sigma0_db((60, 50)), tags=hh_tags),
        raster("hv.tif", sigma0_db((60, 50), 1, -24), tags=hv_tags),
    )


def test_channels_are_named_by_what_the_files_say_they_hold(raster):
    start = {"SEAICE_START": "2024-03-01T12:00:00"}
    inputs = tagged(
        raster, {"SEAICE_POLARISATION": "VV", **start}, {"SEAICE_POLARISATION": "VH", **start}
    )
    with Scene.open(inputs) as scene:
        assert scene.channels == ("VV", "VH")
        assert scene.acquisition == {"SEAICE_POLARISATION": "VV", **start}


def test_tags_that_the_other_file_has_differently_are_kept_apart(raster):
    inputs = tagged(raster, {"SEAICE_NOISE": "ESA, range"}, {"SEAICE_NOISE": "scaled, range"})
    with Scene.open(inputs) as scene:
        assert scene.acquisition == {
            "SEAICE_NOISE": "ESA, range",
            "SEAICE_NOISE_CROSSPOL": "scaled, range",
        }


def test_layers_of_two_products_are_an_error(raster):
    inputs = tagged(raster, {"SEAICE_PRODUCT": "S1A_1"}, {"SEAICE_PRODUCT": "S1A_2"})
    assert "hh.tif and hv.tif are of different products, S1A_1 and S1A_2" in error_of(inputs)


def test_a_mask_leaves_out_where_it_is_0_or_nodata(pair, raster):
    land = np.ones((12, 10), dtype=np.uint8)
    land[2:4] = 0
    land[8] = 255
    with Scene.open(job(*pair, mask=raster("mask.tif", land, size=400, nodata=255))) as scene:
        _, valid = scene.read(scene.grid.window)
    assert np.array_equal(valid, np.kron(np.isin(land, 1), np.ones((10, 10))) == 1)


def test_linear_power_gives_the_same_scene_as_db(raster):
    hh, hv = sigma0_db((60, 50)), sigma0_db((60, 50), 1, -24)
    with Scene.open(job(raster("a.tif", hh), raster("b.tif", hv))) as scene:
        expected, _ = scene.read(scene.grid.window)
    linear = job(raster("c.tif", 10 ** (hh / 10)), raster("d.tif", 10 ** (hv / 10)), units="linear")
    with Scene.open(linear) as scene:
        found, _ = scene.read(scene.grid.window)
    # 0.04 dB at 10 dB above the -40 dB that a power of 0 has
    np.testing.assert_allclose(found, expected, atol=0.04)
    np.testing.assert_allclose(found[expected > -20], expected[expected > -20], atol=1e-3)


def test_exact_0_of_linear_power_is_nodata_and_negative_power_counts(raster):
    hv = 10 ** (sigma0_db((60, 50), 1, -24) / 10)
    hv[:6], hv[6:18] = 0, -1e-4
    layers = raster("a.tif", 10 ** (sigma0_db((60, 50)) / 10)), raster("b.tif", hv)
    with Scene.open(job(*layers, units="linear")) as scene:
        values, valid = scene.read(scene.grid.window)
    assert scene.notes == [
        "b.tif: 10 % of the values are exactly 0, which is taken as nodata; they are left out"
    ]
    assert not valid[:6].any()
    assert valid[6:].all()
    # below the -40 dB of a power of 0
    assert values[1, 6:18] == pytest.approx(10 * np.log10((-1e-4 + np.sqrt(5) * 1e-4) / 2))


def test_a_coarser_resolution_averages_power_over_blocks(pair):
    with Scene.open(job(*pair)) as scene:
        fine, _ = scene.read(scene.grid.window)
    with Scene.open(job(*pair), 160) as scene:
        assert scene.grid.shape == (30, 25)
        assert scene.grid.resolution_m == pytest.approx(160)
        coarse, valid = scene.read(scene.grid.window)
    power = 10 ** (fine.astype(np.float64) / 10)
    expected = 10 * np.log10(power.reshape(2, 30, 4, 25, 4).mean(axis=(2, 4)))
    assert valid.all()
    np.testing.assert_allclose(coarse, expected, atol=1e-4)


@pytest.mark.parametrize("resolution_m", [None, 0, 10, 40, 40.2])
def test_the_grid_is_never_finer_than_hh(pair, resolution_m):
    with open_band(job(*pair).hh) as hh, Scene.open(job(*pair), resolution_m) as scene:
        assert scene.grid == hh.grid


def test_a_fractional_resolution_keeps_the_origin(pair):
    with open_band(job(*pair).hh) as hh, Scene.open(job(*pair), 100) as scene:
        assert scene.grid.shape == (48, 40)
        assert scene.grid.transform.c == hh.grid.transform.c
        assert scene.read(scene.grid.window)[1].all()


def test_degrees_are_coarsened_per_axis_to_square_ground_pixels(raster):
    # 0.001 x 0.004 degrees at 75 N: 112 m x 115 m
    more = {"crs": "EPSG:4326", "transform": Affine(0.004, 0, 10, 0, -0.001, 75)}
    inputs = job(
        raster("hh.tif", sigma0_db((120, 100)), **more),
        raster("hv.tif", sigma0_db((120, 100)), **more),
    )
    with Scene.open(inputs, 400) as scene:
        height, width = scene.grid.pixel_size_m
        assert scene.read(scene.grid.window)[1].mean() > 0.9
    assert height == pytest.approx(400, rel=0.02)
    assert width == pytest.approx(400, rel=0.02)


def test_a_rotated_scene_is_read_on_its_own_grid(raster):
    turned = Affine.translation(5e5, -1e6) @ Affine.rotation(20) @ Affine.scale(40, -40)
    inputs = job(
        raster("hh.tif", sigma0_db((80, 80)), transform=turned),
        raster("hv.tif", sigma0_db((200, 200), 1, -24)),
    )
    with Scene.open(inputs) as scene:
        _, valid = scene.read(scene.grid.window)
    assert 0.3 < valid.mean() < 1
    assert scene.grid.resolution_m == pytest.approx(40)


def test_a_scene_in_a_corner_of_nodata_is_found(raster):
    values = np.full((2600, 2600), np.nan, dtype=np.float32)
    values[-80:, -40:] = sigma0_db((80, 40))
    source = raster("hh.tif", values, tiled=True, compress="deflate")
    with Scene.open(job(source, copy_of(source))) as scene:
        assert scene.read(Window(2400, 2400, 200, 200))[1].sum() == 80 * 40


def test_undeclared_nodata_in_db_is_left_out_and_reported(raster):
    hh = sigma0_db((60, 50))
    hh[:20] = -9999
    source = raster("hh.tif", hh)
    with Scene.open(job(source, copy_of(source))) as scene:
        _, valid = scene.read(scene.grid.window)
        assert (
            "hh.tif: 33 % of the values lie outside -80 to 40 dB (-9999 to -9999)"
            in (scene.notes[0])
        )
    assert np.array_equal(valid, hh > -9999)


def test_undeclared_zeros_of_a_db_product_are_left_out_and_reported(raster):
    hh = sigma0_db((60, 50))
    hh[:20] = 0
    source = raster("hh.tif", hh)
    with Scene.open(job(source, copy_of(source))) as scene:
        values, valid = scene.read(scene.grid.window)
        coarse = scene.notes[0]
    assert "hh.tif: 33 % of the values are exactly 0 dB" in coarse
    assert np.array_equal(valid, hh != 0)
    assert np.isnan(values[0][hh == 0]).all()
    # and they do not enter means
    with Scene.open(job(source, copy_of(source)), 160) as scene:
        values, valid = scene.read(scene.grid.window)
    assert values[0][valid].max() < -2


def test_real_scene_reads_as_it_is(real_scene):
    with Scene.open(job(str(real_scene / "hh.tif"), str(real_scene / "hv.tif"))) as scene:
        values, valid = scene.read(scene.grid.window)
    assert valid.all()
    assert values[0].min() == pytest.approx(-15, abs=0.05)
    assert values[1].max() == pytest.approx(-17, abs=0.05)
