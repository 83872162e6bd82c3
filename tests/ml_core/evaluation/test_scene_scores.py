import dataclasses

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter

from ml_core.datasets.split import Split
from ml_core.evaluation.metrics import Density, ErrorSums
from ml_core.evaluation.scene_scores import (
    PredictedTile,
    SceneScores,
    beside_baselines,
    score,
    unbeaten_baseline,
)
from ml_core.raster.grid import Window
from tests.builders.scenes import backscatter, data_of, ice


def with_grid(data, **more):
    return dataclasses.replace(data, grid=dataclasses.replace(data.grid, **more))


@pytest.fixture(scope="module")
def pair():
    """Two scenes of the same ice, the second a cell (2 px) farther south and with other speckle."""
    sic = ice((98, 128))
    first, second = (data_of(s, backscatter(s, k)) for k, s in enumerate((sic[:96], sic[2:])))
    return {
        "first": first,
        "second": with_grid(second, transform=second.grid.transform @ Affine.translation(0, 2)),
    }


def cells_of(data):
    return data.sums[..., -1] / data.cells.count


def errors_of(scenes):
    """RMSE on the second scene of a network that gives 5 % too much, and of the baselines."""
    reference = cells_of(scenes["second"])
    scored = SceneScores(ErrorSums(), Density([0, 100]), reference + 5, reference)
    splits = {
        "first": Split.full(scenes["first"].cells),
        "second": Split.held_out(scenes["second"].cells),
    }
    return beside_baselines({"second": scored}, scenes, splits)


def test_the_nearest_cell_is_looked_for_on_the_ground_that_scenes_share(pair):
    found = errors_of(pair)
    assert set(found) == {"network", "mean", "linear", "nearest"}
    assert found["network"] == pytest.approx(5)
    # the same ice, but for the last row, which the first scene does not reach
    error = np.zeros_like(cells_of(pair["second"]))
    error[-1] = cells_of(pair["first"])[-1] - cells_of(pair["second"])[-1]
    assert found["nearest"] == pytest.approx(np.sqrt(np.square(error).mean()))
    mean = cells_of(pair["first"]).mean()
    rmse = np.sqrt(np.square(cells_of(pair["second"]) - mean).mean())
    assert found["mean"] == pytest.approx(rmse)
    assert found["linear"] < 0.6 * found["mean"]


def test_scenes_in_different_projections_have_no_position_in_common(pair):
    scenes = {**pair, "first": with_grid(pair["first"], crs=CRS.from_epsg(6931))}
    assert set(errors_of(scenes)) == {"network", "mean", "linear"}


def test_the_best_baseline_that_a_network_does_not_beat():
    assert unbeaten_baseline({"network": 14.0, "linear": 12.25, "mean": 30.0}) == "linear"
    assert unbeaten_baseline({"network": 14.0, "linear": 14.0}) == "linear"
    assert unbeaten_baseline({"network": 9.0, "linear": 12.0, "mean": 30.0}) is None
    assert unbeaten_baseline({}) is None
    assert unbeaten_baseline({"network": 9.0}) is None


def test_a_sharp_map_is_scored_by_its_means_over_footprints():
    field = gaussian_filter(np.random.default_rng(0).normal(size=(160, 192)), 12)
    truth = (field > 0).astype(np.float32)
    reference = gaussian_filter(100 * truth, 16 / 2.3548)
    data = data_of(reference, backscatter(reference), footprint_px=16)
    valid = np.zeros(truth.shape, bool)
    valid[:, 40:] = True  # as of a validation part
    windows = [Window(row, col, 64, 64) for row in range(0, 160, 64) for col in range(0, 192, 64)]
    tiles = [
        PredictedTile(w, 100 * truth[w.slices], reference[w.slices], valid[w.slices])
        for w in (window.clipped(*truth.shape) for window in windows)
    ]
    by_pixels = score(tiles, data)
    by_footprints = score(tiles, data, 16)
    assert by_pixels.scores.rmse_percent > 15
    # not 0: at the part's edge half of a footprint is unknown, and cells have a quarter of one
    assert by_footprints.scores.rmse_percent < 5
    # corners of the part have less than half of a footprint
    assert 0.95 * valid.sum() < by_footprints.scores.count < valid.sum()
    assert by_footprints.density.counts.sum() == by_footprints.scores.count
    known = np.isfinite(by_footprints.predicted)
    assert not known[:, : 40 // data.cells.size_px].any()
    off = by_footprints.predicted[known] - by_footprints.reference[known]
    assert np.sqrt(np.mean(off**2)) == pytest.approx(by_footprints.scores.rmse_percent, rel=0.05)
