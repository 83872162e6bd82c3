import numpy as np
import pytest

from ml_core.inputs.sentinel1.texture import REACH_PX, Equalisation

SIDE, LOOKS = 240, 40.0


def noisy(surface, nesz, seed=0):
    """Power of a surface, its noise subtracted, with the speckle of both."""
    generator = np.random.default_rng(seed)
    speckle = generator.gamma(LOOKS, 1 / LOOKS, (SIDE, SIDE))
    return ((surface + nesz) * speckle - nesz).astype(np.float32)


def border():
    """NESZ that falls by 6 dB in the middle, as from EW1 to EW2."""
    nesz = np.full((SIDE, SIDE), 4e-3, np.float32)
    nesz[:, SIDE // 2 :] = 1e-3
    return nesz


INNER = np.s_[REACH_PX : SIDE // 2 - REACH_PX], np.s_[SIDE // 2 + REACH_PX : -REACH_PX]


def test_grain_is_as_strong_on_both_sides_of_a_border_and_the_mean_stays():
    water, nesz = 10**-3.1, border()
    power = noisy(water, nesz)
    valid = np.ones(power.shape, bool)
    found = Equalisation(1.2e-3, LOOKS).applied(power, valid, nesz)
    strong, weak = (found[:, part] for part in INNER)
    before = power[:, INNER[0]].std() / power[:, INNER[1]].std()
    assert before > 2.5
    assert strong.std() / weak.std() < 1.4
    assert strong.mean() == pytest.approx(power[:, INNER[0]].mean(), rel=0.02)
    # weaker noise than the level stays as it is
    np.testing.assert_allclose(weak, power[:, INNER[1]], rtol=1e-5, atol=1e-8)


def test_an_ice_edge_and_a_ship_stay():
    nesz = np.full((SIDE, SIDE), 4e-3, np.float32)
    surface = np.full((SIDE, SIDE), 10**-3.1)
    surface[:, :60] = 10**-1.6
    surface[120, 180] = 1.0
    power = noisy(surface, nesz)
    found = Equalisation(1e-3, LOOKS).applied(power, np.ones(power.shape, bool), nesz)
    assert found[120, 180] == pytest.approx(power[120, 180], rel=0.02)
    ice, water = found[:, 50:58].mean(), found[:, 62:70].mean()
    assert ice == pytest.approx(power[:, 50:58].mean(), rel=0.02)
    assert water == pytest.approx(power[:, 62:70].mean(), abs=0.05 * float(ice))


def test_pixels_that_are_not_valid_do_not_count():
    nesz = np.full((SIDE, SIDE), 4e-3, np.float32)
    power = noisy(1e-3, nesz)
    valid = np.random.default_rng(1).random(power.shape) < 0.7
    spoiled = np.where(valid, power, np.nan).astype(np.float32)
    found = Equalisation(1e-3, LOOKS).applied(spoiled, valid, nesz)
    assert np.isfinite(found[valid]).all()
    assert found[valid].mean() == pytest.approx(power[valid].mean(), rel=0.03)
    assert found[valid].std() < 0.6 * power[valid].std()
