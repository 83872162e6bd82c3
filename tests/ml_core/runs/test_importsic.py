import netCDF4
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import ImportSicJob
from tests.builders.jobs import execute
from tests.builders.sicproducts import CONFIDENCE, add_field, geotiff, nsidc_binary


def imported(messages, path, output, **parameters):
    job = ImportSicJob(product=str(path), output=str(output), **parameters)
    done, _ = execute(job, events=messages)
    with rasterio.open(output) as dataset:
        return done, dataset.read(1), dataset.tags(), dataset.profile


def test_output_is_percent_with_footprint_and_date(tmp_path, messages):
    values = np.zeros((448, 304), np.uint8)
    values[10, 10], values[20, 20:23] = 200, 254
    path = nsidc_binary(tmp_path / "nt.bin", values=values)
    done, sic, tags, profile = imported(messages, path, tmp_path / "sic.tif")
    assert sic[10, 10] == pytest.approx(80)
    assert (sic[20, 20:23] == -9999).all()
    assert profile["dtype"] == "float32"
    assert profile["nodata"] == -9999
    assert profile["crs"].to_epsg() == 3411
    assert tags["SEAICE_FOOTPRINT_M"] == "56000"
    assert tags["SEAICE_FOOTPRINT_SOURCE"].startswith("SSMIS at 19.35 GHz")
    assert tags["SEAICE_DATE"] == "2015-02-01"
    assert "without SIC: 3 px, land (254)" in messages.text
    assert done.numbers["VALID_FRACTION"] == pytest.approx(1 - 3 / (448 * 304))


def test_footprint_by_hand_and_unknown(tmp_path, messages):
    path = geotiff(tmp_path / "a.tif", np.array([[0, 50, 100]], np.uint8))
    tags = imported(messages, path, tmp_path / "sic.tif", footprint=20000)[2]
    assert tags["SEAICE_FOOTPRINT_M"] == "20000"
    tags = imported(messages, path, tmp_path / "sic.tif")[2]
    assert "SEAICE_FOOTPRINT_M" not in tags
    assert "the footprint of this product is not known" in messages.warnings


@pytest.fixture
def bremen(tmp_path):
    """15-100 % in the upper part, then sea without value, then land without value."""
    values = np.full((60, 40), np.nan, np.float32)
    values[:20] = np.linspace(15, 100, 800).reshape(20, 40)
    return geotiff(tmp_path / "bremen_sea_ice_conc_2022_9_9.tif", values)


def test_hidden_water_without_mask(bremen, tmp_path, messages):
    sic = imported(messages, bremen, tmp_path / "sic.tif")[1]
    assert (sic[20:] == -9999).all()
    assert "the lowest SIC is 15 %: open water has no value" in messages.warnings
    assert "would never see water; give a mask" in messages.warnings


def test_hidden_water_with_mask_of_another_grid(bremen, tmp_path, messages):
    mask = np.ones((30, 20), np.uint8)
    mask[20:] = 0
    path = tmp_path / "mask.tif"
    geotiff(path, mask, pixel_m=12500.0)
    sic = imported(messages, bremen, tmp_path / "sic.tif", mask=str(path))[1]
    assert (sic[:20] >= 15).all()
    assert (sic[20:40] == 0).all()
    assert (sic[40:] == -9999).all()
    assert "800 px of sea without a value are set to 0 %" in messages.warnings


def test_mask_elsewhere(bremen, tmp_path, messages):
    path = tmp_path / "mask.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=5,
        width=5,
        count=1,
        dtype="uint8",
        crs="EPSG:3031",
        transform=from_origin(1e6, -1e6, 1000, 1000),
    ) as dataset:
        dataset.write(np.ones((1, 5, 5), np.uint8))
    with pytest.raises(SeaIceError, match=r"mask.tif does not overlap the SIC product"):
        imported(messages, bremen, tmp_path / "sic.tif", mask=str(path))
    assert not (tmp_path / "sic.tif").exists()


def test_uncertainty_becomes_band_2(osi401, tmp_path, messages):
    path = osi401[0]
    sigma = np.linspace(2, 25, 1200, dtype=np.float32).reshape(40, 30)
    sigma[20, 20] = np.nan
    add_field(path, "total_uncertainty", sigma, units="%")
    add_field(path, "confidence_level", np.full((40, 30), 2, np.int8), **CONFIDENCE)
    imported(messages, path, tmp_path / "sic.tif", least_confidence=2)
    with rasterio.open(tmp_path / "sic.tif") as dataset:
        sic, band = dataset.read()
        assert dataset.descriptions[1] == "Uncertainty of the sea-ice concentration"
        assert dataset.units == ("%", "%")
        assert dataset.tags()["SEAICE_UNCERTAINTY_BAND"] == "2"
        assert dataset.tags()["SEAICE_UNCERTAINTY"] == "total_uncertainty"
    has = (sic >= 0) & np.isfinite(sigma)
    np.testing.assert_allclose(band[has], sigma[has], rtol=1e-6)
    assert (band[~has] == -9999).all()
    assert "uncertainty: total_uncertainty, median" in messages.text
    with pytest.raises(
        SeaIceError, match=r"no pixel with SIC is left; check the mask .* Least conf"
    ):
        imported(messages, path, tmp_path / "none.tif")
    assert "without SIC: 1185 px, confidence level 2 unreliable" in messages.text


def test_flagged_values_may_be_kept(osi450, tmp_path, messages):
    with netCDF4.Dataset(osi450[0], "a") as dataset:
        dataset["status_flag"][:, 20, 10] = 8
    more = {"time": "1"}
    path, output = osi450[0], tmp_path / "sic.tif"
    done, *_ = imported(messages, path, output, **more)
    assert "without SIC: 1 px, flagged: land spill-over" in messages.text
    kept, *_ = imported(messages, path, output, dropped_flags="nothing", **more)
    assert kept.numbers["VALID_FRACTION"] - done.numbers["VALID_FRACTION"] == pytest.approx(
        1 / 1200
    )
    assert "kept although flagged: 1 px, land spill-over" in messages.text
    with pytest.raises(JobError, match="Flags left out is missing"):
        ImportSicJob(product=path, output=str(output), dropped_flags=())
    with pytest.raises(JobError, match="'spill' is not one of land, lake, coast"):
        ImportSicJob(product=path, output=str(output), dropped_flags="spill")


def test_no_band_2_without_uncertainty(osi401, tmp_path, messages):
    _, _, tags, profile = imported(messages, osi401[0], tmp_path / "sic.tif")
    assert profile["count"] == 1
    assert "SEAICE_UNCERTAINTY_BAND" not in tags
