import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.evaluation.autoice import AutoIceScore, class_of, r2_percent

NAN = np.float32(np.nan)


def r2_of_pixels(predicted, chart):
    """The coefficient of determination, value by value as its definition has it."""
    mean = sum(chart) / len(chart)
    errors = sum((p - c) ** 2 for p, c in zip(predicted, chart, strict=True))
    return 1 - errors / sum((c - mean) ** 2 for c in chart)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_r2_is_that_of_all_pixels_of_all_scenes_together(seed, scenes):
    generator = np.random.default_rng(seed)
    score, every = AutoIceScore(), []
    for number in range(scenes):
        shape = generator.integers(2, 9, 2)
        chart = (10 * generator.integers(0, 11, shape)).astype(np.float32)
        predicted = np.clip(chart + generator.normal(0, 25, shape), -3, 103).astype(np.float32)
        chart[generator.random(shape) < 0.2] = NAN
        predicted[generator.random(shape) < 0.1] = NAN
        chart[0, 0], predicted[0, 0] = 0, 20
        chart[0, 1], predicted[0, 1] = 100, 70
        score.add(str(number), predicted, chart, 80)
        for p, c in zip(predicted.ravel(), chart.ravel(), strict=True):
            if p == p and c == c:
                every.append((min(10, max(0, int((p + 5) // 10))), int(c) // 10))
    result = score.result()
    assert result.r2_percent == pytest.approx(100 * r2_of_pixels(*zip(*every, strict=True)))
    assert result.pixels.count == len(every)
    assert set(result.scenes) == {str(number) for number in range(scenes)}


def test_a_perfect_map_scores_100_and_the_mean_0():
    counts = np.zeros((11, 11), np.int64)
    counts[0, 0] = counts[10, 10] = 7
    assert r2_percent(counts) == 100
    counts[:] = 0
    counts[0, 5] = counts[10, 5] = 7
    assert r2_percent(counts) == 0
    counts[:] = 0
    counts[0, 10] = counts[10, 0] = 7
    assert r2_percent(counts) == -300


def test_without_a_difference_in_the_charts_there_is_no_r2():
    counts = np.zeros((11, 11), np.int64)
    assert r2_percent(counts) is None
    counts[3, 2] = 9
    assert r2_percent(counts) is None


def test_classes_are_the_nearest_tens():
    assert class_of([-2, 0, 4.99, 5, 14.9, 95, 101]).tolist() == [0, 0, 0, 1, 1, 10, 10]


def test_an_area_of_one_sic_counts_once_however_large():
    chart = np.zeros((60, 60), np.float32)
    chart[:, 30:] = 90
    chart[10:20, 40:50] = 50  # 0.64 km2 within
    chart[30:52, 35:57] = 40  # 3.1 km2
    chart[:5] = NAN
    predicted = np.where(chart == 90, 80, np.where(chart == 40, 70, 5)).astype(np.float32)
    score = AutoIceScore()
    score.add("a", predicted, chart, 80)
    areas = score.result().areas
    assert areas.count == 3  # water, 90 and 40 %; 50 % is a sliver
    assert areas.rmse_percent == pytest.approx(np.sqrt((5**2 + 10**2 + 30**2) / 3))
    assert areas.bias_percent == pytest.approx((5 - 10 + 30) / 3)


def test_areas_that_do_not_touch_are_several():
    chart = np.full((20, 100), NAN)
    chart[:, :30], chart[:, 60:] = 20, 20
    predicted = np.where(np.arange(100) < 50, 20, 40) * np.ones((20, 1), np.float32)
    score = AutoIceScore()
    score.add("a", predicted.astype(np.float32), chart.astype(np.float32), 80)
    assert score.result().areas.count == 2
    assert score.result().areas.mae_percent == 10


def test_the_interval_of_the_rmse_holds_it_and_needs_twenty_scenes():
    generator = np.random.default_rng(4)
    score = AutoIceScore()
    for number in range(20):
        assert number == 0 or score.result().rmse_range_percent is None
        chart = np.full((9, 9), 10 * generator.integers(0, 11), np.float32)
        score.add(str(number), chart + np.float32(generator.normal(0, 10)), chart, 80)
    result = score.result()
    low, high = result.rmse_range_percent
    assert low < result.pixels.rmse_percent < high
    rmse = [scores.rmse_percent for scores in result.scenes.values()]
    assert min(rmse) < low
    assert high < max(rmse)
