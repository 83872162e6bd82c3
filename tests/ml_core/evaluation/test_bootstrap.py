import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ml_core.evaluation.bootstrap import autocorrelation, intervals, is_below
from ml_core.evaluation.metrics import ErrorSums


def field(rng, side, sigma_px):
    """A Gaussian field of variance 1 with autocorrelation exp(-(d / 2 sigma)^2), not periodic."""
    margin = 4 * sigma_px
    noise = rng.normal(size=(side + 2 * margin, side + 2 * margin))
    smooth = gaussian_filter(noise, sigma_px, mode="constant")
    return smooth[margin:-margin, margin:-margin] * 2 * sigma_px * np.sqrt(np.pi)


def sums_of(error):
    """Sums in which every valid cell is a part of its own."""
    sums = ErrorSums(error.size)
    valid = np.isfinite(error.ravel())
    sums.add(error.ravel()[valid] + 40, np.full(valid.sum(), 40), np.nonzero(valid)[0])
    return sums.sums.reshape(6, *error.shape)


def test_autocorrelation_is_that_of_the_field():
    rng = np.random.default_rng(1)
    profiles = [autocorrelation(field(rng, 200, 4))[:9] for _ in range(8)]
    expected = np.exp(-((np.arange(9) / 8) ** 2))
    np.testing.assert_allclose(np.mean(profiles, axis=0), expected, atol=0.05)


def test_autocorrelation_leaves_out_missing_cells():
    rng = np.random.default_rng(2)
    error = field(rng, 150, 4)
    whole = autocorrelation(error)
    holes = np.where(rng.uniform(size=error.shape) < 0.3, np.nan, error)
    np.testing.assert_allclose(autocorrelation(holes)[:8], whole[:8], atol=0.05)


@pytest.mark.parametrize("error", [np.full((5, 5), 3.0), np.full((4, 4), np.nan)])
def test_autocorrelation_of_a_constant_is_that_of_one_cell(error):
    np.testing.assert_array_equal(autocorrelation(error), [1])


@pytest.mark.parametrize("sigma_px", [1, 5])
def test_intervals_hold_their_level(sigma_px):
    """95 % intervals of simulated errors, of known bias and RMSE, cover them 88-99 % of the time.

    150 fields: a true level of 95 % falls outside with a probability below 0.001. Drawing cells
    one by one covers less than half where they are correlated (see the next test).
    """
    rng = np.random.default_rng(3)
    covered = {"rmse_percent": 0, "bias_percent": 0}
    true = {"rmse_percent": np.hypot(2, 10), "bias_percent": 2.0}
    for trial in range(150):
        found = intervals(sums_of(2 + 10 * field(rng, 100, sigma_px)), seed=trial)
        for name, value in true.items():
            low, high = found.ranges[name]
            covered[name] += low <= value <= high
    for count in covered.values():
        assert 0.88 <= count / 150 <= 0.99


def test_correlated_errors_give_wider_intervals_than_independent_ones():
    rng = np.random.default_rng(4)
    widths = []
    for sigma_px in (1, 6):
        low, high = intervals(sums_of(10 * field(rng, 120, sigma_px))).ranges["bias_percent"]
        widths.append(high - low)
    assert widths[1] > 3 * widths[0]


def test_intervals_are_withheld_where_blocks_are_few():
    found = intervals(sums_of(field(np.random.default_rng(5), 60, 12)))
    assert found.ranges == {}
    assert found.blocks < 20
    assert f"holds {found.blocks} independent blocks only; 20 are needed" in found.withheld
    assert found.block_px >= found.autocorrelation_px


def test_intervals_are_withheld_without_cells():
    assert intervals(np.zeros((6, 30, 30))).withheld


def test_the_same_seed_gives_the_same_intervals():
    sums = sums_of(field(np.random.default_rng(6), 60, 1))
    assert intervals(sums, seed=1) == intervals(sums, seed=1)
    assert intervals(sums, seed=1) != intervals(sums, seed=2)


def paired(seed, gain, blocks=30, cells=50):
    """Errors of two predictors that share most of their error, by block."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), cells)
    shared = rng.normal(0, 10, block.size)
    own, other = (shared + rng.normal(0, 4, blocks)[block] for _ in range(2))
    return own, other * (1 + gain), block


def test_chance_is_distinguished_from_a_lower_error():
    wins = [is_below(*paired(seed, 0.0)) for seed in range(300)]
    assert 0.005 < np.mean(wins) < 0.06  # 2.5 % of even pairs
    assert np.mean([is_below(*paired(seed, 0.3)) for seed in range(50)]) > 0.95
    own, other, block = paired(1, 0.3)
    assert is_below(other, own, block) is False


def test_few_blocks_show_nothing():
    assert is_below(*paired(1, 0.3, blocks=19)) is None
