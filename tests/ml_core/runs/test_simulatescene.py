import numpy as np
import pytest
import rasterio

from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import SimulateSceneJob
from tests.builders.jobs import execute

NAMES = ("hh", "hv", "incidence", "true_sic", "reference")


def simulated(folder, **parameters):
    outputs = {name: str(folder / f"{name}.tif") for name in NAMES}
    job = SimulateSceneJob(**{"width": 500, "height": 400, **outputs, **parameters})
    return execute(job)[0]


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    done = simulated(folder)
    layers = {}
    for name in NAMES:
        with rasterio.open(folder / f"{name}.tif") as dataset:
            layers[name] = (dataset.read(1), dataset.profile, dataset.tags(), dataset.bounds)
    return done, layers


def test_layers_share_the_scenes_grid(scene):
    _, layers = scene
    for name in ("hh", "hv", "incidence", "true_sic"):
        values, profile, _, _ = layers[name]
        assert values.shape == (400, 500)
        assert profile["crs"].to_epsg() == 3413
        assert profile["transform"] == layers["hh"][1]["transform"]
        assert profile["nodata"] == -9999
        assert np.isfinite(values).all()
    assert layers["hh"][1]["transform"].a == 80.0


def test_values_are_in_their_range(scene):
    done, layers = scene
    assert -35 < np.median(layers["hh"][0]) < 0
    assert -40 < np.median(layers["hv"][0]) < -10
    angle = layers["incidence"][0]
    assert angle[0, 0] == pytest.approx(19.0, abs=0.1)
    assert angle[0, -1] == pytest.approx(46.0, abs=0.1)
    sic = layers["true_sic"][0]
    assert sic.min() == 0
    assert sic.max() == 100
    assert done.numbers["MEAN_SIC"] == pytest.approx(sic.mean(), abs=0.01)


def test_reference_is_the_true_sic_averaged_over_footprints(scene):
    _, layers = scene
    truth, _, _, bounds = layers["true_sic"]
    reference, profile, tags, _ = layers["reference"]
    assert tags["SEAICE_FOOTPRINT_M"] == "12000"
    transform = profile["transform"]
    assert transform.a == 6250
    assert transform.c % 6250 == 0
    rows, cols = np.indices(truth.shape)
    x = bounds.left + (cols + 0.5) * 80
    y = bounds.top - (rows + 0.5) * 80
    deviation = 12000 / 2.3548
    compared = 0
    for row, col in np.ndindex(reference.shape):
        centre = transform @ (col + 0.5, row + 0.5)
        inner = (
            bounds.left + 14000 < centre[0] < bounds.right - 14000
            and bounds.bottom + 14000 < centre[1] < bounds.top - 14000
        )
        if not inner:
            continue
        weight = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * deviation**2))
        assert reference[row, col] == pytest.approx(np.average(truth, weights=weight), abs=1.0)
        compared += 1
    assert compared >= 1


def test_same_seed_same_scene(scene, tmp_path):
    _, layers = scene
    simulated(tmp_path)
    for name in NAMES:
        with rasterio.open(tmp_path / f"{name}.tif") as dataset:
            np.testing.assert_array_equal(dataset.read(1), layers[name][0])


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:4326", "not projected in metres; give one that is, such as EPSG:3413"),
        ("EPSG:99999", "'EPSG:99999' is unknown"),
    ],
)
def test_unfit_crs(tmp_path, crs, message):
    with pytest.raises(SeaIceError, match=message):
        simulated(tmp_path, crs=crs)
    assert list(tmp_path.iterdir()) == []


def test_southern_crs_gives_a_southern_scene(tmp_path):
    simulated(tmp_path, crs="EPSG:3031", width=400)
    with rasterio.open(tmp_path / "hh.tif") as dataset:
        x, y = dataset.xy(200, 200)
        lat = rasterio.warp.transform(dataset.crs, "EPSG:4326", [x], [y])[1]
    assert lat[0] == pytest.approx(-72, abs=0.1)


def test_angles_that_contradict():
    with pytest.raises(JobError, match="30 deg is not above the near one, 40 deg"):
        SimulateSceneJob(hh="a.tif", hv="b.tif", incidence_near=40.0, incidence_far=30.0)


def test_scene_smaller_than_its_reference():
    with pytest.raises(JobError, match="fewer than 4 pixels on the scene's 8 km"):
        SimulateSceneJob(hh="a.tif", hv="b.tif", reference="c.tif", width=100, height=100)


def test_scene_beyond_the_radars_sight(tmp_path):
    with pytest.raises(JobError, match="the scene is 3000 km long; give at most 2000 km"):
        SimulateSceneJob(hh="a.tif", hv="b.tif", width=30000, resolution=100)
    with pytest.raises(SeaIceError, match="the scene is 1000 km wide; from 19 degrees on"):
        simulated(tmp_path, width=1000, resolution=1000, incidence_far=None)
