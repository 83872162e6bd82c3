import numpy as np
import pytest

from ml_core.datasets.scene_files import NewScene, SceneArrays
from ml_core.errors import SeaIceError
from tests.builders.trainingsets import record_of


@pytest.fixture
def folder(tmp_path, small_data):
    """The folder of a scene as it is written."""
    scene = NewScene(tmp_path, small_data.array.shape)
    scene.array[:] = small_data.array
    scene.finish(small_data.cells, small_data.sums, record_of(small_data), small_data.observations)
    scene.close()
    return tmp_path


def read(folder, data):
    return SceneArrays.read(folder, data.grid.shape, data.array.shape[2])


def test_what_was_written_is_read(folder, small_data):
    found = read(folder, small_data)
    np.testing.assert_array_equal(found.pixels, small_data.array)
    np.testing.assert_array_equal(found.cells.count, small_data.cells.count)
    np.testing.assert_array_equal(found.sums, small_data.sums)
    for name, values in vars(small_data.observations).items():
        np.testing.assert_array_equal(getattr(found.observations, name), values)
    assert found.uncertainty_percent is None
    assert found.polygons is None


def test_a_scene_of_an_older_set_has_no_observations(folder, small_data):
    (folder / "observations.npz").unlink()
    assert read(folder, small_data).observations is None


@pytest.mark.parametrize("name", ["pixels.npy", "cells.npz", "observations.npz"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_damage(folder, small_data, name, kept):
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(SeaIceError, match=r"the scene is damaged .* add it again, or remove its"):
        read(folder, small_data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": np.zeros(3, np.float32)}, "arrays of different shapes in observations.npz"),
        ({"row": None}, "row"),
    ],
)
def test_observations_that_contradict_each_other_are_damage(folder, small_data, change, message):
    arrays = {**vars(small_data.observations), **change}
    np.savez(
        folder / "observations.npz",
        **{name: values for name, values in arrays.items() if values is not None},
    )
    with pytest.raises(SeaIceError, match=rf"damaged \(.*{message}"):
        read(folder, small_data)
