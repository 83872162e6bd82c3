import numpy as np
import pytest

from ml_core.evaluation import accumulator as module
from ml_core.evaluation.accumulator import Block, Comparison
from ml_core.evaluation.bins import CHART, PERCENT, TENTHS
from ml_core.evaluation.extent import places
from ml_core.evaluation.flags import COMPARED, LAND, NO_PREDICTION
from ml_core.raster.grid import Window

SHAPE = (50, 70)


def fields(seed):
    rng = np.random.default_rng(seed)
    reference = np.clip(rng.normal(50, 60, SHAPE), 0, 100).astype(np.float32)
    predicted = np.clip(reference + rng.normal(3, 15, SHAPE), 0, 100).astype(np.float32)
    kinds = rng.choice([COMPARED, LAND, NO_PREDICTION], SHAPE, p=[0.8, 0.1, 0.1]).astype(np.uint8)
    predicted[kinds == NO_PREDICTION] = np.nan
    reference[kinds == LAND] = np.nan
    return predicted, reference, kinds


def compared(grid, predicted, reference, kinds, height, width):
    comparison = Comparison(grid)
    for row in range(0, SHAPE[0], height):
        for col in range(0, SHAPE[1], width):
            window = Window(row, col, height, width).clipped(*SHAPE)
            parts = (array[window.slices] for array in (predicted, reference, kinds))
            comparison.add(Block(window, *parts, np.full((window.height, window.width), 2.0)))
    return comparison


@pytest.fixture
def grid(make_grid):
    return make_grid(*SHAPE)


@pytest.mark.parametrize("bins", [PERCENT, TENTHS, CHART])
def test_every_binning_has_the_errors_of_its_cells(grid, bins):
    predicted, reference, kinds = fields(1)
    found = compared(grid, predicted, reference, kinds, 16, 16).grouped(bins).scores()
    edges = [-np.inf, *bins.starts, np.inf]
    for scores, low, high in zip(found, edges[:-1], edges[1:], strict=True):
        here = (kinds == COMPARED) & (reference >= low) & (reference < high)
        assert scores.count == here.sum()
        if scores.count:
            error = (predicted - reference)[here].astype(float)
            assert scores.bias_percent == pytest.approx(error.mean(), abs=1e-4)
            assert scores.rmse_percent == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)


def test_blocks_add_up_to_the_whole(grid):
    predicted, reference, kinds = fields(2)
    whole = compared(grid, predicted, reference, kinds, *SHAPE)
    parts = compared(grid, predicted, reference, kinds, 7, 13)
    assert parts.ice.iiee_km2 == pytest.approx(whole.ice.iiee_km2)
    np.testing.assert_array_equal(parts.kind_counts, whole.kind_counts)
    np.testing.assert_array_equal(parts.confusion.counts, whole.confusion.counts)
    np.testing.assert_array_equal(parts.density.counts, whole.density.counts)
    for found, expected in zip(parts.edges(), whole.edges(), strict=True):
        np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0))


def edge_by_hand(sic, here):
    """Rows and columns of compared cells of 15 % or more beside compared ones of less."""
    for row, col in zip(*np.nonzero(here & (sic >= 15)), strict=True):
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if 0 <= r < SHAPE[0] and 0 <= c < SHAPE[1] and here[r, c] and sic[r, c] < 15:
                yield row, col
                break


@pytest.mark.parametrize("strip", [1, 3, 4_000_000])
def test_edges_are_those_of_the_whole_raster(grid, monkeypatch, strip):
    monkeypatch.setattr(module, "_STRIP_CELLS", strip * SHAPE[1])
    predicted, reference, kinds = fields(3)
    comparison = compared(grid, predicted, reference, kinds, 16, 16)
    here = kinds == COMPARED
    for found, sic in zip(comparison.edges(), (predicted, reference), strict=True):
        rows, cols = np.array(list(edge_by_hand(sic, here))).T
        np.testing.assert_allclose(found, places(grid, rows, cols))


def test_the_overview_keeps_every_cell(grid, monkeypatch):
    monkeypatch.setattr(module, "OVERVIEW_PX", 20)
    predicted, reference, kinds = fields(4)
    comparison = compared(grid, predicted, reference, kinds, 16, 16)
    assert comparison.factor == 4
    assert comparison.overview.shape == (6, 13, 18)
    assert comparison.overview[0].sum() == (kinds == COMPARED).sum()
    error, mean = comparison.overview_means()
    part = np.s_[4:8, 8:12]
    here = kinds[part] == COMPARED
    assert mean[1, 2] == pytest.approx(reference[part][here].mean(), rel=1e-5)
    assert error[1, 2] == pytest.approx((predicted - reference)[part][here].mean(), rel=1e-4)


def test_the_sample_is_thinned_evenly(grid, monkeypatch):
    predicted, reference, kinds = fields(5)
    assert (
        compared(grid, predicted, reference, kinds, 9, 9).sample()[0].row.size
        == (kinds == COMPARED).sum()
    )
    monkeypatch.setattr(module, "_MOST_SAMPLED", 400)
    sample, of_prediction = compared(grid, predicted, reference, kinds, 9, 9).sample()
    assert 200 < sample.row.size <= 400
    assert set(sample.row % 3) == set(sample.col % 3) == {0}
    np.testing.assert_array_equal(sample.sic, reference[sample.row, sample.col])
    np.testing.assert_array_equal(of_prediction, predicted[sample.row, sample.col])


def test_kinds_are_counted_with_their_area(grid):
    predicted, reference, kinds = fields(6)
    comparison = compared(grid, predicted, reference, kinds, 16, 16)
    assert comparison.kind_counts[LAND] == (kinds == LAND).sum()
    assert comparison.kind_km2[LAND] == 2 * (kinds == LAND).sum()
