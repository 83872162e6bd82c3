import dataclasses

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from ml_core.datasets.polygon_split import draw_polygons
from ml_core.datasets.split import TRAINING, VALIDATION, Split
from ml_core.evaluation.metrics import Density, ErrorSums
from ml_core.evaluation.scene_scores import (
    NETWORK,
    PredictedTile,
    SceneScores,
    beside_baselines,
    score_observed,
    score_pixels,
    unbeaten_baseline,
)
from ml_core.raster.grid import Window
from tests.builders.charts import chart_data_of
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


def test_means_over_supports_are_scored_once_each():
    reference = ice((160, 192), footprint_px=16)
    data = data_of(reference, backscatter(reference), footprint_px=16)
    index = np.arange(0, len(data.observations), 3)
    error = np.random.default_rng(0).normal(0, 3, index.size)
    predicted = data.observations.percent[index] + error
    found = score_observed(predicted, index, data)
    assert found.scores.count == index.size
    assert found.scores.rmse_percent == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-3)
    assert found.density.counts.sum() == index.size
    cell = data.cells.size_px
    inside = (data.observations.row[index] // cell == 2) & (
        data.observations.col[index] // cell == 6
    )
    assert found.predicted[2, 6] == pytest.approx(predicted[inside].mean())


def test_within_an_interval_a_mean_is_not_in_error():
    reference = ice((64, 64), footprint_px=16)
    data = data_of(reference, backscatter(reference), footprint_px=16)
    seen = data.observations
    wide = dataclasses.replace(seen, low=seen.percent - 5, high=seen.percent + 5)
    data = dataclasses.replace(data, observations=wide)
    every = np.arange(len(seen))
    assert score_observed(seen.percent + 4, every, data).scores.rmse_percent == 0
    found = score_observed(seen.percent - 7, every, data).scores
    assert found.rmse_percent == pytest.approx(2, rel=1e-3)
    assert found.bias_percent == pytest.approx(-2, rel=1e-3)


def test_pixels_are_scored_where_the_reference_is_as_fine_as_these():
    reference = ice((96, 128))
    data = data_of(reference, backscatter(reference))
    valid = np.random.default_rng(0).random(reference.shape) < 0.5
    windows = [Window(row, col, 64, 64) for row in range(0, 96, 64) for col in range(0, 128, 64)]
    tiles = [
        PredictedTile(w, reference[w.slices] + 3, reference[w.slices], valid[w.slices])
        for w in (window.clipped(*reference.shape) for window in windows)
    ]
    found = score_pixels(tiles, data)
    assert found.scores.count == valid.sum() == found.density.counts.sum()
    assert found.scores.rmse_percent == pytest.approx(3, rel=1e-4)
    known = np.isfinite(found.predicted)
    assert found.predicted[known] - found.reference[known] == pytest.approx(3, rel=1e-4)


def test_of_a_chart_polygons_are_compared_with_their_intervals_by_area():
    data = chart_data_of((80, 100), seed=3)
    split = draw_polygons(data, 0.4, np.random.default_rng(1))
    seen = data.observations
    roles = split.roles_of(seen)
    index = np.flatnonzero(roles == VALIDATION)
    rng = np.random.default_rng(2)
    predicted = rng.uniform(0, 100, index.size).astype(np.float32)
    scored = score_observed(predicted, index, data)
    low, high, area = seen.low[index], seen.high[index], seen.area_px[index]
    error = predicted - np.clip(predicted, low, high)
    expected = np.sqrt(np.average(error**2, weights=area))
    assert scored.scores.rmse_percent == pytest.approx(expected, rel=1e-4)
    # cells show the polygon that their middle lies in
    cells = np.isfinite(scored.predicted)
    share = cells.mean() / (np.isin(data.polygons, index + 1).mean())
    assert share == pytest.approx(1, abs=0.1)
    found = beside_baselines({"a": scored}, {"a": data}, {"a": split})
    assert found[NETWORK] == pytest.approx(expected, rel=0.1)  # areas by cells
    # the mean of what trains is the same everywhere
    mean = np.average(seen.percent[roles == TRAINING], weights=seen.area_px[roles == TRAINING])
    off = mean - np.clip(mean, low, high)
    assert found["mean"] == pytest.approx(np.sqrt(np.average(off**2, weights=area)), rel=0.1)
    perfect = score_observed(seen.percent[index], index, data)
    assert perfect.scores.rmse_percent == 0
    assert beside_baselines({"a": perfect}, {"a": data}, {"a": split})[NETWORK] == 0
