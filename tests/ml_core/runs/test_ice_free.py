import numpy as np
import pytest

from ml_core.datasets.training_set import TrainingSet
from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import BuildTrainingSetJob
from tests.builders.rasters import write_raster
from tests.builders.trainingsets import PIXEL_M, SHAPE, Built, scene_files


def ice_free_files(folder, number, **more):
    paths = scene_files(folder, number, ice=0.0, **more)
    return {name: path for name, path in paths.items() if name != "reference"}


def test_a_scene_without_ice_needs_no_reference(tmp_path):
    Built(tmp_path / "set", **scene_files(tmp_path, 1))
    water = ice_free_files(tmp_path, 2)
    Built(tmp_path / "set", **water, ice_free=True)
    training_set = TrainingSet.open(tmp_path / "set")
    record, data = training_set.record("hh_2"), training_set.data("hh_2")
    assert record.mean_sic_percent == pytest.approx(5)  # the middle of the first tenth
    assert record.pixels == SHAPE[0] * SHAPE[1]
    assert record.hours_apart == 0
    assert record.inputs["reference"] == "none: ice free"
    # matched over the ground that the set's other references average
    assert data.footprint_m == training_set.data("hh_1").footprint_m == 8 * PIXEL_M
    assert not np.asarray(data.array[..., -1]).any()
    assert not data.observations.high.any()
    assert len(data.observations) == SHAPE[0] * SHAPE[1] // 4**2
    again = Built(tmp_path / "set", **water, ice_free=True)
    assert again.done.numbers["ADDED"] == 0


def test_a_first_scene_without_ice_needs_a_footprint(tmp_path):
    water = ice_free_files(tmp_path, 2)
    with pytest.raises(SeaIceError, match="no scene yet whose footprint could be taken; give the"):
        Built(tmp_path / "set", **water, ice_free=True)
    Built(tmp_path / "set", **water, ice_free=True, footprint=1600)
    assert TrainingSet.open(tmp_path / "set").footprint_m == 1600


def test_what_a_mask_leaves_out_of_a_scene_without_ice_is_not_water(tmp_path):
    sea = np.ones(SHAPE, np.uint8)
    sea[:, :40] = 0
    mask = write_raster(tmp_path / "sea.tif", sea, size=PIXEL_M)
    Built(tmp_path / "set", **ice_free_files(tmp_path, 2), mask=mask, ice_free=True, footprint=800)
    data = TrainingSet.open(tmp_path / "set").data("hh_2")
    assert np.array_equal(np.isfinite(data.array[..., -1]), sea.astype(bool))
    assert data.observations.col.min() > 39


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"reference": "sic.tif"}, "Ice free and Reference SIC are both given"),
        ({"reference_mask": "land.tif"}, "Ice free and Reference mask are both given"),
        ({"ice_drift": 12.0}, "Ice free and Ice drift are both given"),
        ({"hv": None}, "Ice free: give HH and HV"),
        ({"ai4arctic": "a.nc", "hh": None, "hv": None}, "brings its own chart; switch it off"),
    ],
)
def test_what_an_ice_free_scene_contradicts_is_refused(tmp_path, more, message):
    values = {"hh": "hh.tif", "hv": "hv.tif", "training_set": str(tmp_path), **more}
    with pytest.raises(JobError, match=message):
        BuildTrainingSetJob.from_dict({**values, "ice_free": True})
