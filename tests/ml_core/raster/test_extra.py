"""Extra layers: their names, their order, and what in them is no value."""

import itertools

import numpy as np
import pytest
import rasterio

from ml_core.errors import SeaIceError
from ml_core.jobs import PredictJob, RasterSource
from ml_core.raster.extra import ExpectedExtra
from ml_core.raster.scene import Scene
from tests.builders.rasters import ORIGIN, sigma0_db, write_raster

SHAPE = (90, 110)


@pytest.fixture
def open_scene(raster):
    """A function that opens a scene with extra layers."""
    hh, hv = (
        raster(f"{name}.tif", sigma0_db(SHAPE, mean=m)) for name, m in (("hh", -14), ("hv", -25))
    )

    def make(*extra, expected=None, resolution_m=None, **more):
        job = PredictJob(hh=hh, hv=hv, extra=extra, model="net", output="sic.tif", **more)
        return Scene.open(job, resolution_m, expected)

    return make


@pytest.fixture
def layer(raster):
    """A function that writes a layer of random values, and returns its source."""

    def make(name, *, description="", low=100.0, high=300.0, values=None, seed=0, **more):
        if values is None:
            values = np.random.default_rng(seed).uniform(low, high, SHAPE)
        source = raster(name, np.asarray(values, np.float32), **more)
        if description:
            with rasterio.open(source.path, "r+") as dataset:
                dataset.set_band_description(1, description)
        return source

    return make


def refused(scene):
    with pytest.raises(SeaIceError) as caught, scene:
        pass
    return str(caught.value)


def wanted(*names, **more):
    return ExpectedExtra(names, "net was trained with", **more)


def test_a_channel_is_named_by_its_file_and_else_after_the_layer(open_scene, layer):
    layers = [
        layer("a.tif", tags={"SEAICE_QUANTITY": "NESZ", "SEAICE_POLARISATION": "HV"}),
        layer("b.tif", description="Tb 18.7 GHz (V)"),
        layer("c.tif", tags={"SEAICE_QUANTITY": "land distance"}, description="other"),
        layer("dist 2024.tif", description="Band 1"),
    ]
    with open_scene(*layers) as scene:
        assert scene.channels[2:] == ("NESZ_HV", "Tb_18.7_GHz_V", "land_distance", "dist_2024")
        assert scene.extra["dist_2024"] == "dist 2024.tif"
        assert scene.unnamed == ["dist_2024"]
        (note,) = scene.notes
    assert "the file of dist 2024.tif does not say what it holds; the channel is called" in note


def test_every_band_of_a_file_is_a_channel_but_those_that_are_hh_and_hv(layer, tmp_path, raster):
    values = np.stack([sigma0_db(SHAPE), sigma0_db(SHAPE, 1, -25), sigma0_db(SHAPE, 2, 9) * 3])
    stack = write_raster(tmp_path / "stack.tif", np.concatenate([values, values[2:] ** 2]))
    with rasterio.open(stack, "r+") as dataset:
        dataset.set_band_description(4, "thickness")
    job = PredictJob(
        hh=RasterSource(stack, 1),
        hv=RasterSource(stack, 2),
        extra=[stack, layer("b.tif", description="b/c")],
        model="net",
        output="sic.tif",
    )
    with Scene.open(job) as scene:
        assert scene.channels == ("HH", "HV", "stack_3", "thickness", "b_c")
        read, _ = scene.read(scene.grid.window)
    np.testing.assert_array_equal(read[2:4], [values[2], values[2] ** 2])
    assert PredictJob.from_dict(job.to_dict()) == job


def test_a_picture_is_refused_and_bytes_of_data_are_not(open_scene, layer, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 255, (4, *SHAPE), dtype=np.uint8)
    rendered = write_raster(tmp_path / "rendered.tif", pixels, photometric="RGB")
    assert "rendered.tif is a picture in 8-bit colours" in refused(open_scene(rendered))
    data = write_raster(tmp_path / "data.tif", pixels[0])
    with open_scene(data) as scene:
        assert scene.channels == ("HH", "HV", "data")


def test_one_layer_twice_is_refused(open_scene, layer):
    one = layer("b.tif", description="b/c")
    assert "b.tif is given twice; leave it out" in refused(open_scene(one, one))


def test_what_the_scene_has_already_is_refused(open_scene, layer):
    twice = layer("x.tif", values=sigma0_db(SHAPE), tags={"SEAICE_POLARISATION": "HH"})
    assert "x.tif holds HH, which has a place of its own" in refused(open_scene(twice))
    angle = layer("a.tif", description="Incidence angle")
    assert "holds Incidence_angle, which has a place" in refused(open_scene(angle))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_named_layers_are_found_in_any_order(open_scene, layer, order):
    layers = [
        layer("a.tif", description="TB", low=100, high=101),
        layer("b.tif", tags={"SEAICE_QUANTITY": "dist"}, low=200, high=201),
        layer("Age.tif", low=300, high=301),  # the layer's name counts where the file has none
    ]
    given = [layers[k] for k in order]
    with open_scene(*given, expected=wanted("age", "tb", "dist")) as scene:
        assert scene.channels[2:] == ("age", "tb", "dist")
        assert scene.notes == []
        values, _ = scene.read(scene.grid.window)
    np.testing.assert_array_equal(np.floor(values[2:].min(axis=(1, 2))), [300, 100, 200])


def test_layers_without_a_name_are_taken_in_the_order_given_and_it_is_said(open_scene, layer):
    first, second = layer("p.tif", low=1, high=2), layer("q.tif", low=3, high=4)
    middle = layer("m.tif", description="nesz", low=5, high=6)
    with open_scene(first, middle, second, expected=wanted("nesz", "age", "dist")) as scene:
        assert scene.channels[2:] == ("nesz", "age", "dist")
        assert scene.unnamed == ["age", "dist"]
        values, _ = scene.read(scene.grid.window)
        (note,) = scene.notes
    np.testing.assert_array_equal(np.floor(values[2:].min(axis=(1, 2))), [5, 1, 3])
    assert "p.tif as age, q.tif as dist, in the order given" in note
    assert "net was trained with nesz, age, dist, in this order" in note


def test_files_that_say_the_same_are_told_apart_by_their_order(open_scene, layer):
    same = [layer(f"{k}.tif", description="tb", low=k, high=k + 0.5) for k in (1, 2)]
    with open_scene(*same) as scene:
        assert scene.channels[2:] == ("tb", "tb_2")
        assert scene.unnamed == ["tb", "tb_2"]
    with open_scene(*same[::-1], expected=wanted("tb", "tb_2")) as scene:
        values, _ = scene.read(scene.grid.window)
        assert "2.tif as tb, 1.tif as tb_2, in the order given" in scene.notes[0]
    assert values[2].min() > values[3].max()


@pytest.mark.parametrize("given", [(), ("a",), ("a", "b"), ("b", "c"), ("a", "b", "c")])
def test_too_few_or_other_layers_are_refused_with_what_was_wanted_and_given(
    open_scene, layer, given
):
    layers = [layer(f"{name}.tif", description=f"quantity {name}") for name in given]
    text = refused(open_scene(*layers, expected=wanted("quantity_a", "distance")))
    assert "net was trained with quantity_a, distance; given " in text
    for name in given:
        assert f"{name}.tif (holds quantity_{name})" in text
    assert ("given is none. Give" in text) == (not given)


def test_one_layer_without_a_name_is_no_match_for_two_channels(open_scene, layer):
    text = refused(open_scene(layer("a.tif"), expected=wanted("age", "dist")))
    assert "given is a.tif (its file gives no name). Give a layer for each" in text


def test_a_layer_that_is_not_wanted_is_left_out_or_kept_as_asked(open_scene, layer):
    layers = [layer("a.tif", description="age"), layer("b.tif"), layer("c.tif", description="c")]
    with open_scene(*layers[1:], layers[0], expected=wanted("age")) as scene:
        assert scene.channels[2:] == ("age",)
        assert "net was trained with age; not used: b.tif, c.tif" in scene.notes[0]
    with open_scene(*layers, expected=wanted("c", drops_others=False)) as scene:
        assert scene.channels[2:] == ("c", "age", "b")
    with open_scene(layers[1], expected=wanted()) as scene:
        assert scene.channels == ("HH", "HV")
        assert "net was trained with none; not used: b.tif" in scene.notes[0]


def test_finer_layers_are_averaged_and_coarser_ones_interpolated(open_scene, raster):
    rows, cols = np.mgrid[: SHAPE[0] * 2, : SHAPE[1] * 2]
    plane = (3.0 * rows + 5.0 * cols).astype(np.float32)
    fine = raster("fine.tif", plane, size=20.0)
    rows, cols = np.mgrid[:9, :11]
    coarse = raster("coarse.tif", (7.0 * rows - 2.0 * cols).astype(np.float32), size=400.0)
    with open_scene(fine, coarse) as scene:
        values, valid = scene.read(scene.grid.window)
    assert valid.all()
    means = plane.reshape(SHAPE[0], 2, SHAPE[1], 2).mean((1, 3))
    np.testing.assert_allclose(values[2], means, rtol=1e-6)
    at = (np.arange(SHAPE[0]) + 0.5) / 10 - 0.5, (np.arange(SHAPE[1]) + 0.5) / 10 - 0.5
    exact = 7 * at[0][:, None] - 2 * at[1]
    inside = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(values[3][inside], exact[inside], atol=1e-3)


def test_another_polarisation_is_averaged_as_power_and_checked_as_backscatter(open_scene, layer):
    vv = sigma0_db(SHAPE, 3)
    source = layer("v.tif", values=vv, tags={"SEAICE_POLARISATION": "VV"})
    with open_scene(source, resolution_m=80.0) as scene:
        assert scene.channels == ("HH", "HV", "VV")
        values, _ = scene.read(scene.grid.window)
    power = 10 ** (vv.astype(float) / 10)
    means = 10 * np.log10(power.reshape(45, 2, 55, 2).mean((1, 3)))
    np.testing.assert_allclose(values[2], means, atol=1e-3)
    linear = layer("w.tif", values=10 ** (vv / 10), tags={"SEAICE_POLARISATION": "VV"})
    assert "w.tif: values" in (text := refused(open_scene(linear)))
    assert "look like linear power" in text


def bad_values(**places):
    """Values of 100 to 300 with others in their first rows."""
    values = np.random.default_rng(1).uniform(100, 300, SHAPE)
    for rows, value in places.values():
        values[rows] = value
    return values


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (-9999.0, "are exactly -9999, far from the others (100"),
        (0.0, None),  # 200 wide, and 100 away: it may be a value
        (-150.0, "are exactly -150, far from"),
        (1e30, "are 1e+30 to 1e+30, no measurement"),
        (9.96921e36, None),  # netCDF's fill value: nodata wherever it occurs
        (np.nan, None),
        (np.inf, None),
    ],
)
def test_undeclared_nodata_is_left_out_and_reported(open_scene, layer, fill, message):
    values = bad_values(first=(slice(0, 9), fill))
    # averaged over 2 x 2 px: no fill may enter a mean
    with open_scene(layer("x.tif", values=values), resolution_m=80.0) as scene:
        read, valid = scene.read(scene.grid.window)
        notes = " ".join(scene.notes)
    if fill == 0:
        assert valid.all()
        return
    assert valid.mean() == pytest.approx(40.5 / 45, abs=0.02)
    assert 100 <= read[2][valid].min() <= read[2][valid].max() <= 300
    assert "x.tif: has no value on about 8.9 %" in notes
    if message:
        assert f"x.tif: 10 % of the values {message}" in notes


def test_two_fill_values_of_one_layer_are_found(open_scene, layer):
    values = bad_values(land=(slice(0, 9), -999), missing=(slice(20, 29), 9999))
    with open_scene(layer("x.tif", values=values)) as scene:
        _, valid = scene.read(scene.grid.window)
    np.testing.assert_array_equal(valid, (values > 0) & (values < 9999))


@pytest.mark.parametrize(
    "values",
    [
        np.maximum(0, np.random.default_rng(2).uniform(-300, 300, SHAPE)),  # distance to land
        np.random.default_rng(2).integers(0, 2, SHAPE),
        np.random.default_rng(2).choice([0, 1, 2, 50], SHAPE),  # classes
    ],
)
def test_values_that_repeat_are_no_nodata_by_themselves(open_scene, layer, values):
    with open_scene(layer("x.tif", values=values)) as scene:
        assert scene.read(scene.grid.window)[1].all()
        assert len(scene.notes) == 1  # that the file has no name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "x.tif: has no value where the scene lies"),
        (1e30, "x.tif: all values where the scene lies are 1e+30 to 1e+30, no measurement"),
    ],
)
def test_a_layer_without_a_value_is_refused(open_scene, layer, value, message):
    assert message in refused(open_scene(layer("x.tif", values=np.full(SHAPE, value))))


def test_only_what_lies_where_the_scene_is_counts(open_scene, raster):
    """A map of the whole Arctic has values elsewhere, and holes."""
    values = np.full((300, 300), 1e5, np.float32)
    values[150:160, 150:162] = np.random.default_rng(1).uniform(1, 2, (10, 12))
    at = ORIGIN[0] - 150 * 400, ORIGIN[1] + 150 * 400
    source = raster("arctic.tif", values, size=400.0, origin=at)
    with open_scene(source) as scene:
        assert len(scene.notes) == 1
    values[150:160, 150:162] = np.nan
    text = refused(open_scene(raster("hole.tif", values, size=400.0, origin=at)))
    assert "hole.tif: has no value where the scene lies" in text


def test_a_layer_elsewhere_is_refused_and_one_on_a_part_is_warned_of(open_scene, layer):
    far = layer("far.tif", origin=(9e5, 1e5))
    assert "far.tif does not overlap hh.tif" in refused(open_scene(far))
    half = layer("half.tif", origin=(ORIGIN[0] + 55 * 40, ORIGIN[1]))
    with open_scene(half) as scene:
        _, valid = scene.read(scene.grid.window)
        notes = " ".join(scene.notes)
    assert not valid[:, :55].any()
    assert valid[:, 55:].all()
    assert "half.tif: has no value on about 50 % of the scene's pixels" in notes


def test_a_layer_in_another_crs_is_aligned_and_one_without_is_refused(open_scene, layer):
    import pyproj

    lon, lat = pyproj.Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True).transform(
        ORIGIN[0] + 2200, ORIGIN[1] - 1800
    )
    rows = np.repeat(np.linspace(lat + 0.5, lat - 0.5, SHAPE[0])[:, None], SHAPE[1], 1)
    from affine import Affine

    step = 1 / (SHAPE[0] - 1)
    transform = Affine(step, 0, lon - 0.6, 0, -step, lat + 0.5 + step / 2)
    source = layer("lat.tif", values=rows, crs="EPSG:4326", transform=transform)
    with open_scene(source) as scene:
        values, valid = scene.read(scene.grid.window)
    assert valid.all()
    assert values[2][45, 55] == pytest.approx(lat, abs=1e-3)
    assert "bare.tif: the layer has no coordinate" in refused(
        open_scene(layer("bare.tif", crs=None))
    )
