import numpy as np
import pytest

from ml_core.inputs.simulation.instrument import (
    EDGES_DEG,
    NESZ_HV_DB,
    NoiseFloor,
    incidence_row,
    speckle_db,
)
from ml_core.raster.grid import Window


def test_incidence_follows_the_orbit():
    row = incidence_row(10487, 40.0, 18.9, None)
    assert row[0] == pytest.approx(18.9, abs=0.01)
    assert row[-1] == pytest.approx(46.4, abs=0.5)
    assert incidence_row(300, 80.0, 19.0, 46.0)[-1] == pytest.approx(46.0, abs=0.1)


def test_noise_floor_has_the_subswaths_levels_steps_and_scalloping():
    floor = NoiseFloor(incidence_row(5000, 80.0, 18.9, 46.4), 80.0, "HV", 0.3)
    noise = floor.on(Window(0, 0, 2530, 5000))  # ten bursts
    levels = [10 * np.log10(noise[:, floor.subswath == k].mean()) for k in range(5)]
    np.testing.assert_allclose(levels, NESZ_HV_DB, atol=0.1)
    row_db = 10 * np.log10(noise.mean(axis=0))
    steps = np.flatnonzero(np.abs(np.diff(row_db)) > 0.3)
    angles = incidence_row(5000, 80.0, 18.9, 46.4)[steps]
    # as in the annotation, EW2 ends as noisy as EW3 begins
    np.testing.assert_allclose(angles, np.delete(EDGES_DEG[1:-1], 1), atol=0.02)
    along_db = 10 * np.log10(noise[:, 600])
    assert np.ptp(along_db) == pytest.approx(0.9, abs=0.05)
    np.testing.assert_allclose(along_db[:253], along_db[253:506], atol=0.02)


@pytest.mark.parametrize("looks", [1.0, 4.0, 10.0, 50.0])
def test_speckle_has_the_looks_and_is_correlated_over_2_px(looks):
    power = 10 ** (speckle_db(1, 0, Window(5, -9, 1000, 1000), looks) / 10)
    assert power.mean() == pytest.approx(1.0, abs=0.01)
    assert power.mean() ** 2 / power.var() == pytest.approx(looks, rel=0.05)
    by_lag = [np.corrcoef(power[:, :-k].ravel(), power[:, k:].ravel())[0, 1] for k in (1, 2, 3)]
    assert by_lag[0] == pytest.approx(0.65, abs=0.05)
    assert by_lag[1] == pytest.approx(0.15, abs=0.05)
    assert abs(by_lag[2]) < 0.02


def test_speckle_agrees_between_windows():
    whole = speckle_db(1, 0, Window(0, 0, 200, 200), 10.0)
    np.testing.assert_array_equal(
        speckle_db(1, 0, Window(90, 70, 50, 60), 10.0), whole[90:140, 70:130]
    )
