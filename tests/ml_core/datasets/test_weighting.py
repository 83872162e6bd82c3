import dataclasses

import numpy as np
import pytest

from ml_core.datasets.block_split import draw_split
from ml_core.datasets.split import Split
from ml_core.datasets.weighting import log_weighting, weighting_of
from ml_core.events import Reporter
from tests.builders.scenes import backscatter, data_of, ice


@pytest.fixture(scope="module")
def data():
    """A scene whose reference has 2 to 25 % in blocks, and none in some."""
    sic = ice((60, 80))
    sic[:, :4] = np.nan
    rng = np.random.default_rng(3)
    sigma = np.kron(rng.uniform(2, 25, (15, 20)), np.ones((4, 4))).astype(np.float16)
    sigma[np.kron(rng.random((15, 20)) < 0.1, np.ones((4, 4))) > 0] = np.nan
    return dataclasses.replace(data_of(sic, backscatter(sic)), uncertainty_percent=sigma)


def split_of(data):
    return draw_split(data.cells, 8.0, 0.2, np.random.default_rng(1))


def trains_of(data, split):
    return split.training(data.grid.window) & np.isfinite(data.array[..., -1])


@pytest.mark.parametrize("added", [0.5, 3.0, 10.0, 100.0])
def test_the_mean_weight_on_the_training_part_is_1(data, added):
    split = split_of(data)
    found = weighting_of({"a": data}, {"a": split}, added)
    weights = found.of(data.uncertainty_percent)[trains_of(data, split)]
    # the uncertainty is counted by hundredths of a percent
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert found.unknown == np.isnan(data.uncertainty_percent[trains_of(data, split)]).sum() > 0


def test_weights_are_inverse_variances(data):
    found = weighting_of({"a": data}, {"a": split_of(data)}, 10.0)
    small, large = found.of(np.array([2.0, 25.0], np.float16))
    assert small / large == pytest.approx((25**2 + 100) / (2**2 + 100), rel=1e-3)
    assert found.of(np.array([[np.nan]])).tolist() == [[1.0]]
    assert found.of(data.uncertainty_percent).dtype == np.float32


def test_scenes_share_one_mean(data):
    precise = dataclasses.replace(
        data, uncertainty_percent=np.full(data.grid.shape, 2.0, np.float16)
    )
    plain = dataclasses.replace(data, uncertainty_percent=None)
    full = Split.full(data.cells)
    splits = dict.fromkeys("abc", full)
    found = weighting_of({"a": data, "b": precise, "c": plain}, splits, 5.0)
    trains = trains_of(data, full)
    both = [found.of(part.uncertainty_percent)[trains] for part in (data, precise)]
    known = np.isfinite(data.uncertainty_percent[trains])
    mean = np.concatenate([both[0][known], both[1]]).mean()
    assert mean == pytest.approx(1, abs=0.01)
    assert found.unknown == (~known).sum() + trains.sum()


def test_nothing_is_weighted_unless_asked_for_and_known(data):
    split = {"a": split_of(data)}
    assert weighting_of({"a": data}, split, None) is None
    plain = dataclasses.replace(data, uncertainty_percent=None)
    assert weighting_of({"a": plain}, split, 5.0) is None


def test_weights_are_logged(data, recorder):
    split = {"a": split_of(data)}
    plain = dataclasses.replace(data, uncertainty_percent=None)
    log_weighting({"a": plain}, split, None, Reporter(recorder))
    assert recorder.texts() == []
    log_weighting({"a": data}, split, None, Reporter(recorder))
    assert "The reference's uncertainty is not used; Weight by uncertainty" in recorder.text
    log_weighting({"a": data}, split, 10.0, Reporter(recorder))
    assert "median" in recorder.text
    assert "of the training pixels have none and weigh 1" in recorder.text
    log_weighting({"a": plain}, split, 10.0, Reporter(recorder))
    assert "no reference value has an uncertainty" in recorder.warnings
