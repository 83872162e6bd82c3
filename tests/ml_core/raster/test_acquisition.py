from hypothesis import given
from hypothesis import strategies as st

from ml_core.raster.acquisition import acquisition_of, of_files, polarisations

NAMES = ("SEAICE_NOISE", "SEAICE_FLOOR_DB", "SEAICE_RFI")
TAGS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("a", "b")))


@given(TAGS, TAGS)
def test_what_noise_and_floor_of_each_file_are_comes_back(copol, crosspol):
    acquisition = acquisition_of(copol, crosspol)
    for name in ("SEAICE_NOISE", "SEAICE_FLOOR_DB"):
        assert of_files(acquisition, name) == (copol.get(name, ""), crosspol.get(name, ""))
    assert {name: acquisition[name] for name in copol} == copol


def test_equal_tags_stand_once_and_others_than_ours_not_at_all():
    tags = {"SEAICE_PRODUCT": "S1A", "AREA_OR_POINT": "Area"}
    found = acquisition_of(
        {**tags, "SEAICE_POLARISATION": "HH"}, {**tags, "SEAICE_POLARISATION": "HV"}
    )
    assert found == {"SEAICE_PRODUCT": "S1A", "SEAICE_POLARISATION": "HH"}


def test_records_of_a_time_when_files_were_alike_hold_for_both():
    assert of_files({"SEAICE_NOISE": "ESA, range"}, "SEAICE_NOISE") == ("ESA, range",) * 2


def test_the_polarisations_are_hh_and_hv_where_nothing_says_otherwise():
    assert polarisations({}) == ("HH", "HV")
    assert polarisations({"SEAICE_POLARISATION": "VV"}) == ("VV", "VH")
