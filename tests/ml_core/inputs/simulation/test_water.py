import numpy as np
import pytest

from ml_core.inputs.simulation.water import cmod5n, open_water_hh, open_water_hv

ANGLES = (20, 30, 40, 45)
HH_DB = {
    (3, 0): (-6.4, -17.8, -25.0, -27.8),
    (3, 90): (-7.1, -19.6, -27.7, -30.8),
    (10, 0): (-1.4, -9.9, -16.0, -18.4),
    (10, 90): (-2.8, -13.2, -21.0, -24.0),
    (15, 0): (0.5, -6.8, -12.5, -14.8),
    (15, 90): (-1.9, -11.1, -17.7, -20.2),
}


@pytest.mark.parametrize(("wind", "expected"), HH_DB.items())
def test_open_water_hh(wind, expected):
    sigma0_db = 10 * np.log10(open_water_hh(*wind, ANGLES))
    np.testing.assert_allclose(sigma0_db, expected, atol=0.3)


def test_open_water_hv():
    sigma0_db = 10 * np.log10(open_water_hv([5, 10, 15, 20], 30))
    np.testing.assert_allclose(sigma0_db, (-38.7, -31.5, -27.5, -25.0), atol=1e-9)
    winds = np.linspace(1, 30, 50)
    assert (np.diff(open_water_hv(winds, 30)) > 0).all()


def test_wind_along_and_across_the_look():
    up, cross, down = 10 * np.log10(cmod5n(10.0, [0, 90, 180], 35.0))
    assert up > down > cross
    assert up - cross == pytest.approx(4.2, abs=0.5)
