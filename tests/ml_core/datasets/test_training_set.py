import dataclasses

import numpy as np
import pytest

from ml_core.datasets.records import SetRecord
from ml_core.datasets.training_set import TrainingSet, folder_name
from ml_core.errors import SeaIceError
from tests.builders.charts import chart_data_of
from tests.builders.trainingsets import record_of


def add(training_set, name, data):
    with training_set.adding(name, data.grid.shape) as scene:
        scene.array[:] = data.array
        scene.finish(data.cells, data.sums, record_of(data))


@pytest.fixture
def training_set(tmp_path):
    return TrainingSet.open_or_create(tmp_path / "set", SetRecord(("HH", "HV"), 1000.0, 32))


def test_a_scene_is_read_as_it_was_written(training_set, small_data):
    with training_set.writing():
        add(training_set, "one", small_data)
    found = TrainingSet.open(training_set.folder).data("one")
    np.testing.assert_array_equal(found.array, small_data.array)
    np.testing.assert_array_equal(found.cells.count, small_data.cells.count)
    np.testing.assert_array_equal(found.sums, small_data.sums)
    assert found.grid == small_data.grid
    assert found.decorrelation_px == 8  # the footprint; an eighth of a chip is 4
    assert found.moments.count == np.isfinite(small_data.array[..., -1]).sum()


def test_a_scene_that_fails_while_it_is_written_leaves_the_older_one(training_set, small_data):
    with training_set.writing():
        add(training_set, "one", small_data)
        short = dataclasses.replace(small_data, array=small_data.array[:-1])
        with pytest.raises(ValueError, match="broadcast"):
            add(training_set, "one", short)
    assert training_set.names() == ["one"]
    np.testing.assert_array_equal(training_set.data("one").array, small_data.array)


def test_only_one_run_writes(training_set):
    other = TrainingSet.open(training_set.folder)
    with (
        training_set.writing(),
        pytest.raises(SeaIceError, match="another run adds a scene"),
        other.writing(),
    ):
        pass
    with other.writing():
        pass


def test_scenes_share_channels_and_resolution(training_set):
    training_set.check_fit(("HH", "HV"), 1049.0, "hh.tif")
    with pytest.raises(SeaIceError, match=r"hh\.tif: the scene has HH, the training set HH, HV"):
        training_set.check_fit(("HH",), 1000.0, "hh.tif")
    with pytest.raises(SeaIceError, match=r"hh\.tif: has pixels of 1060 m, the training set of"):
        training_set.check_fit(("HH", "HV"), 1060.0, "hh.tif")
    assert training_set.agreed_resolution_m(0) == 1000
    with pytest.raises(SeaIceError, match="Resolution 900 m is asked for"):
        training_set.agreed_resolution_m(900)


@pytest.mark.parametrize(
    ("name", "folder"), [("a/b: ü.tif", "a_b_tif"), ("...", "scene"), ("x" * 200, "x" * 100)]
)
def test_folder_names_suit_every_file_system(name, folder):
    assert folder_name(name) == folder


def test_the_references_uncertainty_is_kept_and_old_scenes_have_none(training_set, small_data):
    sigma = np.linspace(2, 25, small_data.array[..., 0].size).reshape(small_data.grid.shape)
    with training_set.writing():
        add(training_set, "old", small_data)
        with training_set.adding("new", small_data.grid.shape, has_uncertainty=True) as scene:
            scene.array[:] = small_data.array
            scene.uncertainty[:] = sigma
            scene.finish(small_data.cells, small_data.sums, record_of(small_data))
    assert training_set.data("old").uncertainty_percent is None
    found = training_set.data("new").uncertainty_percent
    np.testing.assert_allclose(found, sigma, rtol=1e-3)
    np.save(training_set.folder / "scenes/new/uncertainty.npy", np.array(found[:-1]))
    with pytest.raises(SeaIceError, match=r"damaged \(uncertainty of shape"):
        training_set.data("new")


def test_the_polygons_of_a_chart_are_kept_and_damage_is_found(training_set, small_data):
    chart = chart_data_of(small_data.grid.shape)
    record = dataclasses.replace(record_of(chart), polygons=len(chart.observations))
    with training_set.writing():
        add(training_set, "passive", small_data)
        with training_set.adding("chart", chart.grid.shape, has_polygons=True) as scene:
            scene.array[:], scene.polygons[:] = chart.array, chart.polygons
            scene.finish(chart.cells, chart.sums, record, chart.observations)
    assert not training_set.data("passive").is_chart
    found = training_set.data("chart")
    assert found.is_chart
    np.testing.assert_array_equal(found.polygons, chart.polygons)
    for name, values in vars(chart.observations).items():
        np.testing.assert_array_equal(getattr(found.observations, name), values)
    assert found.observations.are_polygons
    np.save(training_set.folder / "scenes/chart/polygons.npy", chart.polygons[1:])
    with pytest.raises(SeaIceError, match=r"damaged \(polygons of shape"):
        training_set.data("chart")
    np.save(training_set.folder / "scenes/chart/polygons.npy", chart.polygons)
    (training_set.folder / "scenes/chart/observations.npz").unlink()
    with pytest.raises(SeaIceError, match=r"damaged \(polygons of shape"):
        training_set.data("chart")
