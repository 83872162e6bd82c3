import numpy as np
import pytest

from ml_core.evaluation.polygons import PolygonComparison
from ml_core.raster.grid import Window
from ml_core.raster.polygon_bands import PolygonPixels


def compared(number, sic, predicted, low=None, high=None, block=9):
    low, high = (np.full_like(sic, np.nan) if b is None else b for b in (low, high))
    comparison = PolygonComparison()
    for window in Window(0, 0, *number.shape).blocks(block):
        at = window.slices
        polygons = PolygonPixels(number[at].astype(np.int32), low[at], high[at])
        comparison.add(window, polygons, sic[at], predicted[at])
    return comparison.result()


@pytest.mark.parametrize("seed", range(4))
def test_errors_are_distances_from_the_codes_by_area(seed):
    rng = np.random.default_rng(seed)
    number = np.sort(rng.choice([0, 3, 7, 2**24], 600)).reshape(20, 30)
    sic = np.select([number == 3, number == 7], [0.0, 60.0], 100.0).astype(np.float32)
    sic[rng.random(sic.shape) < 0.05] = np.nan
    predicted = rng.uniform(0, 100, sic.shape).astype(np.float32)
    found = compared(number, sic, predicted)
    squares, total, within = 0.0, 0, 0
    for one, low, high in ((3, 0, 0), (7, 55, 65), (2**24, 95, 100)):
        inside = (number == one) & np.isfinite(sic)
        mean = predicted[inside].mean(dtype=np.float64)
        error = mean - min(max(mean, low), high)
        squares, total = squares + inside.sum() * error**2, total + inside.sum()
        within += inside.sum() * (error == 0)
    assert found.scores.rmse_percent == pytest.approx(np.sqrt(squares / total), rel=1e-5)
    assert found.within == pytest.approx(within / total)
    assert (found.scores.count, found.left_out) == (3, 0)


def test_a_polygon_that_is_hardly_predicted_is_left_out():
    number = np.repeat([[1], [2]], 100, axis=1)
    sic = np.full(number.shape, 50, np.float32)
    predicted = sic.copy()
    predicted[0, :6] = np.nan  # 94 %
    predicted[1, :5] = np.nan  # 95 %
    found = compared(number, sic, predicted)
    assert (found.scores.count, found.left_out) == (1, 1)
    predicted[1] = np.nan
    assert compared(number, sic, predicted) is None


def test_ranges_of_codes_stay_as_they_are():
    number, sic = np.ones((4, 4)), np.full((4, 4), 95, np.float32)
    low, high = np.full_like(sic, 90), np.full_like(sic, 100)
    for predicted, error in ((91, 0), (85, -5)):
        found = compared(number, sic, np.full_like(sic, predicted), low, high)
        assert found.scores.bias_percent == pytest.approx(error)
