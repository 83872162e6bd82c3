import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.read import read
from tests.builders.sicproducts import geotiff, place


def test_bremen_hides_its_water(tmp_path):
    values = np.full((40, 40), np.nan, np.float32)
    values[:20] = np.linspace(15, 100, 800).reshape(20, 40)
    product = read(geotiff(tmp_path / "bremen_sea_ice_conc_2022_9_9.tif", values))
    assert product.hides_water
    assert product.date == "2022-09-09"
    assert product.footprint.sensor == "AMSR2"
    values[20:30] = 0
    assert not read(geotiff(tmp_path / "full.tif", values)).hides_water


def test_raster_with_scale_and_flags_by_hand(tmp_path):
    values = np.array([[0, 125, 250, 251, 254, 254]], np.uint8)
    product = read(geotiff(tmp_path / "a.tif", values), scale=0.4, flags=(250,))
    np.testing.assert_allclose(product.sic_percent[0, :2], (0, 50))
    assert np.isnan(product.sic_percent[0, 2:]).all()
    assert product.excluded == {
        "flag 250": 1,
        "value outside 0-100 %: 251": 1,
        "value outside 0-100 %: 254": 2,
    }
    assert product.footprint is None


def test_sea_ice_index(tmp_path):
    values = np.array([[0, 500, 1000, 2510, 2540, 2550]], np.uint16)
    product = read(geotiff(tmp_path / "N_20200101_concentration_v3.0.tif", values))
    np.testing.assert_allclose(product.sic_percent[0, :3], (0, 50, 100), rtol=1e-6)
    assert "pole hole (2510)" in product.excluded
    assert product.footprint.size_m == 56_000


def test_fractions(tmp_path):
    product = read(geotiff(tmp_path / "a.tif", np.array([[0, 0.25, 1.0]], np.float32)))
    np.testing.assert_allclose(product.sic_percent[0], (0, 25, 100))
    assert "taken as fractions" in product.notes[0]


def test_raster_without_sic(tmp_path):
    with pytest.raises(SeaIceError, match="no value is a SIC between 0 and 100 % with the scale 1"):
        read(geotiff(tmp_path / "a.tif", np.full((3, 3), 270.0, np.float32)))


def test_real_nsidc_geotiff(real_data):
    product = read(str(real_data / "sic_products/nsidc_geotiff/nt_20201024_f18_nrt_s.tif"))
    assert product.grid.crs.to_epsg() == 3412
    assert "EPSG:3412" in product.notes[0]
    assert product.excluded == {"nodata or NaN": 22049}
    # the mean that the file's own statistics state
    assert np.nanmean(product.sic_percent) == pytest.approx(28.560288669249, abs=1e-4)


def test_real_bremen(real_data):
    path = real_data / "sic_products/bremen_amsr2/bremen_sea_ice_conc_2022_9_9.tif"
    product = read(str(path))
    assert product.hides_water
    assert product.grid.crs.to_epsg() == 3031
    assert np.nanmin(product.sic_percent) == pytest.approx(15.0, abs=0.01)
    assert product.sic_percent[place(product, -45, -68)] > 90  # Weddell Sea in September
