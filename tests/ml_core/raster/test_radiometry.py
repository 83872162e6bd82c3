import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_core.errors import SeaIceError
from ml_core.raster import radiometry


@settings(deadline=None)
@given(st.floats(-79, 39))
def test_db_and_linear_are_inverse(value):
    sigma0_db = np.array([value], dtype=np.float32)
    back = radiometry.linear_to_db(radiometry.db_to_linear(sigma0_db))
    assert back == pytest.approx(value, abs=1e-4)


def test_db_is_ten_times_the_decimal_logarithm():
    linear = radiometry.db_to_linear(np.array([-10, 0, 20], dtype=np.float32))
    assert linear == pytest.approx([0.1, 1, 100], rel=1e-6)


def test_power_of_zero_or_less_has_no_db():
    sigma0_db = radiometry.linear_to_db(np.array([0, -1e-4, np.nan, 1], dtype=np.float32))
    assert np.isnan(sigma0_db[:3]).all()
    assert sigma0_db[3] == 0


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(-55, -35))
def test_soft_db_keeps_power_of_either_sign(power, zero_db):
    zero = radiometry.db_to_power(zero_db)
    values = radiometry.soft_db(np.array([power], np.float32), zero)
    assert np.isfinite(values).all()
    back = radiometry.soft_power(values, zero)
    assert back == pytest.approx(power, rel=1e-4, abs=1e-3 * zero)


def test_soft_db_of_bright_power_is_its_db_and_of_none_the_floor():
    zero = radiometry.db_to_power(-40)
    values = radiometry.soft_db(np.array([1e-3, 0, -1e-3, 0.1], np.float32), zero)
    assert values == pytest.approx([-29.957, -40, -50.043, -10], abs=1e-3)


@pytest.mark.parametrize(("share", "error_db"), [(0.1, 0.02), (0.3, 0.05), (0.5, 0.2)])
def test_the_mean_in_db_of_noisy_power_is_that_of_the_power(share, error_db):
    """With the floor that files with noise are read with; a logarithm alone is 0.5 dB low."""
    signal, pixels, looks = 10**-3.1, 4.0, 12.0
    deviation = share * signal
    nesz_db = 10 * np.log10(deviation * np.sqrt(looks * pixels))
    tags = {"SEAICE_ZERO_DB": "-40", "SEAICE_NESZ_DB": str(nesz_db), "SEAICE_LOOKS": str(looks)}
    floor = radiometry.SoftFloor.of(tags, linear=False)
    noise = np.random.default_rng(0).normal(0, deviation, 200_000)
    values = radiometry.soft_db((signal + noise).astype(np.float32), floor.averaged(pixels))
    assert values.mean() == pytest.approx(-31, abs=error_db)


def test_files_without_tags_are_plain_db():
    assert radiometry.SoftFloor.of({}, linear=False) is None
    assert radiometry.SoftFloor.of({"SEAICE_ZERO_DB": "?"}, linear=False) is None
    linear = radiometry.SoftFloor.of({}, linear=True)
    assert linear.averaged(9) == pytest.approx(1e-4)


def test_block_mean_leaves_invalid_pixels_out_and_needs_half_of_a_block():
    values = np.array([[1, 3, 5, 1e9], [1e9, 1e9, 1e9, 1e9]], dtype=np.float32)
    valid = values < 10
    means, enough = radiometry.block_mean(values, valid, 2, 2)
    assert means[0, 0] == 2
    assert enough.tolist() == [[True, False]]


def test_block_mean_of_dissimilar_factors():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    means, enough = radiometry.block_mean(values, np.ones((4, 6), bool), 4, 3)
    assert np.array_equal(means, [[values[:, :3].mean(), values[:, 3:].mean()]])
    assert enough.all()


DB = np.linspace(-28, -8, 100, dtype=np.float32)


@pytest.mark.parametrize(
    ("sample", "unit", "dtype", "words"),
    [
        (10 ** (DB / 10), "db", "float32", ["look like linear power", "unit to linear"]),
        (DB, "linear", "float32", ["look like dB", "-27", "unit to db"]),
        (np.arange(256), "db", "uint8", ["0 to 255", "8-bit picture", "sigma0"]),
        (np.arange(256), "linear", "float32", ["8-bit picture"]),
        (np.arange(200, 3000), "linear", "uint16", ["digital numbers", "Import Sentinel-1"]),
        (np.arange(200, 3000), "db", "uint16", ["digital numbers"]),
        (DB * 100, "db", "int16", ["outside -80 to 40 dB", "scale"]),
        (np.linspace(50, 900, 99), "db", "float32", ["not sigma0 in dB"]),
        (np.linspace(150, 900, 99), "linear", "float32", ["no linear sigma0"]),
    ],
)
def test_values_that_contradict_their_unit_are_an_error(sample, unit, dtype, words):
    with pytest.raises(SeaIceError) as caught:
        radiometry.check_unit("hh.tif", sample.astype(np.float32), unit, dtype)
    for word in ["hh.tif", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("sample", "unit"),
    [
        (DB, "db"),
        (10 ** (DB / 10), "linear"),
        # noise removal makes dark water negative
        (np.linspace(-2e-4, 3e-4, 50), "linear"),
        # ships above 0 dB
        (np.append(DB, 12), "db"),
    ],
)
def test_values_that_fit_their_unit_pass(sample, unit):
    radiometry.check_unit("hh.tif", sample.astype(np.float32), unit, "float32")


def test_incidence_in_radians_is_an_error():
    with pytest.raises(SeaIceError, match="radians; give the incidence angle in degrees"):
        radiometry.check_incidence("ia.tif", np.array([0.32, 0.81], dtype=np.float32))
    with pytest.raises(SeaIceError, match="no incidence angle"):
        radiometry.check_incidence("ia.tif", np.array([20, 400], dtype=np.float32))
    radiometry.check_incidence("ia.tif", np.array([18.9, 46.4], dtype=np.float32))
