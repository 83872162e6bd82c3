import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.read import read
from tests.builders.sicproducts import nsidc_binary, place


def test_nsidc_binary(tmp_path):
    values = np.zeros((448, 304), np.uint8)
    values[0, :4] = 250, 125, 1, 0
    values[1, :5] = 251, 253, 254, 254, 255
    product = read(nsidc_binary(tmp_path / "nt_20150201_f17_v1.1_n.bin", values=values))
    np.testing.assert_allclose(product.sic_percent[0, :4], (100, 50, 0.4, 0), rtol=1e-6)
    assert np.isnan(product.sic_percent[1, :5]).all()
    assert product.excluded == {
        "pole hole (251)": 1,
        "coast (253)": 1,
        "land (254)": 2,
        "missing (255)": 1,
    }
    assert product.date == "2015-02-01"
    assert product.footprint.sensor == "SSMIS"
    assert product.footprint.size_m == 56_000


def test_nsidc_binary_cut_short(tmp_path):
    path = tmp_path / "nt_20150201_f17_v1.1_n.bin"
    nsidc_binary(path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(SeaIceError, match=r"100000 bytes, but .* 136492 \(north\), 105212 \(sou"):
        read(str(path))


def test_nsidc_binary_of_another_grid(tmp_path):
    path = nsidc_binary(tmp_path / "nt_x.bin", columns=999)
    with pytest.raises(SeaIceError, match="has 999 columns and 448 rows, but the north grid"):
        read(path)


def test_real_nsidc_0051_north(real_data):
    product = read(str(real_data / "sic_products/nsidc0051/nt_20010106_f13_v1.1_n.bin"))
    assert product.date == "2001-01-06"
    assert product.footprint.sensor == "SSM/I"
    assert product.excluded == {"pole hole (251)": 468, "coast (253)": 5052, "land (254)": 63212}
    sic = product.sic_percent
    assert np.isnan(sic[place(product, 0, 89.9)])  # pole hole
    assert np.isnan(sic[place(product, -40, 75)])  # Greenland
    assert np.isnan(sic[place(product, 16, 78)])  # Spitsbergen
    assert sic[place(product, 180, 80)] > 95  # Arctic Ocean
    assert sic[place(product, -85, 60)] > 90  # Hudson Bay in January
    assert sic[place(product, 0, 70)] == 0  # Norwegian Sea
    # the Arctic's ice extent in January, million km2
    assert 12 < (sic > 15).sum() * 625e-6 < 16


def test_real_nsidc_0051_south(real_data):
    product = read(str(real_data / "sic_products/nsidc0051/nt_201301_f17_v1.1_s.bin"))
    assert product.date == "2013-01-01/2013-01-31"
    assert product.excluded == {"coast (253)": 902, "land (254)": 21103}
    assert np.isnan(product.sic_percent[place(product, 0, -85)])
    assert product.sic_percent[place(product, -50, -70)] > 60  # western Weddell Sea
    assert product.sic_percent[place(product, 60, -55)] == 0
