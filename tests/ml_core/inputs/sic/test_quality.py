import dataclasses

import netCDF4
import numpy as np
import pytest

from ml_core.inputs.sic.quality import DEFAULT_RULES
from ml_core.inputs.sic.read import read
from tests.builders.sicproducts import CONFIDENCE, STATUS_450, add_field, climate_record

SHAPE = (40, 30)


def rules(**changes):
    return dataclasses.replace(DEFAULT_RULES, **changes)


def sigma(shape=SHAPE):
    """Uncertainties of 2 to 25 %."""
    return np.linspace(2, 25, shape[0] * shape[1]).reshape(shape).astype(np.float32)


@pytest.fixture
def osi450_flagged(osi450):
    """Rows of the file, from the south, with each bit of its status flag set in one column."""
    path = osi450[0]
    with netCDF4.Dataset(path, "a") as dataset:
        status = dataset["status_flag"]
        for column, bit in enumerate(STATUS_450["flag_masks"].tolist(), 10):
            status[:, 20, column] |= np.int16(bit)
    return path


def test_flags_are_honoured_and_counted(osi450_flagged):
    product = read(osi450_flagged, time="1")
    missing = ~np.isfinite(product.sic_percent[::-1][20, 10:18])
    names = STATUS_450["flag_meanings"].split()
    assert dict(zip(names, missing.tolist(), strict=True)) == {
        "land": True,
        "lake": True,
        "open_water_filtered": False,
        "land_spill_over": True,
        "high_t2m": True,
        "spatial_interp": True,
        "temporal_interp": True,
        "max_ice_climo": False,
    }
    assert product.excluded == {
        "land (1)": 15,
        "flagged: land": 1,
        "flagged: lake": 1,
        "flagged: land spill-over": 1,
        "flagged: warm air": 1,
        "flagged: interpolated": 2,
    }
    notes = "\n".join(product.notes)
    assert "kept although flagged: 1 px, open-water or weather filter" in notes
    assert "kept although flagged: 1 px, ice climatology" in notes


def test_flags_may_be_kept(osi450_flagged):
    everything = read(osi450_flagged, time="1", rules=rules(dropped=()))
    assert everything.excluded == {"land (1)": 15}
    lakes = read(osi450_flagged, time="1", rules=rules(dropped=("lake",)))
    assert lakes.excluded == {"land (1)": 15, "flagged: lake": 1}


def test_value_with_two_flags_counts_once(osi450):
    path = osi450[0]
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["status_flag"][:, 20, 10] = 8 + 16
    excluded = read(path, time="1").excluded
    assert sum(excluded.values()) == 15 + 1
    assert read(path, time="1", rules=rules(dropped=("high_temperature",))).excluded == {
        "land (1)": 15,
        "flagged: warm air": 1,
    }


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("total_standard_uncertainty", "%", 1.0),
        ("total_standard_error", "%", 1.0),
        ("total_uncertainty", "1", 1.0),  # OSI-401: percent by its manual, the unit says 1
        ("total_uncertainty", "1", 0.01),
    ],
)
def test_uncertainty_is_kept_in_percent_and_turned_with_the_rows(osi450, name, unit, factor):
    path = osi450[0]
    values = (sigma() * factor).astype(np.float32)
    values[5, 5] = -999
    add_field(path, name, values, units=unit, _FillValue=np.float32(-999))
    product = read(path, time="1")
    expected = sigma()
    expected[5, 5] = np.nan
    expected[:3, :5] = np.nan  # land has no SIC
    np.testing.assert_allclose(product.uncertainty_percent, expected[::-1], rtol=1e-5)
    assert product.uncertainty_name == name
    assert f"uncertainty: {name}, median" in "\n".join(product.notes)
    assert "1 px with a SIC have none" in "\n".join(product.notes)


def test_uncertainty_packed_in_integers(osi401):
    packed = np.round(sigma() * 100).astype(np.int16)
    add_field(osi401[0], "total_uncertainty", packed, units="%", scale_factor=0.01)
    found = read(osi401[0]).uncertainty_percent
    assert found[20, 20] == pytest.approx(sigma()[20, 20], abs=0.006)


def test_which_uncertainty(osi401):
    path = osi401[0]
    add_field(path, "total_uncertainty", sigma(), units="%")
    add_field(path, "algorithm_uncertainty", sigma() / 2, units="%")
    assert read(path).uncertainty_name == "total_uncertainty"
    alone = read(path, rules=rules(uncertainty="algorithm"))
    assert alone.uncertainty_percent[20, 20] == pytest.approx(sigma()[20, 20] / 2)
    assert read(path, rules=rules(uncertainty="none")).uncertainty_percent is None
    # the uncertainty is ice_conc's, unless another field names it as its own
    add_field(path, "tud", sigma(), units="%", grid_mapping="Polar_Stereographic_Grid")
    assert read(path, variable="tud").uncertainty_percent is None
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["tud"].ancillary_variables = "total_uncertainty"
    assert read(path, variable="tud").uncertainty_name == "total_uncertainty"


def test_no_algorithm_uncertainty(osi401):
    add_field(osi401[0], "total_uncertainty", sigma(), units="%")
    product = read(osi401[0], rules=rules(uncertainty="algorithm"))
    assert product.uncertainty_name == "total_uncertainty"
    assert "no uncertainty of its algorithm alone" in "\n".join(product.notes)


def test_uncertainty_without_values(osi401):
    add_field(osi401[0], "total_uncertainty", np.full(SHAPE, np.nan, np.float32), units="%")
    product = read(osi401[0])
    assert product.uncertainty_percent is None
    assert "total_uncertainty holds no value where there is a SIC" in product.notes


def test_product_without_uncertainty(osi401):
    assert read(osi401[0]).uncertainty_percent is None


def test_confidence_levels(osi401):
    path = osi401[0]
    level = np.full(SHAPE, 5, np.int8)
    level[10, :6] = range(6)
    level[0, 0] = 0  # land: without SIC anyway
    add_field(path, "confidence_level", level, **CONFIDENCE)
    product = read(path)
    assert np.isfinite(product.sic_percent[10, :6]).tolist() == [False] * 3 + [True] * 3
    assert product.excluded == {
        "land (1)": 15,
        "confidence level 0 unprocessed": 1,
        "confidence level 1 erroneous": 1,
        "confidence level 2 unreliable": 1,
    }
    assert np.isfinite(read(path, rules=rules(least_confidence=5)).sic_percent).sum() == 1180
    assert np.isfinite(read(path, rules=rules(least_confidence=0)).sic_percent).sum() == 1185


def test_an_ice_edge_that_is_left_out_is_warned_of(osi401):
    path, sic = osi401
    unreliable = np.where((sic > 15) & (sic < 60), 2, 5).astype(np.int8)
    add_field(path, "confidence_level", unreliable, **CONFIDENCE)
    (warning,) = read(path).warnings
    assert "px with a SIC of 15-85 %: little of the ice edge is left" in warning
    assert read(path, rules=rules(least_confidence=2)).warnings == ()


NAMES_4 = ("qa_of_cdr_seaice_conc", "stdev_of_cdr_seaice_conc", "temporal_interpolation_flag")
NAMES_5 = (
    "cdr_seaice_conc_qa_flag",
    "cdr_seaice_conc_stdev",
    "cdr_seaice_conc_interp_temporal_flag",
)


@pytest.mark.parametrize("names", [NAMES_4, NAMES_5])
def test_climate_data_record(tmp_path, names):
    sic, qa, temporal = (np.zeros((332, 316), np.uint8) for _ in range(3))
    sic[100] = 50
    sic[120, :4] = 251, 252, 253, 254
    qa[100, :8] = [1, 2, 4, 8, 16, 32, 64, 128]
    temporal[100, 8:11] = [11, 0, 255]
    stdev = np.full((332, 316), 0.125, np.float32)
    stdev[100, 20] = -1
    path = climate_record(
        tmp_path / "seaice.nc", names=names, qa=qa, temporal=temporal, stdev=stdev, sic=sic
    )
    product = read(path)
    assert product.date == "2020-01-01"
    assert product.grid.crs.to_epsg() == 3412
    assert product.footprint.size_m == 56_000
    kept = np.isfinite(product.sic_percent[100, :11])
    assert kept.tolist() == [True, True, False, False, True, False, False, True, False, True, True]
    assert product.sic_percent[100, 0] == pytest.approx(50)
    assert product.excluded["flagged: land spill-over"] == 1
    assert product.excluded["flagged: interpolated"] == 3
    assert product.excluded["flagged: no input data"] == 1
    assert product.uncertainty_percent[100, 0] == pytest.approx(12.5)
    assert np.isnan(product.uncertainty_percent[100, [2, 20]]).all()
    assert "no full uncertainty" in "\n".join(product.notes)


def test_real_cersat_coast_is_left_out(real_data):
    path = str(real_data / "sic_products/ifremer_ssmi/20171002.nc")
    product, all_of_it = read(path), read(path, rules=rules(dropped=()))
    lost = np.isfinite(all_of_it.sic_percent).sum() - np.isfinite(product.sic_percent).sum()
    # its flags: 7806 px are coast, 1037 coast outside the region where ice occurs
    assert product.excluded["flagged: coast"] == lost == 7806 + 1037
    assert product.uncertainty_percent is None
