import numpy as np
import pytest
from scipy.stats import norm

from ml_core.evaluation.intervals import DEVIATIONS, IntervalSums


def drawn(seed, n=50_000):
    """References, and intervals that hold 90 % of them, closed at 0 and 100 %."""
    rng = np.random.default_rng(seed)
    predicted, std = rng.uniform(0, 100, n), rng.uniform(0.5, 12, n)
    reference = np.clip(predicted + rng.normal(0, std), 0, 100)
    reach = norm.ppf(0.95) * std
    return np.clip(predicted - reach, 0, 100), np.clip(predicted + reach, 0, 100), reference


def summed(lower, upper, reference):
    sums = IntervalSums()
    for part in np.array_split(np.arange(reference.size), 3):
        sums.add(lower[part], upper[part], reference[part])
    return sums


def test_coverage_width_and_score_equal_those_by_hand():
    lower, upper, reference = drawn(1)
    sums = summed(lower, upper, reference)
    assert sums.count == reference.size
    assert sums.coverage == pytest.approx(np.mean((lower <= reference) & (reference <= upper)))
    assert sums.width_percent == pytest.approx(np.mean(upper - lower))
    outside = np.where(reference < lower, lower - reference, np.maximum(reference - upper, 0))
    assert sums.score_percent == pytest.approx(np.mean(upper - lower + 20 * outside))


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_the_score_is_least_for_the_right_width(factor):
    lower, upper, reference = drawn(2)
    inside = (lower > 0) & (upper < 100)
    middle, half = ((upper + lower) / 2)[inside], ((upper - lower) / 2)[inside]
    right = summed(middle - half, middle + half, reference[inside])
    other = summed(middle - factor * half, middle + factor * half, reference[inside])
    assert right.score_percent < other.score_percent


def test_rows_by_width_and_by_sic():
    lower, upper, reference = drawn(3)
    sums = summed(lower, upper, reference)
    for rows in (sums.rows_by_width(), sums.rows_by_sic()):
        assert sum(row[1] for row in rows) == reference.size
        assert np.average([row[3] for row in rows], weights=[row[1] for row in rows]) == (
            pytest.approx(np.mean(upper - lower))
        )
    here = (reference >= 10.5) & (reference < 20.5)
    held = np.mean((lower <= reference)[here] & (reference <= upper)[here])
    assert {row[0]: row[2] for row in sums.rows_by_sic()}["11–20"] == pytest.approx(held)


def test_a_reference_on_a_bound_is_held():
    zero = np.zeros(2, np.float32)
    assert summed(zero, zero, np.array([0.0, 3.0])).coverage == 0.5


def test_without_cells_nothing_is_defined():
    sums = IntervalSums()
    assert (sums.coverage, sums.width_percent, sums.score_percent) == (None, None, None)
    assert pytest.approx(1.645, abs=1e-3) == DEVIATIONS
