import numpy as np
import pytest

from ml_core.prediction.calibration import Calibration, calibrate, coverage, held_out_coverage


def cells(seed, n=4000, scale=3.0, floor=4.0):
    """Errors whose true standard deviation follows from a spread by a known scale and floor."""
    rng = np.random.default_rng(seed)
    spread = rng.gamma(2, 2, n)
    return rng.normal(0, np.hypot(scale * spread, floor)), spread


@pytest.mark.parametrize(("scale", "floor"), [(3.0, 4.0), (0.5, 0.0), (0.1, 8.0)])
def test_calibration_finds_scale_and_floor(scale, floor):
    error, spread = cells(1, scale=scale, floor=floor)
    found = calibrate(error, spread)
    expected = np.hypot(scale * spread, floor)
    assert np.median(np.abs(found.apply(spread) / expected - 1)) < 0.08


def test_the_interval_holds_its_level_on_other_cells():
    found = calibrate(*cells(2))
    assert coverage(*cells(3), found) == pytest.approx(0.9, abs=0.02)
    assert coverage(*cells(3), Calibration()) < 0.5


def test_heavy_tails_do_not_spoil_the_interval():
    rng = np.random.default_rng(4)
    spread = rng.gamma(2, 2, 4000)
    error = spread * rng.standard_t(2.5, 4000)
    assert coverage(error, spread, calibrate(error, spread)) == pytest.approx(0.9, abs=0.02)


def test_held_out_coverage_never_judges_the_cells_it_was_fitted_to():
    error, spread = cells(5, n=600)
    group = np.arange(600) // 150
    error[group == 3] *= 8  # one block is much worse than the others
    assert held_out_coverage(error, spread, group) < 0.85
    assert coverage(error, spread, calibrate(error, spread)) == pytest.approx(0.9, abs=0.01)
    assert held_out_coverage(error, spread, np.zeros(600, int)) is None


def test_no_spread_at_all_leaves_the_floor():
    rng = np.random.default_rng(6)
    found = calibrate(rng.normal(0, 5, 500), np.zeros(500))
    assert found.apply([0.0])[0] == pytest.approx(5, rel=0.1)


def test_nothing_stays_nothing():
    assert np.isnan(Calibration(2, 3).apply([np.nan]))[0]
