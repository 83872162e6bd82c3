from dataclasses import replace

import numpy as np
import pytest

from ml_core.datasets.observed_chips import ObservedChips, ObservedScene
from ml_core.datasets.split import TRAINING, Split
from ml_core.datasets.weighting import Weighting
from ml_core.errors import SeaIceError
from ml_core.observation.support import weights
from ml_core.raster.grid import Window
from tests.builders.scenes import backscatter, data_of, ice


@pytest.fixture(scope="module")
def data():
    sic = ice((90, 120), footprint_px=16)
    return data_of(sic, backscatter(sic), footprint_px=16)


def split_of(data):
    return Split.of_blocks(data.cells, (Window(4, 4, 8, 8),), 3)


def test_chips_hold_the_training_values_whose_centres_lie_in_them(data):
    split, seen = split_of(data), data.observations
    scene = ObservedScene.training(data, split, None)
    rows, cols = np.array([0, 17, 40]), np.array([0, 33, 71])
    found = scene.in_chips(rows, cols, 48)
    trains = split.roles_of(seen) == TRAINING
    for number, (top, left) in enumerate(zip(rows, cols, strict=True)):
        inside = (seen.row >= top) & (seen.row < top + 48)
        inside &= (seen.col >= left) & (seen.col < left + 48) & trains
        expected = sorted(zip(seen.row[inside] - top, seen.col[inside] - left, seen.low[inside]))
        here = found.weight[number] > 0
        places = (found.row[number][here], found.col[number][here], 100 * found.low[number][here])
        assert np.array(sorted(zip(*places))) == pytest.approx(np.array(expected), abs=1e-4)
    assert (found.footprint_px == 16).all()
    # a chip inside the validation block and its buffer has none
    empty = scene.in_chips(np.array([22]), np.array([22]), 8)
    assert empty.weight.shape == (1, 1)
    assert not empty.weight.any()


def test_values_are_weighted_by_their_uncertainty(data):
    sigma = np.where(data.observations.col < 60, 2.0, 20.0).astype(np.float32)
    known = replace(data, observations=replace(data.observations, uncertainty_percent=sigma))
    counts = np.zeros(10001, np.int64)
    counts[[200, 2000]] = 1
    weighting = Weighting(5.0, counts, 0)
    scene = ObservedScene.training(known, Split.full(data.cells), weighting)
    found = scene.in_chips(np.array([0, 0]), np.array([0, 72]), 48)
    for number, u in enumerate((2.0, 20.0)):
        weight = found.weight[number][found.weight[number] > 0]
        assert weight == pytest.approx(float(weighting.of(np.array([u]))[0]), rel=1e-5)


def test_mirrored_and_turned_centres_lie_where_their_pixels_do():
    rng = np.random.default_rng(0)
    size = 12
    chips = rng.random((8, size, size))
    at = rng.integers(0, size, (2, 8, 5))
    places = [(axis + 0.5).astype(np.float32) for axis in at]
    none = np.zeros((8, 5), np.float32)
    found = ObservedChips(*places, none, none, none, np.full(8, 4, np.float32))
    before = chips[np.arange(8)[:, None], at[0], at[1]]
    south, east, turned = ((np.arange(8) >> bit) % 2 == 1 for bit in range(3))
    chips[south] = chips[south, ::-1]
    chips[east] = chips[east, :, ::-1]
    chips[turned] = chips[turned].swapaxes(1, 2)
    found.mirror(size, south, east, turned)
    row, col = (axis.astype(int) for axis in (found.row, found.col))
    np.testing.assert_array_equal(chips[np.arange(8)[:, None], row, col], before)


def test_supports_are_each_chips_own():
    at = np.float32([[10.0, 20.0], [5.5, 0.0]])
    none = np.zeros_like(at)
    chips = ObservedChips(at, at[::-1], none, none, none, np.float32([16, 24]))
    found = chips.supports(48, 2)
    assert found.rows.shape == found.cols.shape == (2, 2, 24)
    np.testing.assert_array_equal(found.rows[1], weights(at[1] / 2 - 0.5, 24, 24.0, 2))
    np.testing.assert_array_equal(found.cols[0], weights(at[1] / 2 - 0.5, 24, 16.0, 2))


def test_chips_of_several_scenes_are_joined_with_weight_0_where_one_has_fewer(data):
    scene = ObservedScene.training(data, Split.full(data.cells), None)
    small = scene.in_chips(np.array([0]), np.array([0]), 16)
    large = scene.in_chips(np.array([30, 40]), np.array([30, 40]), 48)
    both = ObservedChips.joined([small, large])
    assert both.row.shape == (3, large.row.shape[1])
    assert both.weight.sum() == small.weight.sum() + large.weight.sum()
    assert both.footprint_px.tolist() == [16, 16, 16]
    assert ObservedChips.joined([]) is None


def test_a_scene_without_a_training_value_is_refused(data):
    with pytest.raises(SeaIceError, match="no reference value has its centre in the training part"):
        ObservedScene.training(data, Split.unused(data.cells), None)
    with pytest.raises(SeaIceError, match="no reference value"):
        ObservedScene.training(replace(data, observations=None), Split.full(data.cells), None)
