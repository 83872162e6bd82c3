import numpy as np
import pytest

from ml_core.evaluation.accumulator import Block, Comparison
from ml_core.evaluation.flags import COMPARED
from ml_core.evaluation.result import DISTANCE_BINS, conclude
from ml_core.raster.grid import Window

SHAPE, CELL_M = (40, 60), 10_000


def comparison_of(grid, predicted, reference):
    comparison = Comparison(grid)
    kinds = np.full(SHAPE, COMPARED, np.uint8)
    comparison.add(Block(Window(0, 0, *SHAPE), predicted, reference, kinds, np.full(SHAPE, 100.0)))
    return comparison


@pytest.fixture
def fields():
    """Water in the west, ice in the east; the prediction's edge is three cells too far west."""
    reference = np.zeros(SHAPE, np.float32)
    reference[:, 30:] = 90
    predicted = np.zeros(SHAPE, np.float32)
    predicted[:, 27:] = 90
    return predicted, reference


def test_the_edges_distance_and_the_errors_near_it(fields, make_grid):
    result = conclude(comparison_of(make_grid(*SHAPE, CELL_M), *fields), CELL_M, seed=1)
    # true distances; the map's scale differs by some percent
    assert result.edge.mean_km == pytest.approx(30, rel=0.06)
    assert result.scores.rmse_percent == pytest.approx(90 * np.sqrt(3 / 60))
    rmse = [scores.rmse_percent for scores in result.by_distance.scores()]
    count = [scores.count for scores in result.by_distance.scores()]
    assert sum(count) == 40 * 60
    far = DISTANCE_BINS.labels.index("50–100")
    assert rmse[far] == 0
    assert max(value for value in rmse if value is not None) > 30
    assert not result.water_left_out


def test_baselines_are_ranked_and_scored_on_the_same_cells(fields, make_grid):
    predicted, reference = fields
    result = conclude(comparison_of(make_grid(*SHAPE, CELL_M), predicted, reference), CELL_M, 1)
    found = {baseline.name: baseline for baseline in result.ranked_baselines}
    assert "linear" not in found  # no backscatter was given
    errors = [baseline.scores.rmse_percent for baseline in result.ranked_baselines]
    assert errors == sorted(errors)
    assert found["mean"].scores.rmse_percent == pytest.approx(45, abs=1)  # half 0, half 90
    assert found["column_mean"].scores.rmse_percent < 1  # the columns are all that differs
    assert not found["column_mean"].is_beaten
    assert found["mean"].is_beaten
    assert result.best_baseline.scores.rmse_percent == errors[0]


def test_a_reference_without_low_sic_leaves_out_water(fields, make_grid):
    predicted, reference = fields
    reference = np.maximum(reference, 15)
    result = conclude(comparison_of(make_grid(*SHAPE, CELL_M), predicted, reference), CELL_M, 1)
    assert result.water_left_out
