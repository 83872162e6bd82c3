import numpy as np
import pytest
import rasterio

from ml_core.networks import NetworkConfig
from ml_core.networks.classes import SicClasses
from ml_core.prediction.calibration import ENSEMBLE
from ml_core.prediction.maps import PredictedMaps
from ml_core.prediction.tiled import Predicted
from ml_core.prediction.uncertainty import Sampling
from ml_core.raster.grid import Window
from tests.builders.models import card_of

WHOLE = Window(0, 0, 40, 50)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.tags()


def test_the_sic_is_the_members_mean_and_is_counted_where_valid(tmp_path, make_grid):
    rng = np.random.default_rng(1)
    members = rng.uniform(0, 1, (3, 40, 50)).astype(np.float32)
    valid = rng.random((40, 50)) < 0.8
    paths = {"output": str(tmp_path / "sic.tif")}
    config = NetworkConfig()
    sampling = Sampling(ENSEMBLE, 3)
    with PredictedMaps(
        paths, make_grid(40, 50), card_of(config), sampling, {"SEAICE_MODEL": "net"}, "deflate"
    ) as maps:
        for window in WHOLE.blocks(32):
            part = members[(slice(None), *window.slices)].copy()
            maps.add(Predicted(window, part, valid[window.slices]))
    sic, tags = read(paths["output"])
    expected = 100 * members.mean(axis=0)
    assert tags["SEAICE_MODEL"] == "net"
    assert (sic[~valid] == -9999).all()
    np.testing.assert_allclose(sic[valid], expected[valid], atol=1 / 32)
    assert maps.count == valid.sum()
    assert maps.mean_sic == pytest.approx(expected[valid].mean(), abs=0.02)
    assert maps.intervals is None


def test_scores_give_a_class_map_too(tmp_path, make_grid):
    classes = SicClasses.between((15, 80))
    scores = np.random.default_rng(1).normal(0, 3, (3, 40, 50)).astype(np.float32)
    valid = np.ones((40, 50), bool)
    valid[:5] = False
    paths = {name: str(tmp_path / f"{name}.tif") for name in ("output", "class_map")}
    card = card_of(NetworkConfig(out_channels=3), task="classes", classes=classes.to_dict())
    sampling = Sampling(classes=classes)
    with PredictedMaps(paths, make_grid(40, 50), card, sampling, {}, "deflate") as maps:
        maps.add(Predicted(WHOLE, scores.copy(), valid))
    found, _ = read(paths["class_map"])
    np.testing.assert_array_equal(found, np.where(valid, scores.argmax(axis=0), 255))
