import netCDF4
import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.read import read


def test_osi401(osi401):
    path, sic = osi401
    product = read(path)
    expected = sic.copy()
    expected[:3, :5] = np.nan
    np.testing.assert_allclose(product.sic_percent, expected, atol=0.006)
    assert product.grid.crs.to_epsg() == 3411
    assert product.grid.transform.a == pytest.approx(10_000)
    assert product.grid.transform.c == pytest.approx(-100_000)
    assert product.grid.transform.f == pytest.approx(250_000)
    assert product.excluded == {"land (1)": 15}
    assert product.footprint.size_m == 56_000
    assert "agree within 0 m" in product.notes[0]


def test_osi408_averages_less_ground(osi408):
    assert read(osi408[0]).footprint.size_m == 18_000


def test_osi450_turns_rows_north_up_and_wants_a_time(osi450):
    path, sic = osi450
    message = "it holds 3 times along 'time'; give one as Time: 2015-12-26T12:00, 2015-12-27T"
    with pytest.raises(SeaIceError, match=message):
        read(path)
    first, second = read(path, time="2015-12-26"), read(path, time="2")
    assert second.date == "2015-12-27"  # by the bounds of its time, noon
    expected = sic[::-1].copy()
    expected[-3:, :5] = np.nan
    np.testing.assert_allclose(first.sic_percent, expected, atol=0.006)
    np.testing.assert_allclose(second.sic_percent, np.maximum(expected - 1, 0), atol=0.006)
    assert first.grid.crs.to_epsg() == 6931
    assert first.grid.transform.e == pytest.approx(-25_000)
    assert first.grid.transform.f == pytest.approx(25 * 25_000)
    assert first.excluded == {"land (1)": 15}


@pytest.mark.parametrize("time", ["2016-01-01", "7", "2015-12"])
def test_time_that_does_not_single_out_one(osi450, time):
    with pytest.raises(SeaIceError, match=f"Time '{time}' is (none|more than one) of its 3 times"):
        read(osi450[0], time=time)


def test_nsidc_netcdf(nsidc_v2):
    product = read(nsidc_v2)
    assert product.sic_percent[120, 5] == pytest.approx(50)
    assert product.excluded == {"coast (253)": 7, "land (254)": 40}
    assert product.date == "2020-01-01"
    assert product.grid.crs.to_epsg() == 3412
    assert product.footprint.sensor == "SSMIS"


def test_netcdf_with_several_fields(nsidc_v2):
    with netCDF4.Dataset(nsidc_v2, "a") as dataset:
        dataset.createVariable("F18_ICECON", "u1", ("time", "y", "x"))[:] = 0
    with pytest.raises(SeaIceError, match="several SIC fields; give one as Variable: F17_ICECON"):
        read(nsidc_v2)
    assert read(nsidc_v2, variable="F17_ICECON").sic_percent[120, 5] == pytest.approx(50)
    with pytest.raises(SeaIceError, match="no field 'sic'; its fields are F17_ICECON, F18_ICECON"):
        read(nsidc_v2, variable="sic")


def test_netcdf_cut_short(osi401, tmp_path):
    path = tmp_path / "short.nc"
    with open(osi401[0], "rb") as file:
        path.write_bytes(file.read()[:3000])
    with pytest.raises(SeaIceError, match=r"short.nc: cannot be opened as NetCDF"):
        read(str(path))


def test_real_cersat(real_data):
    product = read(str(real_data / "sic_products/ifremer_ssmi/20171002.nc"))
    assert product.grid.crs.to_epsg() == 3412
    assert product.grid.transform.a == 12_500
    assert product.excluded["land (1)"] == 88_251
    assert product.footprint.size_m == 14_000
    # its land lies where NSIDC's does, which it would not if rows or columns were turned
    path = real_data / "sic_products/nsidc0051/nt_201301_f17_v1.1_s.bin"
    ocean = np.isfinite(read(str(path)).sic_percent)
    icy = (product.sic_percent > 15).reshape(332, 2, 316, 2).all(axis=(1, 3))
    assert (icy & ocean).sum() > 0.98 * icy.sum()
    assert (icy[::-1] & ocean).sum() < 0.9 * icy.sum()
