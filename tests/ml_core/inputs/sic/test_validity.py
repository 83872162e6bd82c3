from datetime import datetime

import netCDF4
import pytest

from ml_core.inputs.sic.validity import validity

UNITS = "hours since 2024-03-01 00:00:00"


@pytest.fixture
def period(tmp_path):
    """The validity of a field in a file of some times, in hours of March 2024."""

    def period(times, step=0, *, date="2024-03-01T12:00", bounds=None, **attributes):
        with netCDF4.Dataset(tmp_path / "sic.nc", "w") as dataset:
            dataset.createDimension("time", len(times))
            dataset.createDimension("nv", 2)
            time = dataset.createVariable("time", "f8", ("time",))
            time.units = UNITS
            time[:] = times
            if bounds:
                time.bounds = "time_bnds"
                dataset.createVariable("time_bnds", "f8", ("time", "nv"))[:] = bounds
            dataset.setncatts(attributes)
            return validity(dataset, "time", step, date)

    return period


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0, 24), "2024-03-01"),
        ((0, 72), "2024-03-01/2024-03-03"),
        ((-12, 12), "2024-02-29T12:00/2024-03-01T12:00"),
        ((0, 24 - 1 / 3600), "2024-03-01"),  # to 23:59:59
        ((0, 31 * 24), "2024-03-01/2024-03-31"),
    ],
)
def test_bounds_of_the_time_give_the_period(period, bounds, expected):
    assert period([12], bounds=[bounds]) == expected


def test_each_time_has_its_own_bounds(period):
    bounds = [(24 * k, 24 * k + 24) for k in range(3)]
    assert period([12, 36, 60], 2, bounds=bounds) == "2024-03-03"


@pytest.mark.parametrize(
    "attributes",
    [
        {"time_coverage_start": "2024-03-01T00:00:00Z", "time_coverage_end": "20240301T235959Z"},
        {"start_date": "2024-03-01 00:00:00", "stop_date": "2024-03-02 00:00:00"},
        {"time_coverage_duration": "P1D"},
        {"time_resolution": "daily"},
    ],
)
def test_without_bounds_the_files_attributes_do(period, attributes):
    assert period([12], **attributes) == "2024-03-01"


@pytest.mark.parametrize(
    ("bounds", "attributes"),
    [
        (None, {}),
        ((12, 12), {}),  # no time between them
        ((24, 0), {}),
        ((float("nan"), 24), {}),
        ((1e300, 2e300), {}),
        (None, {"time_coverage_start": "spring", "time_coverage_end": "2024-03-02"}),
        (None, {"time_coverage_start": "2024-02-30", "time_coverage_end": "2024-03-02"}),
        (None, {"time_coverage_start": "1979-01-01", "time_coverage_end": "2024-03-02"}),
        (None, {"time_coverage_start": "2024-03-01"}),
    ],
)
def test_where_they_say_nothing_it_is_the_fields_own_time(period, bounds, attributes):
    found = period([12], bounds=[bounds] if bounds else None, **attributes)
    assert found == "2024-03-01T12:00"


def test_the_coverage_of_a_series_is_not_that_of_its_fields(period):
    covered = {"time_coverage_start": "2024-03-01", "time_coverage_end": "2024-03-03"}
    assert period([12, 36], 1, date="2024-03-02T12:00", **covered) == "2024-03-02T12:00"


def test_bounds_that_name_no_variable_are_ignored(tmp_path):
    with netCDF4.Dataset(tmp_path / "sic.nc", "w") as dataset:
        dataset.createDimension("time", 1)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units, time.bounds = UNITS, "absent"
        time[:] = 1
        assert validity(dataset, "time", 0, "2024-03-01T01:00") == "2024-03-01T01:00"


def test_days_come_back_from_a_file_as_they_were_observed(period):
    """An independent reading of the bounds by the library."""
    low, high = netCDF4.num2date([24.0, 96.0], UNITS)
    first, last = period([60], bounds=[(24, 96)]).split("/")
    assert datetime.fromisoformat(first) == datetime.fromisoformat(low.isoformat())
    assert (datetime.fromisoformat(high.isoformat()) - datetime.fromisoformat(last)).days == 1
