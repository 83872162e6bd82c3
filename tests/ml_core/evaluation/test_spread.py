import numpy as np
import pytest
from scipy.stats import norm

from ml_core.evaluation.spread import SpreadSums


def drawn(seed, n=50_000):
    """Errors that are as large as their spread."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.5, 25, n)
    return rng.normal(0, spread), spread, rng.uniform(0, 100, n)


def summed(error, spread, reference):
    sums = SpreadSums()
    for part in np.array_split(np.arange(error.size), 3):
        sums.add(error[part], spread[part], reference[part])
    return sums


def test_coverage_equals_a_count_by_hand():
    error, spread, reference = drawn(1)
    sums = summed(error, spread, reference)
    for level in (0.5, 0.68, 0.9, 0.95):
        expected = np.mean(np.abs(error) <= norm.ppf((1 + level) / 2) * spread)
        assert sums.coverage(level) == pytest.approx(expected, abs=0.004)
        assert sums.coverage(level) == pytest.approx(level, abs=0.01)
    assert sums.count == error.size


def test_skill_and_coverage_by_sic():
    error, spread, reference = drawn(3)
    sums = summed(error, spread, reference)
    for _, count, stated, rmse in sums.skill():
        assert count > 0
        assert rmse == pytest.approx(stated, rel=0.05)
    rows = sums.coverage_by_sic()
    assert [row[0] for row in rows][0::11] == ["0", "100"]
    assert sum(row[1] for row in rows) == error.size
    here = (reference >= 10.5) & (reference < 20.5)
    held = np.mean(np.abs(error[here]) <= 1.6449 * spread[here])
    assert dict((row[0], row[2]) for row in rows)["11–20"] == pytest.approx(held)


def test_no_spread_at_all_holds_only_errors_of_zero():
    sums = summed(np.array([0.0, 3.0]), np.zeros(2), np.array([0.0, 0.0]))
    assert sums.coverage(0.9) == 0.5


def test_without_cells_coverage_is_undefined():
    assert SpreadSums().coverage(0.9) is None
